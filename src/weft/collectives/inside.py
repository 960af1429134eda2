"""To whom a rank passes its data inside a scale-up unit, so that all links that the unit has are used.

Behind switches the next rank will do: a port serves any peer at full rate. In a full mesh each link carries an even
share. In a torus or mesh a box of ranks runs a ring along every dimension it spans, each taking what its links can:
both ways round where the ring closes, once along and once back where it is a line. Other sets make one ring in the
order of their numbers. These are the assumptions of `weft.fabric.scale_up_grid.Grid.seen_by`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weft.collectives.flows import Edges, edges
from weft.collectives.layout import Layout
from weft.errors import InternalError
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


def along(layout: Layout) -> list[Edges]:
    """Rings along each dimension of the box that a group fills, in which every rank passes on 1 in all.

    For groups of one unit, whose ``layout.group.levels[0].sides`` says that they fill a box.
    """
    grid = layout.fabric.plan.scale_up.grid
    if grid is None or layout.units > 1:
        raise InternalError("rings along dimensions need the grid of one unit")
    found: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
    for d, src, dst in _rings(grid, tuple(layout.slot[layout.order].tolist())):
        found.setdefault(d, []).append((layout.order[src], layout.order[dst]))
    return [
        edges(np.concatenate([src for src, _ in ways]), np.concatenate([dst for _, dst in ways]), 1 / len(ways), 0)
        for ways in found.values()
    ]


def on_grid(grid: Grid, slots: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(src, dst, share) between members of a set of places on a grid, counted in the order of the set."""
    count = len(slots)
    each = np.arange(count)
    if count == 1:
        return each[:0], each[:0], np.empty(0)
    if count == 2 or not grid.sides(np.array(slots)):
        return each, (each + 1) % count, np.ones(count)
    rings = _rings(grid, slots)
    whole = sum(grid.link_Bps[d] for d, _, _ in rings)
    src, dst = (np.concatenate([ring[i] for ring in rings]) for i in (1, 2))
    return src, dst, np.concatenate([np.full(count, grid.link_Bps[d] / whole) for d, _, _ in rings])


def _rings(grid: Grid, slots: tuple[int, ...]) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """(dimension, src, dst) of each ring along the dimensions of a box; one for each way round where it closes."""
    coordinates = np.unravel_index(np.array(slots), grid.shape)
    spans = [np.unique(column) for column in coordinates]
    box = np.arange(len(slots)).reshape([len(span) for span in spans])  # slots ascend, the last dimension fastest
    found = []
    for d, span in enumerate(spans):
        if len(span) > 1:
            ahead = np.roll(box, -1, axis=d).ravel()
            found.append((d, box.ravel(), ahead))
            if grid.closes(d, span):
                found.append((d, ahead, box.ravel()))
    return found
