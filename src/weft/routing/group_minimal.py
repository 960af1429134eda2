"""Minimal routing in a Dragonfly: by a link that joins the two groups, and by no third group.

Local hop, global hop, local hop: of all shortest ways only those with one global link count, since a way over two
global links, though it may have no more hops, takes twice as much of what is scarce. Where several links join the two
groups, all share evenly, or one is taken by a hash. Flows inside a group, and between groups that have lost their last
link, take shortest paths of any kind. Complexity: that of the two legs inside groups.
Source: J. Kim, W. Dally, S. Scott and D. Abts, Technology-driven, highly-scalable Dragonfly topology, ISCA 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.routing.bridges import Bridges, Groups, over
from weft.routing.hashing import Keys
from weft.routing.path_parts import either, shared
from weft.routing.paths import Paths
from weft.routing.shortest import ShortestPaths, Switches

_SALT = 0x44464C59  # sets the draw of links between groups apart from the switches' own hashes


@dataclass
class GroupMinimal:
    """Routes from group to group over the links that join the two.

    Attributes:
        name: as users choose it.
        group: int32[switches], the group of each switch.
        bridges: the links between groups.
        shortest: takes flows to the link and on; hashed or even, as this is.
    """

    name: str
    group: Groups
    bridges: Bridges
    shortest: ShortestPaths

    def between(self, src: Switches, dst: Switches, key: Keys) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Latencies are left to the router."""
        here, there = self.group[src], self.group[dst]
        low, high = self.bridges.between(here, there)
        count = np.where(here == there, 0, high - low)
        if self.shortest.how == "hashed":
            pick = (self.shortest.hashing.unit(key, _SALT) * count).astype(np.int64)
            flow, bridge = np.arange(len(src)), low + np.minimum(pick, count - 1)
        else:
            width = np.maximum(count, 1)
            flow = np.repeat(np.arange(len(src)), width)
            bridge = np.arange(len(flow)) - np.repeat(np.cumsum(width) - width - low, width)
        bridge = np.where(count[flow] > 0, bridge, -1)
        ways = over(self.bridges, bridge, self.shortest, self.shortest, src[flow], dst[flow], key[flow])
        direct = shared(flow, ways, len(src))
        crosses = direct.reachable & (count > 0)
        if crosses.all():
            return direct
        return either(~crosses, direct, self.shortest.between(src, dst, key))
