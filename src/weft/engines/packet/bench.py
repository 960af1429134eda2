"""One collective after another, packet by packet, as nccl-tests runs them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from weft.collectives import Estimate, Library, canonical, estimate
from weft.engines.fluid.parties import communicator
from weft.engines.packet.outcome import Outcome
from weft.engines.packet.prepare import Prepared, prepare
from weft.engines.packet.samples import Sampling
from weft.engines.packet.size_check import check_size
from weft.engines.packet.transport import Transport
from weft.engines.scenario import Scenario
from weft.errors import InfeasibleError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.workload.program import Communication


class PacketBench:
    """A communicator on a packet network.

    Attributes:
        prepared: its transfers, and the engine as the last run left it.
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
        transport: Transport | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        """Make a collective's transfers.

        Raises:
            ConfigError: the algorithm cannot do it, or the scenario names what is not there.
            InfeasibleError: nothing joins the ranks.
        """
        self.kind, self.library, self.algorithm = canonical(kind), library, algorithm
        self.group = fabric.group(ranks)
        self._communications = {size: Communication(self.kind, size, tuple(ranks)) for size in sizes}
        party = communicator(self._communications.values() if self.group.ranks > 1 else (), ranks)
        self.prepared: Prepared = prepare(
            fabric,
            library,
            [party],
            scenario=scenario,
            routing=routing,
            transport=transport,
            algorithm=algorithm,
            sampling=sampling,
        )

    def check(self, sizes: Sequence[float]) -> None:
        """Refuse sizes that together would take too long.

        Raises:
            ConfigError: with how long, and what to do.
        """
        if self.group.ranks > 1:
            engine = self.prepared.engine
            check_size(engine.launcher, [engine.carried(self._communications[size]) for size in sizes])

    def closed_form(self, size_bytes: float) -> Estimate:
        """What the closed form says of a collective, which has its links to itself."""
        return estimate(self.kind, size_bytes, self.group, library=self.library, algorithm=self.algorithm)

    def run(self, size_bytes: float) -> Estimate:
        """Time one collective, which starts when the scenario does.

        Raises:
            ConfigError: it would take too long.
            InfeasibleError: it cannot end, because a part of the network is cut off.
        """
        row = self.closed_form(size_bytes)
        if row.algorithm == "none":
            return row
        communication, engine = self._communications[size_bytes], self.prepared.engine
        engine.reset()
        check_size(engine.launcher, [engine.carried(communication)])
        engine.start(0, communication, 0.0)
        if math.isinf(engine.peek()):
            raise InfeasibleError(engine.stuck())
        return row.taking(engine.pop()[0], engine.carried(communication).delay_s)

    def outcome(self) -> Outcome:
        """What became of the packets of the last run."""
        return self.prepared.engine.outcome()
