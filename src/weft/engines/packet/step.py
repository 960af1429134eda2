"""One optimizer step of a job, its communication packet by packet, with whatever else goes on beside it."""

from __future__ import annotations

from weft.collectives import Library
from weft.engines.executor import Execution, Progress, execute
from weft.engines.expand import merge
from weft.engines.fluid.beside import SideBySide, beside, of_first
from weft.engines.packet.engine import PacketEngine
from weft.engines.packet.outcome import Outcome
from weft.engines.packet.prepare import Prepared, prepare
from weft.engines.packet.samples import Sampling
from weft.engines.packet.size_check import check_least, check_size
from weft.engines.packet.transport import Transport
from weft.engines.scenario import Scenario
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.workload.program import Communication, Program
from weft.workload.training import Plan


class PacketStep:
    """Runs steps of one job with different numbers of micro-batches.

    Attributes:
        engine: as the last run left it.
        prepared: the job's transfers and its network.
        transport: as it was asked for.
    """

    def __init__(
        self,
        fabric: Fabric,
        library: Library,
        resolved: Plan,
        *,
        scenario: Scenario,
        routing: Routing | None = None,
        transport: Transport | None = None,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Prepare a job, and those that a scenario puts beside it.

        Raises:
            ConfigError: it is far too large, a job does not fit where it is put, or the scenario names what is not
                there.
        """
        self._jobs = SideBySide(fabric, resolved, beside(fabric, library, resolved, scenario), scenario)
        check_least(self._jobs.program, self._jobs.parties[0], transport or Transport())
        self._progress = progress
        self.transport = transport
        self.prepared: Prepared = prepare(
            fabric,
            library,
            self._jobs.parties,
            scenario=scenario,
            routing=routing,
            transport=transport,
            sampling=sampling,
        )
        self.engine: PacketEngine = self.prepared.engine

    def run(self, micro_batches: int, steps: int = 1) -> Execution:
        """Run a step with so many micro-batches, or several one after another.

        Raises:
            ConfigError: it would take too long.
            InfeasibleError: a communication will never end, because a part of the network is cut off.
        """
        programs = self._jobs.expanded(self.prepared, micro_batches, steps)
        whole = merge(programs)
        self.engine.reset()
        check_size(self.engine.launcher, [self.engine.carried(each) for each in _done(whole)])
        slowdown = self._jobs.plan.overlap_slowdown
        return of_first(programs, execute(whole, self.engine, slowdown=slowdown, progress=self._progress))

    def outcome(self) -> Outcome:
        """What became of the packets of the last run; those of jobs beside it are counted too."""
        return self.engine.outcome()


def _done(program: Program) -> list[Communication]:
    """The communications of a program, each as often as it is done."""
    first = program.joint or range(len(program))
    return [
        program.communications[which]
        for op, which in enumerate(program.communication)
        if which >= 0 and first[op] == op
    ]
