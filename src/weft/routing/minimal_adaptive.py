"""Minimal adaptive routing: over shortest paths, leaning away from the links that the flows of a batch load most.

Switches that see queues send more where there is less. Here all flows of a batch are taken to send at the same rate at
once. They are spread evenly first; then every link counts as slower by exp(-load / (capacity · top)), top being the
busiest link's load over capacity, next hops share by what is left beyond them, and so on a few times over
(multiplicative weights: S. Arora, E. Hazan and S. Kale, Theory of Computing 8 (2012)); the round with the lowest top is
kept. So it is never worse than the even spread, and no optimum.
Source: W. Dally and B. Towles, Principles and practices of interconnection networks (2004), chapter 10.
Complexity: `ROUNDS` even spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.fabric.tables import FloatArray
from weft.routing.hashing import Keys
from weft.routing.paths import Paths
from weft.routing.shortest import ShortestPaths, Switches

ROUNDS = 8


@dataclass
class MinimalAdaptive:
    """Spreads flows over their shortest paths by load.

    Attributes:
        name: as users choose it.
        shortest: finds the paths.
    """

    name: str
    shortest: ShortestPaths

    def between(self, src: Switches, dst: Switches, key: Keys) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Their shares depend on what is routed with them."""
        best = paths = self.shortest.spread(src, dst)
        if not (paths.share < 1).any():  # no choice anywhere
            return best
        rate_Bps = self.shortest.graph.rate_Bps.copy()
        fill = self._fill(paths)
        lowest = fill.max()
        for _ in range(ROUNDS - 1):
            rate_Bps *= np.exp(-fill / fill.max())
            paths = self.shortest.spread(src, dst, rate_Bps)
            fill = self._fill(paths)
            if fill.max() < lowest:
                best, lowest = paths, fill.max()
        return best

    def _fill(self, paths: Paths) -> FloatArray:
        """Return load over capacity, float64[edges], every flow sending 1."""
        graph = self.shortest.graph
        load = np.bincount(paths.resource, paths.share, minlength=int(graph.resource.max()) + 1)
        fill: FloatArray = load[graph.resource] / graph.rate_Bps
        return fill
