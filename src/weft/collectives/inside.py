"""To whom a rank passes its data inside a scale-up unit, so that all links that the unit has are used.

Behind switches the next rank will do: a port serves any peer at full rate. In a full mesh each link carries an even
share. In a torus or mesh a box of ranks runs a ring along every dimension it spans, each taking what its links can:
both ways round where the ring closes, once along and once back where it is a line. Other sets make one ring in the
order of their numbers. These are the assumptions of `weft.fabric.scale_up_grid.Grid.seen_by`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from weft.collectives.flows import Edges, edges
from weft.collectives.layout import Layout
from weft.fabric.scale_up_grid import Grid


def neighbours(layout: Layout) -> Edges:
    """What a rank passes on inside its unit: shares that add up to 1 for every rank, one channel for each unit.

    Ranks that are alone in their unit have none.
    """
    plan = layout.fabric.plan.scale_up
    if plan.grid is None and plan.kind != "full_mesh":
        return following(layout)
    parts = []
    size = np.bincount(layout.unit)
    starts = np.cumsum(size) - size
    shapes: dict[tuple[int, ...], list[int]] = {}
    for unit, (start, count) in enumerate(zip(starts.tolist(), size.tolist(), strict=True)):
        members = layout.order[start : start + count]
        shapes.setdefault(tuple(layout.slot[members].tolist()) if plan.grid else (count,), []).append(unit)
    for shape, units in shapes.items():
        if plan.grid is None:
            src, dst, share = _all_pairs(shape[0])
        else:
            src, dst, share = on_grid(plan.grid, shape)
        base = starts[units][:, None]
        parts.append(edges(layout.order[base + src], layout.order[base + dst], share, np.array(units)[:, None]))
    joined = [np.concatenate([getattr(p, name) for p in parts]) for name in ("src", "dst", "bytes_x", "channel")]
    return Edges(*joined)


def following(layout: Layout) -> Edges:
    """Every rank to the next of its unit, and the last to the first; one channel for each unit."""
    size = np.bincount(layout.unit)
    starts = np.cumsum(size) - size
    unit = layout.unit[layout.order].astype(np.int64)
    place = np.arange(layout.ranks) - starts[unit]
    following = layout.order[starts[unit] + (place + 1) % size[unit]]
    return edges(layout.order, following, 1.0, unit).where(size[unit] > 1)


def _all_pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    src, dst = np.nonzero(~np.eye(count, dtype=bool))
    return src, dst, np.full(len(src), 1 / max(1, count - 1))


def on_grid(grid: Grid, slots: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(src, dst, share) between members of a set of places on a grid, counted in the order of the set."""
    count = len(slots)
    each = np.arange(count)
    coordinates = np.stack(np.unravel_index(np.array(slots), grid.shape), axis=1)
    spans = [np.unique(column) for column in coordinates.T]
    if count <= 2 or math.prod(len(span) for span in spans) != count:
        return (each, (each + 1) % count, np.ones(count)) if count > 1 else (each[:0], each[:0], np.empty(0))
    box = each.reshape([len(span) for span in spans])  # slots ascend, the last dimension fastest
    found = []
    for d, span in enumerate(spans):
        if len(span) == 1:
            continue
        ahead = np.roll(box, -1, axis=d).ravel()
        closed = grid.closes(d, span)
        found.append((box.ravel(), ahead, grid.link_Bps[d]))
        if closed:
            found.append((ahead, box.ravel(), grid.link_Bps[d]))
    whole = sum(rate for _, _, rate in found)
    src, dst = (np.concatenate([part[i] for part in found]) for i in (0, 1))
    share = np.concatenate([np.full(count, rate / whole) for _, _, rate in found])
    return src, dst, share
