"""A step as a waterfall: from the model's arithmetic at the published peak down to the step, one loss after another.

The bars add up to the step exactly. Compute is split by `weft.explain.ladder`; exposed communication is the run's own
breakdown; of the waiting, a pipeline's fill and drain is what remains when the same step runs on a network that takes
no time at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from weft.engines.executor import execute
from weft.engines.folding import run_folded
from weft.engines.step import StepRun
from weft.explain.basis import Citation, basis_of
from weft.explain.ladder import compute_s, rungs
from weft.explain.network_basis import kinds_of, network_basis
from weft.fabric import Fabric
from weft.workload.program import Category, Communication
from weft.workload.training import Plan, step_program

_EXPOSED = {
    Category.TP: "tensor",
    Category.CP: "context",
    Category.PP: "pipeline",
    Category.DP: "data",
    Category.EP: "expert",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a step.

    Attributes:
        name: a key; ``label`` is the same in words.
        seconds: its height; what it adds to those above it.
        detail: more about it: what communicates, over which links.
        basis: what it rests on.
    """

    name: str
    label: str
    seconds: float
    detail: str = ""
    basis: tuple[Citation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "name": self.name,
            "label": self.label,
            "seconds": self.seconds,
            "detail": self.detail,
            "basis": [each.to_dict() for each in self.basis],
        }


def waterfall(run: StepRun, fabric: Fabric) -> tuple[Bar, ...]:
    """The bars of a step, from the top; they add up to ``run.step_s``."""
    return (*_compute(run, fabric), *_exposed(run, fabric), *_offload(run, fabric), *_idle(run))


def _compute(run: StepRun, fabric: Fabric) -> Iterator[Bar]:
    plan, catalog, accelerator = run.plan, fabric.catalog, fabric.plan.accelerator
    reached = 0.0
    for rung in rungs(plan, accelerator):
        seconds = compute_s(rung.plan)
        yield Bar(rung.name, rung.label, seconds - reached, basis=basis_of(rung.name, plan, catalog, accelerator))
        reached = seconds
    slowed = run.breakdown_s["compute"] - reached
    if abs(slowed) > 1e-9 * run.step_s:
        basis = basis_of("beside", plan, catalog, accelerator)
        yield Bar("beside", "compute slowed beside collectives, or on slow hosts", slowed, basis=basis)


def _exposed(run: StepRun, fabric: Fabric) -> Iterator[Bar]:
    bounds = run.exposed_by_bound()
    for category, word in _EXPOSED.items():
        name = f"exposed_{category.name.lower()}"
        seconds = run.breakdown_s.get(name, 0.0)
        if seconds <= 0:
            continue
        over = sorted(((s, bound) for (bound, entry), s in bounds.items() if entry == name), reverse=True)
        detail = f"{', '.join(kinds_of(run, category))} over {', '.join(bound for _, bound in over)}"
        own = basis_of(name, run.plan, fabric.catalog, fabric.plan.accelerator)
        basis = (*network_basis(run, fabric, category), *own)
        yield Bar(name, f"exposed {word}-parallel communication", seconds, detail, basis)


def _offload(run: StepRun, fabric: Fabric) -> Iterator[Bar]:
    name = "exposed_offload"
    if (seconds := run.breakdown_s.get(name, 0.0)) > 0:
        basis = basis_of(name, run.plan, fabric.catalog, fabric.plan.accelerator)
        yield Bar(name, "exposed offloading to the host", seconds, "copies, and the host's optimizer", basis)


def _idle(run: StepRun) -> Iterator[Bar]:
    idle = run.breakdown_s["bubble"]
    unhurried = _bubble_s(run.plan) if idle > 0 else 0.0
    parallelism, count = run.plan.job.parallelism, run.plan.micro_batches
    if (fill := min(idle, unhurried)) > 0:
        chunks = f", {parallelism.interleave} chunks each" if parallelism.interleave > 1 else ""
        detail = f"{run.plan.mapping.pp} stages{chunks}, {count} micro-batches"
        yield Bar("bubble", "pipeline bubble and uneven stages", fill, detail)
    if idle - fill > 0:
        others = " of other stages" if run.plan.mapping.pp > 1 else ""
        yield Bar("waiting", f"waiting for communication{others}", idle - fill)


def _bubble_s(plan: Plan) -> float:
    """Seconds a rank waits, on average, where communication takes no time."""

    def alone(micro_batches: int) -> Any:
        return execute(step_program(replace(plan, micro_batches=micro_batches)), _Instant())

    return run_folded(alone, plan.micro_batches, plan.mapping.pp).breakdown_s["bubble"]


class _Instant:
    """A network on which everything has arrived at once."""

    name = "instant"
    contends = False

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        """Never asked: what takes no time needs no events."""
        raise NotImplementedError

    def peek(self, limit_s: float = math.inf) -> float:
        """Nothing is in flight."""
        return math.inf

    def pop(self) -> tuple[float, int]:
        """Never asked."""
        raise NotImplementedError

    def alone_s(self, communication: Communication) -> float:
        """No time at all."""
        return 0.0

    def bound(self, communication: Communication) -> str:
        """No link."""
        return ""

    def stuck(self) -> str:
        """Nothing."""
        return ""
