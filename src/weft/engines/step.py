"""One optimizer step of a job on a fabric, by any engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from weft.collectives import Library, library_for, load_library
from weft.engines.analytic import AnalyticEngine
from weft.engines.base import Engine
from weft.engines.executor import Execution, Progress, execute
from weft.engines.expand import repeated
from weft.engines.folding import Folded, run_folded, run_whole
from weft.engines.periodic import Periodic, periodic
from weft.engines.plans import plan_on
from weft.engines.scenario import Scenario
from weft.errors import ConfigError, UnknownName
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.workload.memory import Memory, memory_of
from weft.workload.pipeline import runs_on
from weft.workload.program import Category
from weft.workload.spec import Job
from weft.workload.stragglers import straggling_s
from weft.workload.training import Plan, step_program

if TYPE_CHECKING:
    from weft.engines.fluid.link_use import LinkUse
    from weft.engines.fluid.step import FluidStep
    from weft.engines.packet.samples import Sampling
    from weft.engines.packet.step import PacketStep
    from weft.engines.packet.transport import Transport

ENGINES = ("analytic", "fluid", "packet")


@dataclass(frozen=True)
class StepRun:
    """A step that has run.

    Attributes:
        plan: the job, resolved.
        execution: when each operation ran; with folding, of a step with fewer micro-batches.
        engine: what timed its communication.
        memory: bytes on the fullest rank.
        step_s: seconds of the whole step.
        breakdown_s: where they go; see `weft.engines.executor.breakdown`.
        folded: micro-batches left out of ``execution`` because they repeat.
        links: how the links were used in ``execution``, where that was asked for.
        fluid: the job on its folded network, where the fluid engine ran it.
        packet: the job's packets, where the packet engine ran it.
        periodic: what outer steps take, where groups synchronise only every so often.
    """

    plan: Plan
    execution: Execution
    engine: Engine
    memory: Memory
    step_s: float
    breakdown_s: dict[str, float]
    folded: int
    links: LinkUse | None = None
    fluid: FluidStep | None = None
    periodic: Periodic | None = None
    packet: PacketStep | None = None

    @property
    def tokens_per_s(self) -> float:
        """Tokens of the whole job per second."""
        return self.plan.tokens / self.step_s

    @property
    def model_flops_per_s(self) -> float:
        """Model FLOP/s of one accelerator (no credit for recomputation)."""
        job, model = self.plan.job, self.plan.transformer
        per_token = model.flops_per_token(job.sequence, causal=job.causal_flops, frozen=job.lora is not None)
        return per_token * self.tokens_per_s / self.plan.mapping.ranks

    def exposed_by_bound(self) -> dict[tuple[str, str], float]:
        """Exposed seconds by (limiting link class, entry of the breakdown).

        Each entry's exposed time is shared over its communications by the seconds they take.
        """
        program, run = self.execution.program, self.execution
        communicates = np.flatnonzero(np.array(program.communication, int) >= 0)
        index, category = (np.array(column, int)[communicates] for column in (program.communication, program.category))
        seconds_of = np.bincount(index * len(Category) + category, (run.end_s - run.start_s)[communicates])
        taken: dict[tuple[str, str], float] = {}
        for number in np.unique(index * len(Category) + category).tolist():
            which, kind = divmod(number, len(Category))
            key = (self.engine.bound(program.communications[which]), f"exposed_{Category(kind).name.lower()}")
            taken[key] = taken.get(key, 0.0) + float(seconds_of[number])
        whole: dict[str, float] = {}
        for (_, entry), seconds in taken.items():
            whole[entry] = whole.get(entry, 0.0) + seconds
        found = {
            key: self.breakdown_s[key[1]] * seconds / whole[key[1]]
            for key, seconds in taken.items()
            if whole[key[1]] > 0
        }
        if offloading := self.breakdown_s.get("exposed_offload", 0.0):
            found["host", "exposed_offload"] = offloading
        if self.periodic is not None:
            found[self.periodic.bound, "exposed_outer"] = self.periodic.exposed_s
        return found


def run_step(
    fabric: Fabric,
    job: Job,
    *,
    engine: str = "analytic",
    fold: bool = True,
    scenario: Scenario | None = None,
    routing: Routing | None = None,
    watch: bool = False,
    algorithms: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    transport: Transport | None = None,
    sampling: Sampling | None = None,
) -> StepRun:
    """Run one step.

    Args:
        fabric: what the job runs on.
        job: the job.
        engine: one of `ENGINES`.
        fold: let one stand for all that the network treats alike, and leave out micro-batches that only repeat the
            pipeline's steady state; the answer is the same.
        scenario: faults, slow hosts, background traffic and other jobs; not for the closed form.
        routing: how flows find their way, instead of what the cluster file says; not for the closed form.
        watch: also tell how links were used, which takes another run; the fluid engine's only.
        algorithms: by kind of collective, the algorithm to use where it can be; the closed form's only.
        progress: told how far the run is.
        transport: how hosts and switches treat packets; the packet engine's only.
        sampling: what to record of queues and links over time; the packet engine's only.

    Raises:
        ConfigError: the job is not possible on this fabric, or the engine knows nothing of a scenario or routing.
        InfeasibleError: a communication cannot end, because a part of the network is cut off.
        UnknownName: no such engine, model, stack.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    if transport is not None and engine != "packet":
        raise ConfigError(f"the {engine} engine has no packets and no transport; use the packet engine", field="engine")
    if sampling is not None and engine != "packet":
        raise ConfigError(f"the {engine} engine takes no samples; use the packet engine", field="engine")
    resolved = plan_on(fabric, job)
    memory = _memory(fabric, resolved)
    library = load_library(library_for(fabric.accelerator), fabric.catalog)
    if engine == "analytic":
        if scenario is not None or routing is not None or watch:
            what = "a scenario" if scenario is not None else "routing" if routing is not None else "single links"
            raise ConfigError(f"the closed form knows nothing of {what}; use the fluid engine", field="engine")
        runner: _Runner = _AnalyticStep(fabric, library, resolved, algorithms)
        fluid, packet, repeats = None, None, True
    elif engine == "packet":
        if job.outer is not None:
            raise ConfigError("the packet engine knows nothing of outer steps; use the fluid engine", field="outer")
        if watch:
            raise ConfigError("only the fluid engine tells how links were used", field="engine")
        from weft.engines.packet.step import PacketStep

        known = scenario or Scenario()
        packet = runner = PacketStep(
            fabric,
            library,
            resolved,
            scenario=known,
            routing=routing,
            transport=transport,
            sampling=sampling,
            progress=progress,
        )
        fluid, repeats = None, False
    else:
        from weft.engines.fluid.step import FluidStep

        scenario = scenario or Scenario()
        fluid = runner = FluidStep(
            fabric, library, resolved, scenario=scenario, routing=routing, whole=not fold, progress=progress
        )
        packet, repeats = None, scenario.steady
    whole = resolved.micro_batches
    done = _run(runner.run, resolved, fold=fold and repeats)
    links = fluid.link_use(whole - done.left_out) if fluid is not None and watch else None
    parts, step_s = done.breakdown_s, done.step_s
    if job.jitter is not None:
        parts = parts | {"stragglers": straggling_s(resolved, parts["compute"])}
        step_s += parts["stragglers"]
    rest = periodic(resolved, runner.engine, step_s, fluid.exchange_s() if fluid is not None else None)
    if rest is not None:
        parts = parts | rest.breakdown_s
        step_s += sum(rest.breakdown_s.values())
    return StepRun(
        resolved,
        done.execution,
        runner.engine,
        memory,
        step_s,
        parts,
        done.left_out,
        links,
        fluid,
        rest,
        packet,
    )


class _Runner(Protocol):
    """Runs steps of one job with different numbers of micro-batches."""

    @property
    def engine(self) -> Engine: ...

    def run(self, micro_batches: int, steps: int = 1) -> Execution: ...


def _run(run: Callable[[int, int], Execution], resolved: Plan, *, fold: bool) -> Folded:
    """Run a step; where stages run into the next one, two, of which the second is what each further one adds."""

    def steps(count: int) -> Folded:
        def several(micro_batches: int) -> Execution:
            return run(micro_batches, count)

        whole = resolved.micro_batches
        return run_folded(several, whole, resolved.mapping.pp) if fold else run_whole(several, whole)

    one = steps(1)
    if not runs_on(resolved.job.parallelism.schedule):
        return one
    two = steps(2)
    parts = {name: seconds - one.breakdown_s[name] for name, seconds in two.breakdown_s.items()}
    return replace(one, step_s=two.step_s - one.step_s, breakdown_s=parts)


class _AnalyticStep:
    def __init__(self, fabric: Fabric, library: Library, resolved: Plan, algorithms: Mapping[str, str] | None) -> None:
        self.resolved, self.engine = resolved, AnalyticEngine(fabric, library, algorithms)

    def run(self, micro_batches: int, steps: int = 1) -> Execution:
        program = step_program(replace(self.resolved, micro_batches=micro_batches))
        if steps > 1:
            program = repeated(program, steps)
        return execute(program, self.engine, slowdown=self.resolved.overlap_slowdown)


def memory_on(fabric: Fabric, job: Job) -> Memory:
    """Memory of a job's fullest rank, without running it."""
    return _memory(fabric, plan_on(fabric, job))


def _memory(fabric: Fabric, resolved: Plan) -> Memory:
    return memory_of(resolved, fabric.catalog.get("accelerators", fabric.accelerator).si("hbm_gb"))
