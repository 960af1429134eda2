"""What outer steps add to the inner step of groups that synchronise only every so often.

With inner steps of T seconds, an exchange of W seconds and an optimizer of O seconds every H steps, a step takes
T + (W + O) / H; where the exchange runs beside inner steps it shows only as far as it outlasts them:
T + (max(0, W - H T) + O) / H. All stages exchange at once, and the slowest counts. See `weft.workload.outer_step`.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.engines.base import Engine
from weft.workload.outer_step import outer_exchange, outer_optimizer_s
from weft.workload.spec import Outer
from weft.workload.training import Plan


@dataclass(frozen=True)
class Periodic:
    """What outer steps take.

    Attributes:
        outer: what the job asks for.
        groups: how many groups there are.
        inner_step_s: seconds of one inner step.
        exchange_s: seconds of an outer step's exchange.
        optimizer_s: seconds of its optimizer.
        exchanged_bytes: what a rank's share of the difference takes on the wire.
        bound: the class of links that limits the exchange.
    """

    outer: Outer
    groups: int
    inner_step_s: float
    exchange_s: float
    optimizer_s: float
    exchanged_bytes: float
    bound: str

    @property
    def hidden_s(self) -> float:
        """Seconds of an exchange that run beside inner steps."""
        return min(self.exchange_s, self.outer.every * self.inner_step_s) if self.outer.overlap else 0.0

    @property
    def exposed_s(self) -> float:
        """Seconds of exchange that an inner step is longer by."""
        return (self.exchange_s - self.hidden_s) / self.outer.every

    @property
    def breakdown_s(self) -> dict[str, float]:
        """What an inner step is longer by."""
        return {"exposed_outer": self.exposed_s, "outer_optimizer": self.optimizer_s / self.outer.every}

    def to_dict(self) -> dict[str, float | int | bool]:
        """For machines; SI units in key names."""
        return {
            **self.outer.model_dump(),
            "groups": self.groups,
            "inner_step_s": self.inner_step_s,
            "exchange_s": self.exchange_s,
            "hidden_s": self.hidden_s,
            "optimizer_s": self.optimizer_s,
            "exchanged_bytes": self.exchanged_bytes,
        }


def periodic(plan: Plan, engine: Engine, inner_step_s: float, exchange_s: float | None = None) -> Periodic | None:
    """Time the outer steps of a job; None where all synchronise at every step.

    Args:
        plan, engine: the job, and what times its communication.
        inner_step_s: seconds of an inner step.
        exchange_s: of an exchange of all stages, where it has been run; the slowest stage's alone otherwise.
    """
    outer = plan.job.outer
    if outer is None:
        return None
    stages = range(plan.mapping.pp)
    slowest = max((outer_exchange(plan, outer, stage) for stage in stages), key=engine.alone_s)
    return Periodic(
        outer,
        plan.mapping.outer,
        inner_step_s,
        engine.alone_s(slowest) if exchange_s is None else exchange_s,
        max(outer_optimizer_s(plan, outer, stage) for stage in stages),
        slowest.size_bytes * slowest.repeat,
        engine.bound(slowest),
    )
