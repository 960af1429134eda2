"""One collective after another on the fluid engine, as nccl-tests runs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from weft.collectives import Estimate, Library, canonical, estimate
from weft.engines.fluid.engine import FluidEngine
from weft.engines.fluid.link_use import LinkUse, Watch
from weft.engines.fluid.parties import communicator
from weft.engines.fluid.prepare import Prepared, prepare
from weft.engines.scenario import Scenario
from weft.errors import InfeasibleError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.workload.program import Communication


class FluidBench:
    """A communicator whose paths are worked out once.

    Attributes:
        prepared: its transfers, folded.
        engine: as the last run left it; it keeps what links carry.
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
        ranks = ranks if isinstance(ranks, range) else tuple(ranks)
        self.communications = {size: Communication(self.kind, size, ranks) for size in sizes}
        party = communicator(self.communications.values(), ranks)
        self.prepared: Prepared = prepare(
            fabric, library, [party], scenario=scenario, routing=routing, algorithm=algorithm
        )
        self._watch = Watch(self.prepared)
        self.engine = FluidEngine(self.prepared.carriage, watch=self._watch.rows)

    def closed_form(self, size_bytes: float) -> Estimate:
        """What the closed form says of a collective, which has its links to itself."""
        return estimate(self.kind, size_bytes, self.group, library=self.library, algorithm=self.algorithm)

    def link_use(self) -> LinkUse:
        """How the links were used in the last run."""
        return self._watch.use(self.engine)

    def run(self, size_bytes: float) -> Estimate:
        """Time one collective, which starts when the scenario does.

        Raises:
            InfeasibleError: it cannot end, because a part of the network is cut off.
        """
        row = self.closed_form(size_bytes)
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
        return replace(row.taking(time_s, carried.delay_s), bound=engine.bound(communication))
