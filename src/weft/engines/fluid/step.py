"""One optimizer step of a job on the fluid engine, with whatever else goes on beside it."""

from __future__ import annotations

from weft.collectives import Library
from weft.engines.executor import Execution, Progress, execute
from weft.engines.expand import merge
from weft.engines.fluid.beside import SideBySide, beside, of_first
from weft.engines.fluid.engine import FluidEngine
from weft.engines.fluid.link_use import LinkUse, Watch
from weft.engines.fluid.prepare import Prepared, prepare
from weft.engines.scenario import Scenario
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.workload.outer_step import outer_program
from weft.workload.training import Plan


class FluidStep:
    """Runs steps of one job with different numbers of micro-batches on a network that is routed once.

    Attributes:
        engine: as the last run left it.
        prepared: the folded job and network.
    """

    def __init__(
        self,
        fabric: Fabric,
        library: Library,
        resolved: Plan,
        *,
        scenario: Scenario,
        routing: Routing | None = None,
        whole: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Prepare a job, and those that a scenario puts beside it.

        Raises:
            ConfigError: a job's file is wrong, or it does not fit where it is put.
        """
        self._exchange = outer_program(resolved)
        between = self._exchange.communications if self._exchange is not None else ()
        self._jobs = SideBySide(fabric, resolved, beside(fabric, library, resolved, scenario), scenario, also=between)
        self.prepared: Prepared = prepare(
            fabric, library, self._jobs.parties, scenario=scenario, routing=routing, whole=whole
        )
        self.engine = FluidEngine(self.prepared.carriage)
        self._progress = progress

    def link_use(self, micro_batches: int) -> LinkUse:
        """Run a step once more, and tell how it uses the links."""
        watch = Watch(self.prepared)
        self.engine = FluidEngine(self.prepared.carriage, watch=watch.rows)
        ran = self.run(micro_batches)
        return watch.use(self.engine, until_s=ran.span_s)

    def exchange_s(self) -> float | None:
        """Seconds in which outer groups exchange what they learned, all at once and with nothing of the job beside it.

        Raises:
            InfeasibleError: it will never end.
        """
        if self._exchange is None:
            return None
        self.engine.reset()
        return execute(self.prepared.expanded(self._exchange), self.engine).span_s

    def run(self, micro_batches: int, steps: int = 1) -> Execution:
        """Run a step with so many micro-batches, or several one after another.

        Raises:
            InfeasibleError: a communication will never end, because a part of the network is cut off.
        """
        programs = self._jobs.expanded(self.prepared, micro_batches, steps)
        self.engine.reset()
        slowdown = self._jobs.plan.overlap_slowdown
        return of_first(programs, execute(merge(programs), self.engine, slowdown=slowdown, progress=self._progress))
