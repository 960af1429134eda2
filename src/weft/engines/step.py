"""One optimizer step of a job on a fabric, by any engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from weft.collectives import Library, library_for, load_library
from weft.engines.analytic import AnalyticEngine
from weft.engines.base import Engine
from weft.engines.executor import Execution, execute
from weft.engines.folding import run_folded, run_whole
from weft.errors import UnknownName
from weft.fabric import Fabric
from weft.workload.memory import Memory, memory_of
from weft.workload.program import Category
from weft.workload.spec import Job
from weft.workload.training import Plan, plan, step_program

ENGINES: dict[str, Callable[[Fabric, Library], Engine]] = {"analytic": AnalyticEngine}


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
    """

    plan: Plan
    execution: Execution
    engine: Engine
    memory: Memory
    step_s: float
    breakdown_s: dict[str, float]
    folded: int

    @property
    def tokens_per_s(self) -> float:
        """Tokens of the whole job per second."""
        return self.plan.tokens / self.step_s

    @property
    def model_flops_per_s(self) -> float:
        """Model FLOP/s of one accelerator (no credit for recomputation)."""
        job, model = self.plan.job, self.plan.transformer
        per_token = model.flops_per_token(job.sequence, causal=job.causal_flops)
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
        return {
            key: self.breakdown_s[key[1]] * seconds / whole[key[1]]
            for key, seconds in taken.items()
            if whole[key[1]] > 0
        }


def run_step(fabric: Fabric, job: Job, *, engine: str = "analytic", fold: bool = True) -> StepRun:
    """Run one step.

    Args:
        fabric: what the job runs on.
        job: the job.
        engine: a key of `ENGINES`.
        fold: leave out micro-batches that only repeat the pipeline's steady state.

    Raises:
        ConfigError: the job is not possible on this fabric.
        UnknownName: no such engine, model, stack.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    resolved = plan_on(fabric, job)
    memory = _memory(fabric, resolved)
    timer = ENGINES[engine](fabric, load_library(library_for(fabric.accelerator), fabric.catalog))

    def run(micro_batches: int) -> Execution:
        program = step_program(replace(resolved, micro_batches=micro_batches))
        return execute(program, timer, slowdown=resolved.overlap_slowdown)

    whole = resolved.micro_batches
    done = run_folded(run, whole, resolved.mapping.pp) if fold else run_whole(run, whole)
    return StepRun(resolved, done.execution, timer, memory, done.step_s, done.breakdown_s, done.left_out)


def plan_on(fabric: Fabric, job: Job) -> Plan:
    """Resolve a job on a fabric; see `weft.workload.training.plan`."""
    return plan(
        job,
        accelerators=fabric.accelerators,
        accelerator=fabric.catalog.get("accelerators", fabric.accelerator),
        scale_up=fabric.plan.per_node,
        catalog=fabric.catalog,
    )


def memory_on(fabric: Fabric, job: Job) -> Memory:
    """Memory of a job's fullest rank, without running it."""
    return _memory(fabric, plan_on(fabric, job))


def _memory(fabric: Fabric, resolved: Plan) -> Memory:
    return memory_of(resolved, fabric.catalog.get("accelerators", fabric.accelerator).si("hbm_gb"))
