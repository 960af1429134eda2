"""Valiant routing in a Dragonfly: by way of another group, entered where a link from the source's own group ends.

At most local, global, local, global, local, as many links between groups as the pattern needs to become uniform: the
intermediate group is drawn, not a router in it. Flows inside a group have no detour.
Source: J. Kim, W. Dally, S. Scott and D. Abts, Technology-driven, highly-scalable Dragonfly topology, ISCA 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.routing.bridges import Bridges, Groups, over
from weft.routing.hashing import Keys
from weft.routing.path_parts import either, none
from weft.routing.paths import Paths
from weft.routing.policy import Policy
from weft.routing.shortest import Switches
from weft.routing.valiant import Draw


@dataclass
class RandomGroup:
    """Detours by way of a third group.

    Attributes:
        group: int32[switches], the group of each switch.
        bridges: the links between groups.
        within: takes flows to the link out of their group.
        minimal: takes them on from where it ends. Both on one path each.
    """

    group: Groups
    bridges: Bridges
    within: Policy
    minimal: Policy

    def by(self, src: Switches, dst: Switches, key: Keys, draw: Draw) -> Paths:
        """Route flows; see `weft.routing.valiant.Detours`."""
        here, there = self.group[src], self.group[dst]
        first, end = self.bridges.leaving(here)
        low, high = self.bridges.between(here, there)
        others = (end - first) - (high - low)
        bridge = first + np.minimum((draw * others).astype(np.int64), others - 1)
        bridge += np.where(bridge >= low, high - low, 0)
        leaves = (others > 0) & (here != there)
        paths = over(self.bridges, np.where(leaves, bridge, -1), self.within, self.minimal, src, dst, key)
        return either(~leaves, paths, none(len(src), reachable=False))
