"""Shortest paths by hops in any graph of switches, one search backwards from each destination for all its flows.

The search goes level by level and ends as soon as every source of this destination has a neighbour in it: of a network
of diameter D it visits what is D - 1 hops away at most. A switch d hops away forwards over its links to switches d - 1
hops away; its choice among them goes by weights. Complexity: links near each destination, and for each flow the links
of the switches on its way. Memory: switches and what is returned.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from weft._jit import kernel
from weft.routing.hash_kernels import unit

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Number = TypeVar("Number", np.int32, np.float64)


class Links(NamedTuple):
    """Directed links between switches, those that leave a switch together, and again by the switch they enter.

    Attributes:
        indptr: int64[switches + 1].
        head: int32[edges].
        resource: int32[edges].
        rate_Bps: float64[edges].
        into: int64[switches + 1].
        tail: int32[edges], the switches whose edges enter a switch: ``tail[into[v]:into[v + 1]]``.
    """

    indptr: Longs
    head: Ints
    resource: Ints
    rate_Bps: Floats
    into: Longs
    tail: Ints


class Search(NamedTuple):
    """What a search fills in.

    Attributes:
        level: int32[switches], hops to the destination; -1 where the search did not come.
        beyond_Bps: float64[switches], what flows to the destination from here on, next hops being filled evenly.
        queue: int32[switches], the switches found, nearest first.
    """

    level: Ints
    beyond_Bps: Floats
    queue: Ints


@kernel
def search_of(switches: int) -> Search:
    """Return an empty search."""
    return Search(np.full(switches, -1, np.int32), np.zeros(switches), np.empty(switches, np.int32))


@kernel
def _hops(g: Links, s: Search, v: int) -> int:
    """Return the hops from switch v to the destination, as far as the search knows; -1 if it does not."""
    if s.level[v] >= 0:
        return int(s.level[v])
    least = -1
    for e in range(g.indptr[v], g.indptr[v + 1]):
        level = s.level[g.head[e]]
        if level >= 0 and (least < 0 or level < least):
            least = level
    return least + 1 if least >= 0 else -1


@kernel
def _look(g: Links, s: Search, dst: int, flows: Longs, src: Ints, hops: Ints, weighted: bool) -> int:
    """Search from a destination for the sources of some flows, note their hops, return how many switches were found."""
    for f in flows:
        hops[f] = -1
    s.level[dst], s.queue[0] = 0, dst
    s.beyond_Bps[dst] = np.inf
    begin, end, level = 0, 1, 0
    while begin < end:
        missing = 0
        for f in flows:
            if hops[f] < 0:
                hops[f] = _hops(g, s, src[f])
                missing += hops[f] < 0
        if not missing:
            break
        level += 1
        last = end
        for at in range(begin, last):
            v = s.queue[at]
            for e in range(g.into[v], g.into[v + 1]):
                u = g.tail[e]
                if s.level[u] < 0:
                    s.level[u], s.queue[end] = level, u
                    end += 1
        begin = last
    if weighted:
        for at in range(1, end):
            v = s.queue[at]
            s.beyond_Bps[v] = 0.0
            for e in range(g.indptr[v], g.indptr[v + 1]):
                if s.level[g.head[e]] == s.level[v] - 1:
                    s.beyond_Bps[v] += min(g.rate_Bps[e], s.beyond_Bps[g.head[e]])
    return end


@kernel
def _weight(g: Links, s: Search, e: int, level: int, weighted: bool) -> float:
    """Return the weight of an edge for a switch of this level: 0 if it is on no shortest path."""
    v = g.head[e]
    if s.level[v] != level - 1:
        return 0.0
    return min(g.rate_Bps[e], s.beyond_Bps[v]) if weighted else 1.0


@kernel
def _total(g: Links, s: Search, v: int, level: int, weighted: bool) -> float:
    """Return the weights of all edges that leave switch v, of this level."""
    total = 0.0
    for e in range(g.indptr[v], g.indptr[v + 1]):
        total += _weight(g, s, e, level, weighted)
    return total


@kernel
def _batch(order: Longs, dst: Ints, first: int) -> int:
    """Return the place after the last flow, from ``first`` in the order, that has the same destination."""
    last = first
    while last < len(order) and dst[order[last]] == dst[order[first]]:
        last += 1
    return last


@kernel
def _forget(s: Search, found: int) -> None:
    """Empty a search that found so many switches."""
    for at in range(found):
        s.level[s.queue[at]] = -1


@kernel
def with_room(array: npt.NDArray[Number], needed: int) -> npt.NDArray[Number]:
    """Return the array, or a copy of twice the length needed where it is too short."""
    if needed <= len(array):
        return array
    longer = np.empty(2 * needed, array.dtype)
    longer[: len(array)] = array
    return longer


@kernel
def hashed(
    g: Links, order: Longs, src: Ints, dst: Ints, key: Keys, salt: Keys, weighted: bool
) -> tuple[Longs, Ints, Flags]:
    """Route each flow over one link at every hop, each chosen by a hash.

    Args:
        g: the links.
        order: int64[flows], the flows sorted by destination.
        src, dst: int32[flows], switches.
        key: uint64[flows].
        salt: uint64[switches].
        weighted: by the capacity beyond each next hop.

    Returns:
        (int64[flows + 1] indptr, int32[entries] resource, bool[flows] reached), flows in the order of ``order``.
    """
    s, hops = search_of(len(g.indptr) - 1), np.empty(len(src), np.int32)
    indptr, reached = np.zeros(len(src) + 1, np.int64), np.zeros(len(src), np.bool_)
    resource = np.empty(4 * len(src) + 16, np.int32)
    first, count = 0, 0
    while first < len(order):
        goal, last = dst[order[first]], _batch(order, dst, first)
        found = _look(g, s, goal, order[first:last], src, hops, weighted)
        for i in range(first, last):
            f = order[i]
            reached[i] = hops[f] >= 0
            resource = with_room(resource, count + hops[f])
            v = src[f]
            for level in range(hops[f], 0, -1):
                chosen = -1
                left = unit(key[f], salt[v]) * _total(g, s, v, level, weighted)
                for e in range(g.indptr[v], g.indptr[v + 1]):
                    weight = _weight(g, s, e, level, weighted)
                    if weight > 0:
                        chosen = e
                        left -= weight
                        if left < 0:
                            break
                resource[count] = g.resource[chosen]
                count += 1
                v = g.head[chosen]
            indptr[i + 1] = count
        _forget(s, found)
        first = last
    return indptr, resource[:count].copy(), reached


@kernel
def spread(g: Links, order: Longs, src: Ints, dst: Ints, weighted: bool) -> tuple[Longs, Ints, Floats, Flags]:
    """Route each flow over all its shortest paths: every switch on the way splits what it gets by weight.

    Args:
        g, order, src, dst, weighted: as for `hashed`.

    Returns:
        (int64[flows + 1] indptr, int32[entries] resource, float64[entries] share, bool[flows] reached), flows in the
        order of ``order``.
    """
    switches = len(g.indptr) - 1
    s, hops = search_of(switches), np.empty(len(src), np.int32)
    indptr, reached = np.zeros(len(src) + 1, np.int64), np.zeros(len(src), np.bool_)
    resource, share = np.empty(8 * len(src) + 16, np.int32), np.empty(8 * len(src) + 16)
    amount = np.zeros(switches)
    here, after = np.empty(switches, np.int32), np.empty(switches, np.int32)
    first, count = 0, 0
    while first < len(order):
        goal, last = dst[order[first]], _batch(order, dst, first)
        found = _look(g, s, goal, order[first:last], src, hops, weighted)
        for i in range(first, last):
            f = order[i]
            reached[i] = hops[f] >= 0
            here[0], width = src[f], 1
            amount[src[f]] = 1.0
            for level in range(hops[f], 0, -1):
                wider = 0
                for at in range(width):
                    v = here[at]
                    total = _total(g, s, v, level, weighted)
                    needed = count + g.indptr[v + 1] - g.indptr[v]
                    resource, share = with_room(resource, needed), with_room(share, needed)
                    for e in range(g.indptr[v], g.indptr[v + 1]):
                        part = amount[v] * _weight(g, s, e, level, weighted) / total
                        if part <= 0:
                            continue
                        u = g.head[e]
                        if amount[u] == 0:
                            after[wider] = u
                            wider += 1
                        amount[u] += part
                        resource[count], share[count] = g.resource[e], part
                        count += 1
                    amount[v] = 0.0
                here, after, width = after, here, wider
            for at in range(width):
                amount[here[at]] = 0.0
            indptr[i + 1] = count
        _forget(s, found)
        first = last
    return indptr, resource[:count].copy(), share[:count].copy(), reached


@kernel
def distances(g: Links, order: Longs, src: Ints, dst: Ints) -> Ints:
    """Return the hops of each flow, int32[flows], -1 for no way; arguments as for `hashed`."""
    s, hops = search_of(len(g.indptr) - 1), np.empty(len(src), np.int32)
    first = 0
    while first < len(order):
        goal, last = dst[order[first]], _batch(order, dst, first)
        found = _look(g, s, goal, order[first:last], src, hops, False)
        _forget(s, found)
        first = last
    return hops
