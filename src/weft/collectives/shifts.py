"""Steps in which every rank sends to the one some distance further on: what Bruck's algorithm and PAT are made of.

At a distance d among n ranks in a row, around the end, min(d, n - d, u) ranks of every u consecutive ones send out of
these u; so a step of short distance hardly leaves a leaf, and one of long distance leaves it whole. Out of a scale-up
unit each rank goes by its own NICs, and the last rank of each, which always leaves it, is the busiest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.collectives.cost import unit_ranks
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.layout import Layout
from weft.fabric.group import CommGroup

#: (distance, bytes per byte of size)
Shift = tuple[int, float]


def shift_load(group: CommGroup, shifts: Sequence[Shift]) -> tuple[float, ...]:
    """Bytes per byte of size at each level, as `weft.collectives.cost.Stage.load` has them."""
    n, g = group.ranks, group.levels[0].ranks
    place = np.arange(g)
    inside = sum((((place + d < g) | (place >= n - d)) * x for d, x in shifts), np.zeros(g))
    out = sum(x for _, x in shifts) - inside
    sizes = [unit_ranks(group, level) for level in range(2, len(group.levels))]
    beyond = (float(sum(min(d, n - d, u) * x for d, x in shifts)) for u in sizes)
    return (float(inside.max()), *([g * float(out.max())] if len(group.levels) > 1 else []), *beyond)


def shift_steps(group: CommGroup, count: int) -> tuple[float, ...]:
    """Hops by level: in every step some neighbours are as far apart as the group is wide."""
    return (*(0.0 for _ in group.levels[1:]), float(count))


def shift_flows(layout: Layout, shifts: Sequence[Shift]) -> tuple[Flows, ...]:
    """All steps, in one channel: ranks go from step to step together."""
    each = np.arange(layout.ranks)
    parts = [edges(layout.order, layout.order[(each + d) % layout.ranks], x, 0) for d, x in shifts]
    return (over_groups(layout, parts, ("copy", "copy")),)
