"""UGAL, universal globally adaptive load-balanced routing: each packet goes the minimal way or Valiant's by the queues.

A router compares hops x queue of a minimal path and of one by way of a random intermediate, and takes the lesser:
minimal while the network is idle or traffic is uniform, Valiant's where minimal paths crowd. The queue is that of the
fullest link on the way, wherever it is (UGAL-G). Routers that see their own links only (UGAL-L) learn of a full link
further on once it blocks theirs; a model without buffers has no such backpressure, and does not tell the two apart.

Queues follow from load: flows of a batch, all taken to send at the same rate, are placed one after the other in seeded
order, then choose again given the others' choices. A link that carries the share ρ of its capacity queues as M/M/1
does, 1 / (1 - ρ), and the network is driven until its fullest link carries `DRIVE` of its capacity.
Sources: A. Singh, Load-balanced routing in interconnection networks, PhD thesis, Stanford 2005; J. Kim, W. Dally,
S. Scott and D. Abts, Technology-driven, highly-scalable Dragonfly topology, ISCA 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.routing.hashing import Keys, mix
from weft.routing.path_parts import either, parts, shared
from weft.routing.paths import Paths
from weft.routing.policy import Policy
from weft.routing.shortest import Switches
from weft.routing.switch_graph import SwitchGraph
from weft.routing.valiant import Valiant

DRIVE = 0.99
SWEEPS = 4


@dataclass
class Ugal:
    """Routes each part of a flow the minimal way or by way of an intermediate.

    Attributes:
        name: as users choose it.
        graph: the switches.
        minimal: takes flows the minimal way, on one path each.
        valiant: takes them by intermediates; its samples are the parts of a flow, each of which chooses.
    """

    name: str
    graph: SwitchGraph
    minimal: Policy
    valiant: Valiant

    def between(self, src: Switches, dst: Switches, key: Keys) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Their shares depend on what is routed with them."""
        from weft.routing.ugal_kernels import place

        flow, part_key = parts(self.valiant.hashing, key, self.valiant.samples)
        a, b = src[flow], dst[flow]
        minimal = self.minimal.between(a, b, part_key)
        detour = self.valiant.detours.by(a, b, part_key, self.valiant.draw(key))
        rate_Bps = np.zeros(int(self.graph.resource.max(initial=-1)) + 1)
        rate_Bps[self.graph.resource] = self.graph.rate_Bps
        detours = place(
            (minimal.indptr, minimal.resource, minimal.share),
            (detour.indptr, detour.resource, detour.share),
            minimal.reachable & detour.reachable,
            np.argsort(mix(part_key), kind="stable"),
            rate_Bps / rate_Bps.max(initial=1.0),
            DRIVE,
            SWEEPS,
        )
        return shared(flow, either(detours, minimal, detour), len(src))
