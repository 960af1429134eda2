"""One optimizer step of a job on the fluid engine, with whatever else goes on beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from weft.collectives import Library
from weft.engines.analytic import AnalyticEngine
from weft.engines.executor import Execution, Progress, execute
from weft.engines.expand import merge, repeated
from weft.engines.fluid.engine import FluidEngine
from weft.engines.fluid.link_use import LinkUse, Watch
from weft.engines.fluid.parties import party_of
from weft.engines.fluid.prepare import Prepared, prepare
from weft.engines.plans import plan_on
from weft.engines.scenario import OtherJob, Scenario
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.files import read_model
from weft.workload.outer_step import outer_program
from weft.workload.program import Program
from weft.workload.spec import Job
from weft.workload.training import Plan, step_program


@dataclass(frozen=True)
class Beside:
    """A job that runs beside the one that is asked about, for so many steps."""

    job: OtherJob
    plan: Plan
    steps: int


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
        algorithm: str = "auto",
        whole: bool = False,
        others: Sequence[Beside] = (),
        progress: Progress | None = None,
    ) -> None:
        program = step_program(resolved)
        self._exchange = outer_program(resolved)
        between = self._exchange.communications if self._exchange is not None else ()
        parties = [party_of(fabric, resolved.mapping, program, first=scenario.first, slow=scenario.slow, also=between)]
        self._others: list[Program] = []
        for other in others:
            one = step_program(other.plan)
            self._others.append(repeated(one, other.steps))
            parties.append(
                party_of(
                    fabric,
                    other.plan.mapping,
                    one,
                    first=other.job.first,
                    base=sum(party.columns for party in parties),
                    slow=scenario.slow,
                    level=other.job.priority,
                    weight=other.job.weight,
                )
            )
        self.plan, self.whole = resolved, program
        self.prepared: Prepared = prepare(
            fabric, library, parties, scenario=scenario, routing=routing, algorithm=algorithm, whole=whole
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
        program = self.whole
        if micro_batches != self.plan.micro_batches:
            program = step_program(replace(self.plan, micro_batches=micro_batches))
        if steps > 1:
            program = repeated(program, steps)
        own = self.prepared.expanded(program)
        others = [self.prepared.expanded(each, 1 + number) for number, each in enumerate(self._others)]
        self.engine.reset()
        done = execute(merge([own, *others]), self.engine, slowdown=self.plan.overlap_slowdown, progress=self._progress)
        if not others:
            return done
        return Execution(own, done.start_s[: len(own)], done.end_s[: len(own)])


def fluid_step(
    fabric: Fabric,
    library: Library,
    resolved: Plan,
    *,
    scenario: Scenario,
    routing: Routing | None = None,
    whole: bool = False,
    progress: Progress | None = None,
) -> FluidStep:
    """Prepare a job's step, and those of the jobs that a scenario puts beside it.

    Raises:
        ConfigError: a job's file is wrong, or it does not fit where it is put.
    """
    others = beside(fabric, library, resolved, scenario)
    return FluidStep(
        fabric, library, resolved, scenario=scenario, routing=routing, whole=whole, others=others, progress=progress
    )


def beside(fabric: Fabric, library: Library, resolved: Plan, scenario: Scenario) -> list[Beside]:
    """Return the jobs that a scenario puts beside another.

    Each does as many steps as fit into one of ours by the closed form, and one more to be still at it when ours ends
    late.

    Raises:
        ConfigError: a job's file is wrong, or it does not fit where it is put.
    """
    others = []
    own_s = _alone_s(fabric, library, resolved) if scenario.jobs else 0.0
    for number, job in enumerate(scenario.jobs):
        spec = read_model(scenario.folder / job.job, Job)
        if spec.accelerators is None:
            raise ConfigError(
                f"{job.job} beside another job has to say how many accelerators it uses", field=f"jobs[{number}].job"
            )
        plan = plan_on(fabric, spec)
        others.append(Beside(job, plan, 1 + math.ceil(own_s / _alone_s(fabric, library, plan))))
    _check_apart(scenario, resolved, others)
    return others


def _alone_s(fabric: Fabric, library: Library, resolved: Plan) -> float:
    """Seconds of a step by the closed form."""
    engine = AnalyticEngine(fabric, library)
    return execute(step_program(resolved), engine, slowdown=resolved.overlap_slowdown).span_s


def _check_apart(scenario: Scenario, resolved: Plan, others: Sequence[Beside]) -> None:
    """Refuse jobs that share accelerators."""
    taken = [(scenario.first, resolved.mapping.ranks, "the job")]
    for number, other in enumerate(others):
        first, ranks = other.job.first, other.plan.mapping.ranks
        for start, count, name in taken:
            if first < start + count and start < first + ranks:
                raise ConfigError(
                    f"{other.job.job} would use accelerators {first} to {first + ranks - 1}, of which {name} already "
                    f"has some ({start} to {start + count - 1})",
                    field=f"jobs[{number}].first",
                )
        taken.append((first, ranks, other.job.job))
