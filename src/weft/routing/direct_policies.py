"""Which policy goes with which network that is no folded Clos: the one place that knows their shapes.

| policy | Dragonfly, Dragonfly+ | torus | HyperX and its kin | any other network |
|---|---|---|---|---|
| adaptive | one link between groups, evenly | orders of dimensions, evenly | shortest paths, by load | the same |
| minimal, spray | the same | the same | shortest paths, evenly | the same |
| ecmp, flowlet | hashed over shortest paths | the same | the same | the same |
| dimension_order | - | one order | one order | - |
| valiant, ugal | by another group | by another switch | by another switch | by another switch |
"""

from __future__ import annotations

from typing import Literal

from weft.errors import ConfigError
from weft.fabric.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.routing.bridges import Bridges
from weft.routing.dimension_order import GRIDS, DimensionOrder, Grid
from weft.routing.group_minimal import GroupMinimal
from weft.routing.hashing import Hashing
from weft.routing.minimal_adaptive import MinimalAdaptive
from weft.routing.policy import Policy
from weft.routing.shortest import ShortestPaths
from weft.routing.switch_graph import SwitchGraph
from weft.routing.ugal import Ugal
from weft.routing.valiant import Detours, RandomSwitch, Valiant
from weft.routing.valiant_groups import RandomGroup

GROUPED = ("dragonfly", "dragonfly_plus")


class DirectPolicies:
    """Makes the policies of one network.

    Attributes:
        fabric: whose network.
        routing: what was asked for.
        graph: its switches and the live links between them.
        hashing: of the switches.
    """

    def __init__(self, fabric: Fabric, routing: Routing, graph: SwitchGraph, hashing: Hashing) -> None:
        self.fabric, self.routing, self.graph, self.hashing = fabric, routing, graph, hashing
        self._topology = fabric.network.topology
        places = fabric.network.coordinates
        self._group = places[:, 0] if self._topology in GROUPED and places is not None else None
        self._bridges = None if self._group is None else Bridges.of(graph, self._group)
        self._grid = Grid.of(fabric, graph) if self._topology in GRIDS and places is not None else None

    def make(self, name: str) -> Policy:
        """Return the policy that a user named; ``ecmp``, ``flowlet`` and ``static`` hash.

        Raises:
            ConfigError: it does not go with the network.
        """
        if name in ("adaptive", "minimal", "spray"):
            adapts = name == "adaptive" and self._group is None and self._topology != "torus"
            return MinimalAdaptive(name, self._shortest(name, "even")) if adapts else self._minimal(name, "even")
        if name == "dimension_order":
            if self._grid is None:
                raise ConfigError(
                    f"dimension_order needs a grid ({', '.join(GRIDS)}); for {self._topology} choose minimal",
                    field="routing.policy",
                )
            return DimensionOrder(name, self._shortest(name, "even"), self._grid)
        if name in ("valiant", "ugal"):
            minimal = self._minimal(name, "hashed")
            valiant = Valiant(name, self.hashing, self._detours(minimal), minimal, self.routing.flowlets)
            return valiant if name == "valiant" else Ugal(name, self.graph, minimal, valiant)
        return self._shortest(name, "hashed")

    def _shortest(self, name: str, how: Literal["hashed", "even"]) -> ShortestPaths:
        return ShortestPaths(name, self.graph, self.hashing, how, self.routing.weighted)

    def _minimal(self, name: str, how: Literal["hashed", "even"]) -> Policy:
        """Return the minimal policy of this shape of network, on one path or on all."""
        shortest = self._shortest(name, how)
        if self._group is not None and self._bridges is not None:
            return GroupMinimal(name, self._group, self._bridges, shortest)
        if self._grid is not None and (how == "hashed" or self._topology == "torus"):
            return DimensionOrder(name, shortest, self._grid, rotations=how == "even")
        return shortest

    def _detours(self, minimal: Policy) -> Detours:
        if self._group is not None and self._bridges is not None:
            return RandomGroup(self._group, self._bridges, self._shortest("minimal", "hashed"), minimal)
        return RandomSwitch(len(self.graph), minimal)
