"""One collective after another on the fluid engine, as nccl-tests runs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from weft.collectives import Estimate, Library, busbw, canonical, estimate
from weft.engines.fluid.carrying import Family
from weft.engines.fluid.engine import FluidEngine
from weft.engines.fluid.prepare import Party, Prepared, prepare
from weft.engines.scenario import Scenario
from weft.errors import InfeasibleError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.workload.program import Communication


class FluidBench:
    """A communicator whose paths are worked out once.

    Attributes:
        prepared: its transfers, folded.
        engine: as the last run left it.
    """

    def __init__(
        self,
        fabric: Fabric,
        kind: str,
        sizes: Sequence[float],
        ranks: Sequence[int],
        *,
        library: Library,
        algorithm: str = "auto",
        routing: Routing | None = None,
        scenario: Scenario | None = None,
    ) -> None:
        """Route a collective.

        Raises:
            ConfigError: the algorithm cannot do it, or the scenario names what is not there.
            InfeasibleError: nothing joins the ranks.
        """
        self.kind, self.library, self.algorithm = canonical(kind), library, algorithm
        self.group = fabric.group(ranks)
        self.communications = {size: Communication(self.kind, size, ranks) for size in sizes}
        members = np.asarray(ranks, np.int64)[None, :]
        family = Family(members, np.arange(members.size, dtype=np.int32)[None, :], key=0)
        party = Party(dict.fromkeys(self.communications.values(), family), 0, members.size, np.ones((1, members.size)))
        self.prepared: Prepared = prepare(
            fabric, library, [party], scenario=scenario, routing=routing, algorithm=algorithm
        )
        self.engine = FluidEngine(self.prepared.carriage)

    def run(self, size_bytes: float) -> Estimate:
        """Time one collective, which starts when the scenario does.

        Raises:
            InfeasibleError: it cannot end, because a part of the network is cut off.
        """
        row = estimate(self.kind, size_bytes, self.group, library=self.library, algorithm=self.algorithm)
        if row.algorithm == "none":
            return row
        (communication,) = self.prepared.taking[0][self.communications[size_bytes]].communications
        engine = self.engine
        engine.reset()
        engine.start(0, communication, 0.0)
        time_s, ended = 0.0, -1
        while ended < 0:
            if math.isinf(engine.peek()):
                raise InfeasibleError(engine.stuck())
            time_s, ended = engine.pop()
        carried = self.prepared.carriage.of(communication)
        return replace(
            row,
            time_s=time_s,
            algbw_Bps=size_bytes / time_s if time_s > 0 else 0.0,
            busbw_Bps=busbw(self.kind, size_bytes, self.group.ranks, time_s),
            bound=engine.bound(communication),
            latency_s=min(time_s, carried.delay_s),
            bandwidth_s=max(0.0, time_s - carried.delay_s),
        )
