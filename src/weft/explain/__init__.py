"""Why a step takes as long as it does, what that rests on, and what would make it shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft.engines.scenario import Scenario
from weft.engines.step import StepRun
from weft.explain.basis import Citation
from weft.explain.changes import Changes, Progress, Tried, try_changes
from weft.explain.waterfall import Bar, waterfall
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing


@dataclass(frozen=True, slots=True)
class Explanation:
    """A step explained.

    Attributes:
        step_s: the step.
        bars: where it goes, from the model's arithmetic down; they add up to ``step_s``.
        changes: what was tried, best first.
    """

    step_s: float
    bars: tuple[Bar, ...]
    changes: Changes

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines: the key ``explanation`` of a simulation's answer."""
        return {
            "step_time_s": self.step_s,
            "waterfall": [bar.to_dict() for bar in self.bars],
            "what_would_help": self.changes.to_dict(),
        }


def explain(
    run: StepRun,
    fabric: Fabric,
    *,
    scenario: Scenario | None = None,
    routing: Routing | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """Explain a step.

    Args:
        run: the step.
        fabric, scenario, routing: what it ran on.
        progress: told (changes tried, of how many).
    """
    changes = try_changes(run, fabric, scenario=scenario or Scenario(), routing=routing, progress=progress)
    return Explanation(run.step_s, waterfall(run, fabric), changes)


__all__ = ["Bar", "Changes", "Citation", "Explanation", "Tried", "explain"]
