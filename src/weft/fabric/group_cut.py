"""Where a network of groups is thinnest, for topologies whose bisection is known only by the cuts one can name.

Two halvings are counted on the real cables: whole groups on either side (one group halved, if they are odd, with each
half beside the groups it has most links to), and every group halved. No halving of the network is known to be thinner
where groups are balanced; the exact minimum may be, so the result is an upper bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from weft.fabric.distance import Cables
from weft.fabric.tables import FloatArray, IntArray

Side = npt.NDArray[np.bool_]


def thinnest_cut_Bps(cables: Sequence[Cables], group: IntArray, half: Side) -> float:
    """Return the one-way rate of the thinner of the two halvings.

    Args:
        cables: between routers.
        group: int[routers], ascending from 0.
        half: bool[routers], the first half of each group.
    """
    return min(_cut_Bps(cables, side) for side in (*_whole_groups(cables, group, half), half))


def first_half(position: IntArray, size: int, group: IntArray) -> Side:
    """Say which members are the first half of their group; the middle one of an odd ``size`` takes turns."""
    middle = (size % 2 == 1) & (position == size // 2) & (group % 2 == 1)
    first: Side = (position < size // 2) | middle
    return first


def _whole_groups(cables: Sequence[Cables], group: IntArray, half: Side) -> list[Side]:
    """Return halvings by groups; with an odd group, its members stand beside the groups they have most links to."""
    groups = int(group[-1]) + 1
    if groups % 2 == 0:
        return [group < groups // 2]
    middle = groups - 1  # the group that is halved
    members = np.flatnonzero(group == middle)
    links = np.zeros((len(members), groups))
    for some in cables:
        for here, there in ((some.a, some.b), (some.b, some.a)):
            mine = group[here] == middle
            np.add.at(links, (here[mine] - members[0], group[there[mine]]), 1.0)
    links = links[:, :middle]
    sides = []
    for beside in (np.arange(middle) < middle // 2, _most(links.T @ np.where(half[members], 1.0, -1.0))):
        chosen = beside
        for _ in range(4):  # members follow groups, groups follow members, until neither moves
            inside = _most(links @ np.where(chosen, 1.0, -1.0))
            chosen = _most(links.T @ np.where(inside, 1.0, -1.0))
            side = np.append(chosen, False)[group]
            side[members] = inside
            sides.append(side)
    return sides


def _most(pull: FloatArray) -> Side:
    """Choose the half of all that is pulled most."""
    chosen = np.zeros(len(pull), bool)
    chosen[np.argsort(-pull, kind="stable")[: len(pull) // 2]] = True
    return chosen


def _cut_Bps(cables: Sequence[Cables], side: Side) -> float:
    return float(sum(some.link.rate_Bps * np.count_nonzero(side[some.a] != side[some.b]) for some in cables))
