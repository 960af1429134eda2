"""Places flows one by one on the shorter of two queues, as UGAL's routers do packet by packet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@kernel
def _add(indptr: Longs, resource: Ints, share: Floats, path: int, fill: Floats, capacity: Floats, sign: float) -> float:
    """Put a path's load on its resources, or take it off; return the fullest's fill."""
    top = 0.0
    for e in range(indptr[path], indptr[path + 1]):
        r = resource[e]
        fill[r] += sign * share[e] / capacity[r]
        top = max(top, fill[r])
    return top


@kernel
def _cost(indptr: Longs, resource: Ints, share: Floats, path: int, fill: Floats, full: float) -> float:
    """Return hops x queue, the queue of the fullest link on the way."""
    hops, most = 0.0, 0.0
    for e in range(indptr[path], indptr[path + 1]):
        hops += share[e]
        most = max(most, fill[resource[e]])
    return hops / (1.0 - most / full) if full > 0 else hops


@kernel
def place(
    minimal: tuple[Longs, Ints, Floats],
    detour: tuple[Longs, Ints, Floats],
    either: Flags,
    order: Longs,
    capacity: Floats,
    drive: float,
    sweeps: int,
) -> Flags:
    """Return which flows take their detour, bool[flows].

    Args:
        minimal, detour: (indptr, resource, share) of each flow's two paths, in the order of travel.
        either: bool[flows], flows that have a choice; others stay on the minimal path.
        order: int64[flows], in which they choose.
        capacity: float64[resources], above 0 where a path leads.
        drive: share of its capacity that the fullest link carries, below 1.
        sweeps: times that every flow chooses, given the others' last choice.
    """
    detours, fill = np.zeros(len(either), np.bool_), np.zeros(len(capacity))
    for sweep in range(sweeps):
        top = float(np.max(fill))
        for f in order:
            if sweep:
                if not either[f]:
                    continue
                indptr, resource, share = detour if detours[f] else minimal
                _add(indptr, resource, share, f, fill, capacity, -1.0)
            if either[f]:
                full = top / drive
                straight = _cost(minimal[0], minimal[1], minimal[2], f, fill, full)
                around = _cost(detour[0], detour[1], detour[2], f, fill, full)
                detours[f] = around < straight
            indptr, resource, share = detour if detours[f] else minimal
            top = max(top, _add(indptr, resource, share, f, fill, capacity, 1.0))
    return detours
