"""Room in the switches that reduce: a group that comes when they are full does without them.

A scale-up switch multicasts and reduces for so many communicators at once (NVLS), a SHARP aggregation node for so many
jobs. The catalog's protocols say how many (``reduction_groups_count``); where they do not, there is no limit. Groups
get a place in the order in which a job first uses them, as communicators do when they are made.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weft.collectives import Library
from weft.collectives.model import Choice
from weft.errors import ConfigError
from weft.fabric import Fabric

#: the algorithm that takes places
IN_NETWORK = "in_network"


class Reducers:
    """Places of communicators in a fabric's reducing switches.

    Attributes:
        refused: how many communicators found none.
    """

    def __init__(self, fabric: Fabric, library: Library) -> None:
        self.fabric = fabric
        self.refused = 0
        without = {kind: tuple(n for n in names if n != IN_NETWORK) or names for kind, names in library.choices.items()}
        #: what a library chooses from without the switches' help
        self.others = replace(library, choices=without)
        self._inside = _limit(fabric, fabric.plan.scale_up.protocol)
        self._across = _limit(fabric, fabric.network.protocol)
        self._in_unit = np.zeros(int(fabric.locality.scale_up_unit.max()) + 1, np.int64)
        self._outside = 0

    def admit(self, choice: Choice, ranks: NDArray[np.int64], *, forced: bool) -> bool:
        """Take places for groups whose collective reduces in switches, if all of them find room.

        Args:
            ranks: int64[groups, members], accelerators.
            forced: the algorithm is what the user asked for.

        Raises:
            ConfigError: no room for what was asked for.
        """
        unit = np.sort(self.fabric.locality.scale_up_unit[ranks], axis=1)
        first = np.ones(unit.shape, bool)
        first[:, 1:] = unit[:, 1:] != unit[:, :-1]
        inside = self._in_unit + np.bincount(unit[first], minlength=len(self._in_unit))
        sharp = choice.cost.units > 1 and all(level.reduces for level in choice.group.levels)
        outside = self._outside + (len(ranks) if sharp else 0)
        if inside.max() <= self._inside and outside <= self._across:
            self._in_unit, self._outside = inside, outside
            return True
        if forced:
            limit = self._inside if inside.max() > self._inside else self._across
            raise ConfigError(
                f"the switches reduce for {limit:.0f} communicators at once, and {len(ranks)} more do not fit; "
                "use ring or auto",
                field="algorithm",
            )
        self.refused += len(ranks)
        return False


def _limit(fabric: Fabric, protocol: str) -> float:
    """How many communicators the switches of a protocol reduce for."""
    found = [part for part in fabric.catalog.parts("protocols") if part.id == protocol]
    return found[0].si("reduction_groups_count") if found and found[0].has("reduction_groups_count") else np.inf
