"""Forwarding tables: for each switch and edge switch, all ports on a shortest way.

Ways are counted in links. Sets of ports that a switch uses for many edges, such as all its uplinks, are stored once.
O(edges x links) time, O(edges x switches + sets) memory.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel

FAR = 255  # hops to what cannot be reached
_LEVELS = 8  # of shares
_MOST = 1 << 16  # links of a set
_KEPT = 64  # sets of a switch that are compared with a new one


@kernel
def hops_to(
    edge_switch: npt.NDArray[np.int32],
    indptr: npt.NDArray[np.int64],
    link: npt.NDArray[np.int64],
    src: npt.NDArray[np.int32],
    alive: npt.NDArray[np.bool_],
    hops: npt.NDArray[np.uint8],
) -> None:
    """Fill uint8[switches, edges] with links from each switch to each edge, breadth first.

    Args:
        indptr, link: links into each switch, ``link[indptr[s]:indptr[s + 1]]``.
        src, alive: where each link comes from, and whether it can be used.
    """
    switches = hops.shape[0]
    queue = np.empty(switches, np.int32)
    for e in range(len(edge_switch)):
        for s in range(switches):
            hops[s, e] = FAR
        queue[0] = edge_switch[e]
        hops[edge_switch[e], e] = 0
        head, tail = 0, 1
        while head < tail:
            s = queue[head]
            head += 1
            for i in range(indptr[s], indptr[s + 1]):
                before = src[link[i]]
                if alive[link[i]] and hops[before, e] == FAR and hops[s, e] < FAR - 1:
                    hops[before, e] = hops[s, e] + 1
                    queue[tail] = before
                    tail += 1


@kernel
def capacity_beyond(
    hops: npt.NDArray[np.uint8],
    indptr: npt.NDArray[np.int64],
    link: npt.NDArray[np.int64],
    dst: npt.NDArray[np.int32],
    rate: npt.NDArray[np.float64],
    beyond: npt.NDArray[np.float64],
) -> None:
    """Fill float64[switches, edges] with what shortest ways from each switch carry to each edge.

    A next hop counts with its own link or what is beyond it, whichever is less (J. Zhou et al., WCMP, EuroSys 2014).
    O(edges x (switches x hops + links)).

    Args:
        indptr, link: links out of each switch.
        rate: float64[links], 0 for those that are down.
    """
    switches, edges = hops.shape
    for e in range(edges):
        farthest = 0
        for s in range(switches):
            beyond[s, e] = np.inf if hops[s, e] == 0 else 0.0
            if hops[s, e] != FAR:
                farthest = max(farthest, hops[s, e])
        for distance in range(1, farthest + 1):
            for s in range(switches):
                if hops[s, e] != distance:
                    continue
                for i in range(indptr[s], indptr[s + 1]):
                    head = dst[link[i]]
                    if hops[head, e] + 1 == distance:
                        beyond[s, e] += min(rate[link[i]], beyond[head, e])


@kernel
def _shares(
    chosen: npt.NDArray[np.int32],
    count: int,
    e: int,
    dst: npt.NDArray[np.int32],
    rate: npt.NDArray[np.float64],
    beyond: npt.NDArray[np.float64],
    copies: npt.NDArray[np.int32],
) -> None:
    """Fill how often each of the chosen links stands in a set: in eighths of the widest, at least once, reduced."""
    widest, common = 0.0, 0
    for j in range(count):
        widest = max(widest, min(rate[chosen[j]], beyond[dst[chosen[j]], e]))
    for j in range(count):
        x = min(rate[chosen[j]], beyond[dst[chosen[j]], e]) / widest
        copies[j] = max(1, int(_LEVELS * x + 0.5))
        a, b = common, int(copies[j])
        while b:
            a, b = b, a % b
        common = a
    for j in range(count):
        copies[j] //= common


@kernel
def count_sets(
    hops: npt.NDArray[np.uint8],
    indptr: npt.NDArray[np.int64],
    link: npt.NDArray[np.int64],
    dst: npt.NDArray[np.int32],
    rate: npt.NDArray[np.float64],
    beyond: npt.NDArray[np.float64],
    next_set: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int32],
    ports: npt.NDArray[np.int32],
) -> tuple[int, int]:
    """Fill the tables and return how many sets and ports there are; where ``rows`` is too small, only count.

    Args:
        indptr, link: links out of each switch.
        dst, rate: where each link goes, and its rate, 0 where it is down.
        beyond: float64[switches, edges], what next hops have beyond them, by which they get shares: links stand in a
            set as often as that is more; with no rows, every link stands in it once.
        next_set: int32[switches, edges], -1 where there is no way.
        rows: int32[sets, 2], first port and how many.
        ports: int32, links; the caller numbers ports.
    """
    switches, edges = hops.shape
    sets, used = 0, 0
    chosen, single, copies = np.empty(_MOST, np.int32), np.empty(_MOST, np.int32), np.ones(_MOST, np.int32)
    for s in range(switches):
        own = sets
        for e in range(edges):
            next_set[s, e] = -1
            if hops[s, e] == 0 or hops[s, e] == FAR:
                continue
            count = 0
            for i in range(indptr[s], indptr[s + 1]):
                if rate[link[i]] > 0 and hops[dst[link[i]], e] + 1 == hops[s, e] and count < len(chosen):
                    chosen[count] = link[i]
                    count += 1
            if count == 0:
                continue
            if len(beyond) > 0:
                single[:count] = chosen[:count]
                _shares(single, count, e, dst, rate, beyond, copies)
                ways, count = count, 0
                for j in range(ways):
                    for _ in range(copies[j]):
                        if count < len(chosen):
                            chosen[count] = single[j]
                            count += 1
            found = -1
            for k in range(max(own, sets - _KEPT), sets):
                if sets <= len(rows) and rows[k, 1] == count:
                    same = True
                    for j in range(count):
                        if ports[rows[k, 0] + j] != chosen[j]:
                            same = False
                            break
                    if same:
                        found = k
                        break
            if found < 0:
                found = sets
                if sets < len(rows) and used + count <= len(ports):
                    rows[sets, 0], rows[sets, 1] = used, count
                    for j in range(count):
                        ports[used + j] = chosen[j]
                sets += 1
                used += count
            next_set[s, e] = found
    return sets, used
