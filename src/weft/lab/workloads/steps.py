"""Steps of a collective as they were timed: how long each took, what bus bandwidth that is, which one stalled."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from weft.collectives import busbw


@dataclass(frozen=True, slots=True)
class Steps:
    """What ranks did together, step after step.

    Attributes:
        kind: collective, as `weft.collectives` names it.
        size_bytes: of a step, counted as nccl-tests does: all_gather and reduce_scatter have what all ranks hold.
        ranks: how many take part.
        ends_s: when the last rank was done, by step, on the machine's monotonic clock; the first entry is the start.
        error: why it ended early; "" where it did not.
        failed_ranks: how many ranks ended early.
    """

    kind: str
    size_bytes: float
    ranks: int
    ends_s: tuple[float, ...]
    error: str = ""
    failed_ranks: int = 0

    @property
    def times_s(self) -> list[float]:
        """Of every step: from the end of the one before, of whoever was last, to its own."""
        return [after - before for before, after in zip(self.ends_s, self.ends_s[1:], strict=False)]

    @property
    def median_s(self) -> float:
        """Of all steps but the first, which warms up; 0 where there is none."""
        times = self.times_s[1:] or self.times_s
        return median(times) if times else 0.0

    @property
    def busbw_Bps(self) -> float:
        """Bus bandwidth of the median step."""
        return busbw(self.kind, self.size_bytes, self.ranks, self.median_s) if self.median_s > 0 else 0.0

    @property
    def worst_stall_s(self) -> float:
        """By how much the longest step is longer than the median one; the first is left out."""
        times = self.times_s[1:]
        return max(times) - self.median_s if times else 0.0

    def to_dict(self) -> dict[str, Any]:
        """What machines read."""
        return {
            "kind": self.kind,
            "size_bytes": self.size_bytes,
            "ranks": self.ranks,
            "steps_s": self.times_s,
            "median_s": self.median_s,
            "busbw_Bps": self.busbw_Bps,
            "worst_stall_s": self.worst_stall_s,
            "error": self.error,
            "failed_ranks": self.failed_ranks,
        }
