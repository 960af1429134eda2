"""Dimension order through a grid of switches whose lines are open, rings or complete, hop by hop.

Complexity: flows x hops x links of a switch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel
from weft.routing.hash_kernels import mix, unit
from weft.routing.shortest_kernels import Links, with_room

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

OPEN, RING, COMPLETE = 0, 1, 2


@kernel
def _hops(kind: int, k: int, place: int, goal: int, way: int) -> int:
    """Return the hops from place to goal on a line of k, upwards (way 0) or downwards; 0 where that is no short way."""
    ahead, back = goal - place, place - goal
    if kind == RING:
        ahead, back = ahead % k, back % k
    hops, other = (ahead, back) if way == 0 else (back, ahead)
    if hops <= 0 or (kind == RING and other < hops):
        return 0
    return 1 if kind == COMPLETE else hops


@kernel
def walk(
    g: Links,
    at: Longs,
    cell: Longs,
    shape: Longs,
    kind: Longs,
    orders: npt.NDArray[np.int64],
    src: Ints,
    dst: Ints,
    key: Keys,
    salt: Keys,
    even: bool,
) -> tuple[Longs, Ints, Floats, Flags]:
    """Route each flow once in each order of the dimensions.

    Args:
        g: the links.
        at: int64[cells], the switch in each place of the grid, the last dimension counted fastest.
        cell: int64[switches], the place of each switch.
        shape: int64[dimensions], switches along each.
        kind: int64[dimensions], OPEN, RING or COMPLETE.
        orders: int64[orders, dimensions].
        src, dst: int32[flows], switches.
        key: uint64[flows].
        salt: uint64[switches].
        even: share equal ways round a ring and parallel links evenly; else take one by a hash.

    Returns:
        (int64[flows · orders + 1] indptr, int32[entries] resource, float64[entries] share, bool[flows · orders] whole),
        the orders of a flow together; whole says that no link on the way is missing.
    """
    stride = np.ones(len(shape), np.int64)
    for d in range(len(shape) - 2, -1, -1):
        stride[d] = stride[d + 1] * shape[d + 1]
    routes = len(src) * len(orders)
    indptr, whole = np.zeros(routes + 1, np.int64), np.ones(routes, np.bool_)
    resource, share = np.empty(4 * routes + 16, np.int32), np.empty(4 * routes + 16)
    count = 0
    for route in range(routes):
        f = route // len(orders)
        here, there = cell[src[f]], cell[dst[f]]
        for d in orders[route % len(orders)]:
            k, start = shape[d], here
            place, goal = here // stride[d] % k, there // stride[d] % k
            up, down = _hops(kind[d], k, place, goal, 0), _hops(kind[d], k, place, goal, 1)
            part = 1.0
            if up > 0 and down > 0:
                if even:
                    part = 0.5
                elif unit(mix(key[f] ^ np.uint64(d)), salt[at[here]]) < 0.5:
                    up = 0
                else:
                    down = 0
            for way in range(2):
                hops, here, on = (up if way == 0 else down), start, place
                for _ in range(hops):
                    to = goal if kind[d] == COMPLETE else (on + 1 - 2 * way) % k
                    v, u = at[here], at[here + (to - on) * stride[d]]
                    here, on = here + (to - on) * stride[d], to
                    parallel = 0
                    for e in range(g.indptr[v], g.indptr[v + 1]):
                        parallel += g.head[e] == u
                    if parallel == 0:
                        whole[route] = False
                        continue
                    resource, share = with_room(resource, count + parallel), with_room(share, count + parallel)
                    nth = int(unit(key[f], salt[v]) * parallel)
                    for e in range(g.indptr[v], g.indptr[v + 1]):
                        if g.head[e] == u:
                            if even or nth == 0:
                                resource[count], share[count] = g.resource[e], part / parallel if even else 1.0
                                count += 1
                            nth -= 1
            here = start + (goal - place) * stride[d]
        indptr[route + 1] = count
    return indptr, resource[:count].copy(), share[:count].copy(), whole
