"""Makes choices fit together: what is best for each length alone may leave half-used cages that a full box lacks.

A host with four cages for eight links can give every cage two links. If three of its links are short and take copper,
one leg of a splitter stays unused, and five cages would be needed. So wherever a box comes out over its cages, its
links turn to the one kind of modules that reaches as far as the longest link of their class: those share cages whatever
their length. That may tip the box at the other end, so it is repeated until none is over, or none is left to turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from weft.fabric.cabling.ends import End
from weft.fabric.cabling.options import Option, Request
from weft.fabric.tables import IntArray, LinkClass


@dataclass
class Pick:
    """The ways picked for one class of links.

    Attributes:
        link: the class.
        request: what kind of link it is.
        cables: int64, its cables.
        a, b: int64, the device at the lower and upper end of each.
        bucket: int64, the length of each, an index into ``lengths``.
        lengths: lengths in use, m.
        taken: the way of each length.
        everywhere: modules for every length; None where there are none.
        ways: the different ways in use, ``everywhere`` last.
        way: int64, the way of each cable.
    """

    link: LinkClass
    request: Request
    cables: IntArray
    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    bucket: npt.NDArray[np.int64]
    lengths: list[float]
    taken: list[Option]
    everywhere: Option | None
    ways: list[Option] = field(init=False)
    way: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        wanted = [*self.taken, *([self.everywhere] if self.everywhere else [])]
        different = {(way.medium.id, way.upper.id, way.lower_share, way.upper_share): way for way in wanted}
        self.ways = list(different.values())
        self.way = np.array([self.ways.index(way) for way in self.taken])[self.bucket]

    @property
    def ends(self) -> tuple[tuple[npt.NDArray[np.int64], End], tuple[npt.NDArray[np.int64], End]]:
        """Devices and cages of both ends."""
        return (self.a, self.request.lower), (self.b, self.request.upper)

    def turn(self, over: npt.NDArray[np.bool_]) -> bool:
        """Give the links of boxes that are over their cages the way that suits every length; False if none changed."""
        if self.everywhere is None:
            return False
        last = self.ways.index(self.everywhere)
        turned = self.way != last
        turned &= over[self.a] | over[self.b]
        self.way[turned] = last
        return bool(turned.any())


def settle(picks: list[Pick], others: npt.NDArray[np.int64]) -> None:
    """Turn links to other ways until no box needs more cages than it has, as far as that can be done.

    Args:
        picks: of one network; their ``way`` changes.
        others: int64[node rows], cages that other links of each box take.
    """
    cages = np.full(len(others), np.inf)
    for pick in picks:
        for devices, end in pick.ends:
            if end.crowded and end.cages:
                cages[devices] = end.cages
    touched = [pick for pick in picks if any(np.isfinite(cages[devices]).any() for devices, _ in pick.ends)]
    if all(len(pick.ways) == 1 for pick in touched):
        return
    while True:
        used = others.astype(np.float64)
        for pick in touched:
            _add_cages(pick, used)
        over = used > cages + 1e-6
        turned = [pick.turn(over) for pick in touched]
        if not any(turned):
            return


def _add_cages(pick: Pick, used: npt.NDArray[np.float64]) -> None:
    """Add the cages that one class takes, box by box."""
    modules: dict[tuple[int, str, int], list[npt.NDArray[np.int64]]] = {}
    for number, way in enumerate(pick.ways):
        mine = pick.way == number
        if not mine.any():
            continue
        shares = (way.lower_share, way.upper_share)
        for end, (devices, _) in enumerate(pick.ends):
            here, part = devices[mine], (way.medium, way.upper)[end]
            if not way.is_cable:
                if part.text("cls") != "cpo":
                    modules.setdefault((end, part.id, shares[end]), []).append(here)
            elif shares[0] == shares[1]:  # straight: as many links as it carries join every pair
                used += np.bincount(here, minlength=len(used)) / shares[0]
            else:
                _add_rounded(used, [here * len(pick.lengths) + pick.bucket[mine]], shares[end], len(pick.lengths))
    for (_, _, share), parts in modules.items():
        _add_rounded(used, parts, share, 1)


def _add_rounded(used: npt.NDArray[np.float64], parts: Sequence[IntArray], share: int, per_device: int) -> None:
    """Add one cage for every ``share`` alike codes, rounded up; a device has ``per_device`` codes."""
    codes, counts = np.unique(np.concatenate(parts), return_counts=True)
    np.add.at(used, codes // per_device, -(-counts // share))
