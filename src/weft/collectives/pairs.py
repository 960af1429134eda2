"""Every rank to every other: the pairs of an all-to-all, inside scale-up units and across them.

n ranks make n (n - 1) pairs. Where a unit's links serve all peers alike, inside is kept as what a rank sends in all, to
its neighbours (`weft.collectives.inside`). Beyond `MOST_PAIRS` a rank serves a sample of the others, as many bytes in
all: distances are drawn evenly over the whole range, one from each of as many strata, and are the same for all ranks.
What leaves every rank and unit stays exact, what crosses higher tiers is an estimate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weft.collectives.flows import Edges, edges
from weft.collectives.inside import neighbours
from weft.collectives.layout import Layout

#: Pairs of a batch beyond which they are sampled.
MOST_PAIRS = 1 << 20


def within_units(layout: Layout) -> Edges:
    """Pairs inside units, a channel for each rank; bytes are counted in what one pair exchanges."""
    if layout.fabric.plan.scale_up.grid is None:
        near = neighbours(layout)
        others = np.bincount(layout.unit)[layout.unit[near.src]] - 1
        return edges(near.src, near.dst, near.bytes_x * others, near.src)
    size = np.bincount(layout.unit)[layout.unit]
    starts = (np.cumsum(np.bincount(layout.unit)) - np.bincount(layout.unit))[layout.unit]
    each, width = np.arange(layout.ranks), layout.width
    apart = _distances(width - 1, MOST_PAIRS // (layout.ranks * layout.groups))
    place = (layout.place[:, None] + apart) % size[:, None]
    kept = apart < size[:, None]
    weight = (size[:, None] - 1) / np.maximum(1, kept.sum(axis=1))[:, None]
    found = edges(each[:, None], layout.order[starts[:, None] + place], weight, each[:, None])
    return found.where(kept.ravel())


def across_units(layout: Layout) -> Edges:
    """Pairs of different units, a channel for each; bytes are counted in what one pair exchanges."""
    n, width, units = layout.ranks, layout.width, layout.units
    if units == 1:
        return edges([], [], [], [])
    others = n - np.bincount(layout.unit)[layout.unit]
    if n * n * layout.groups <= MOST_PAIRS:
        src, dst = np.nonzero(layout.unit[:, None] != layout.unit[None, :])
        return edges(src, dst, 1.0, np.arange(len(src)))
    each = np.arange(n)
    farther, turned = np.divmod(_distances((units - 1) * width, MOST_PAIRS // (n * layout.groups)) - 1, width)
    unit = (layout.unit[:, None] + 1 + farther) % units
    dst = layout.at[unit, (layout.place[:, None] + turned) % width]
    return edges(each[:, None], dst, (others / len(farther))[:, None], np.arange(dst.size).reshape(dst.shape))


def along_rails(layout: Layout) -> Edges:
    """Pairs of units on the rail of each place, a channel for each: all that leaves a unit in an all-to-all.

    Bytes are per byte of a rank's buffer.
    """
    units, at, size = layout.units, layout.at, np.bincount(layout.unit)
    if units == 1:
        return edges([], [], [], [])
    farther = _distances(units - 1, MOST_PAIRS // (at.size * layout.groups))
    unit = (np.arange(units)[:, None] + farther) % units
    weight = (layout.ranks - size)[:, None] * size[unit] / size[unit].sum(axis=1, keepdims=True)
    bytes_x = size[:, None] * weight / (layout.ranks * layout.width)
    src, dst = at[:, None, :], at[unit]
    channel = np.arange(dst.size).reshape(dst.shape)
    return edges(src, dst, bytes_x[:, :, None], channel)


def _distances(most: int, count: int) -> NDArray[np.int64]:
    """``count`` of the distances 1 to ``most``, ascending: all of them, or one drawn from each of even strata."""
    count = max(1, min(most, count))
    edges_of = np.arange(count + 1) * most // count
    draws = np.random.default_rng(most).random(count)
    found: NDArray[np.int64] = 1 + edges_of[:-1] + (draws * np.diff(edges_of)).astype(np.int64)
    return found
