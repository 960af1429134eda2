"""Minimal routing in any network: over shortest paths by hops, however its switches are joined.

Equal-cost multipath: a switch forwards over any link that leads one hop nearer to the destination. Hashed, it takes one
by a hash of the flow (C. Hopps, Analysis of an equal-cost multi-path algorithm, RFC 2992); even, it deals packets over
all of them, whatever their load (IEEE 802.1Qbp spreads by a per-packet entropy field). Weighted, next hops share by the
capacity beyond them, worked out backwards from the destination: c(v) = Σ min(link, c(next)) (J. Zhou et al., WCMP,
EuroSys 2014); unweighted, all live links count the same. Parallel links are choices of their own. Distance is in hops:
link rates and latencies change nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import FloatArray, csr
from weft.routing.hashing import Hashing, Keys
from weft.routing.paths import Paths, joined
from weft.routing.switch_graph import SwitchGraph

if TYPE_CHECKING:
    from weft.routing.shortest_kernels import Links

Switches = npt.NDArray[np.int32]


@dataclass
class ShortestPaths:
    """Routes over shortest paths, found anew for each batch of flows: links near each destination, no tables.

    Attributes:
        name: as users choose it.
        graph: the switches and the live links between them.
        hashing: of the switches.
        how: ``hashed``, one path a flow; ``even``, all shortest paths.
        weighted: next hops share by the capacity beyond them.
    """

    name: str
    graph: SwitchGraph
    hashing: Hashing
    how: Literal["hashed", "even"] = "even"
    weighted: bool = True

    def between(self, src: Switches, dst: Switches, key: Keys) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Latencies are left to the router."""
        if self.how == "even":
            return self.spread(src, dst)
        from weft.routing import shortest_kernels

        order = np.argsort(dst, kind="stable")
        salt = self.hashing.salts(len(self.graph))
        indptr, resource, reached = shortest_kernels.hashed(self.links, order, src, dst, key, salt, self.weighted)
        return joined(len(src), [(order, Paths(indptr, resource, np.ones(len(resource)), np.zeros(len(src)), reached))])

    def spread(self, src: Switches, dst: Switches, rate_Bps: FloatArray | None = None) -> Paths:
        """Route flows over all their shortest paths.

        Args:
            src, dst: int32[flows], switch numbers.
            rate_Bps: float64[edges], above 0, by which next hops are weighted; None for what ``weighted`` says.
        """
        from weft.routing import shortest_kernels

        order = np.argsort(dst, kind="stable")
        links = self.links if rate_Bps is None else self.links._replace(rate_Bps=rate_Bps)
        weighted = self.weighted or rate_Bps is not None
        indptr, resource, share, reached = shortest_kernels.spread(links, order, src, dst, weighted)
        return joined(len(src), [(order, Paths(indptr, resource, share, np.zeros(len(src)), reached))])

    def hops(self, src: Switches, dst: Switches) -> npt.NDArray[np.int32]:
        """Return the distance of each pair, int32[pairs]; -1 where there is no way."""
        from weft.routing import shortest_kernels

        return shortest_kernels.distances(self.links, np.argsort(dst, kind="stable"), src, dst)

    @cached_property
    def links(self) -> Links:
        """The links as kernels take them."""
        from weft.routing.shortest_kernels import Links

        graph = self.graph
        into, entering = csr(graph.head, len(graph))
        tail = np.repeat(np.arange(len(graph), dtype=np.int32), np.diff(graph.indptr))[entering]
        return Links(graph.indptr, graph.head, graph.resource, graph.rate_Bps, into, tail)
