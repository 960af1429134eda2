"""What would help, found by trying: every change is a run of its own, ranked by the step it leads to.

Changes of the job run in closed form, which is quick; changes of the network run on the engine that was asked for,
because only it sees what they do. Each is compared with the present step on the same engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from weft.collectives import ALGORITHMS, canonical, library_for, load_library
from weft.engines.scenario import Scenario
from weft.engines.step import StepRun, memory_on, run_step
from weft.engines.what_if import what_ifs
from weft.errors import WeftError
from weft.explain.faster_network import faster_network, next_rate_Bps
from weft.explain.neighbours import neighbours
from weft.explain.network_basis import kinds_of
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.units import format_rate
from weft.workload.program import Category
from weft.workload.spec import Job

#: Told (changes tried, of how many).
Progress = Callable[[int, int], None]
#: Algorithms of communication that holds the step up by less are not worth a run.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True)
class Question:
    """A run's inputs with one thing changed.

    Attributes:
        change: what is different, for people.
        about: ``"job"`` or ``"network"``.
        fabric, job, engine: the inputs.
        options: further arguments of `weft.engines.step.run_step`.
    """

    change: str
    about: str
    fabric: Fabric
    job: Job
    engine: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """A change that divides, fits in memory and ran.

    Attributes:
        change, about, engine: of the `Question`.
        step_s: the step it leads to.
        gain: of the present step on the same engine, the share that it saves; negative where it makes the step longer.
        memory_bytes: of the fullest rank.
    """

    change: str
    about: str
    engine: str
    step_s: float
    gain: float
    memory_bytes: float

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "change": self.change,
            "about": self.about,
            "engine": self.engine,
            "step_time_s": self.step_s,
            "gain": self.gain,
            "memory_bytes_per_gpu": self.memory_bytes,
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """All that was tried: what ran, best first, and how many neither divided nor fitted, by why."""

    tried: tuple[Tried, ...]
    left_out: dict[str, int]

    @property
    def count(self) -> int:
        """How many changes were looked at."""
        return len(self.tried) + sum(self.left_out.values())

    def to_dict(self) -> dict[str, Any]:
        """Return them for machines."""
        return {
            "tried": self.count,
            "left_out": self.left_out,
            "changes": [each.to_dict() for each in self.tried],
        }


def try_changes(
    run: StepRun, fabric: Fabric, *, scenario: Scenario, routing: Routing | None, progress: Progress | None = None
) -> Changes:
    """Ask every question about a run.

    Args:
        run: the present step.
        fabric, scenario, routing: what it ran on.
        progress: told how far this is.
    """
    questions = [*_about_job(run, fabric), *_about_network(run, fabric, scenario, routing)]
    present = {run.engine.name: run.step_s}
    if "analytic" not in present:
        present["analytic"] = run_step(fabric, run.plan.job).step_s
    tried: list[Tried] = []
    left_out: dict[str, int] = {}
    for number, question in enumerate(questions):
        answer = _answer(question, present[question.engine])
        if isinstance(answer, Tried):
            tried.append(answer)
        else:
            left_out[answer] = left_out.get(answer, 0) + 1
        if progress is not None:
            progress(number + 1, len(questions))
    return Changes(tuple(sorted(tried, key=lambda each: (-each.gain, each.change))), left_out)


def _answer(question: Question, present_s: float) -> Tried | str:
    try:
        memory = memory_on(question.fabric, question.job)
        if not memory.fits:
            return "too large for memory"
        step_s = run_step(question.fabric, question.job, engine=question.engine, **question.options).step_s
    except WeftError as error:
        if error.exit_code == 3:
            raise
        return "not divisible or not possible"
    gain = 1 - step_s / present_s
    return Tried(question.change, question.about, question.engine, step_s, gain, memory.total_bytes)


def _about_job(run: StepRun, fabric: Fabric) -> Iterator[Question]:
    seen = [run.plan.job]
    for each in neighbours(run.plan):
        if each.job not in seen:
            seen.append(each.job)
            yield Question(each.change, "job", fabric, each.job, "analytic", {})


def _about_network(run: StepRun, fabric: Fabric, scenario: Scenario, routing: Routing | None) -> Iterator[Question]:
    job, engine = run.plan.job, run.engine.name
    contends: dict[str, Any] = {} if engine == "analytic" else {"scenario": scenario, "routing": routing}
    if run.packet is not None:
        contends["transport"] = run.packet.transport
    if (rate_Bps := next_rate_Bps(fabric)) is not None:
        now = fabric.network.rate_Bps
        change = f"scale-out links of {format_rate(rate_Bps)} (now {format_rate(now)})"
        yield Question(change, "network", faster_network(fabric, rate_Bps / now), job, engine, contends)
    if engine == "fluid":
        for what in what_ifs(fabric, routing or fabric.plan.cluster.routing, scenario, link_class=""):
            options = {"scenario": what.scenario, "routing": what.routing}
            yield Question(what.change, "network", what.fabric, job, engine, options)
        return
    if engine == "packet":
        return
    for kind, algorithm in _algorithms(run, fabric):
        forced = {"algorithms": {kind: algorithm}}
        yield Question(f"{kind} by {algorithm}", "network", fabric, job, engine, forced)


def _algorithms(run: StepRun, fabric: Fabric) -> Iterable[tuple[str, str]]:
    """Algorithms that the library would not take, for the kinds that hold the step up; of its own it takes the best."""
    chosen = load_library(library_for(fabric.accelerator), fabric.catalog).choices
    exposed = [
        each
        for each in Category
        if run.breakdown_s.get(f"exposed_{each.name.lower()}", 0.0) > _LEAST_SHARE * run.step_s
    ]
    for kind in sorted({canonical(kind) for category in exposed for kind in kinds_of(run, category)}):
        for name, module in ALGORITHMS.items():
            if kind in module.KINDS and name not in chosen[kind] and kind != "send_recv":
                yield kind, name
