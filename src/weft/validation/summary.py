"""How good the predictions are: overall, by group, and the worst of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from weft.validation.rows import Prediction


@dataclass(frozen=True, slots=True)
class Summary:
    """Relative errors (predicted / measured - 1) of the predictions that could be made.

    Attributes:
        n: how many values were predicted.
        unsupported: how many could not be.
        median_abs_error: half the predictions are nearer than this; None where n is 0.
        p90_abs_error: nine in ten are nearer than this.
        bias: mean of the signed errors; positive is optimistic for rates, pessimistic for times.
    """

    n: int
    unsupported: int
    median_abs_error: float | None
    p90_abs_error: float | None
    bias: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the JSON keys that machines read."""
        return {
            "n": self.n,
            "unsupported": self.unsupported,
            "median_abs_error": self.median_abs_error,
            "p90_abs_error": self.p90_abs_error,
            "bias": self.bias,
        }


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Return the value below which ``fraction`` of the sorted values lie, linear between neighbours."""
    position = fraction * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def summarise(predictions: Iterable[Prediction]) -> Summary:
    """Summarise any set of predictions."""
    everything = list(predictions)
    errors = [error for p in everything if (error := p.relative_error) is not None]
    if not errors:
        return Summary(0, len(everything), None, None, None)
    sizes = sorted(abs(error) for error in errors)
    return Summary(
        len(errors),
        len(everything) - len(errors),
        percentile(sizes, 0.5),
        percentile(sizes, 0.9),
        math.fsum(errors) / len(errors),
    )


def size_band(p: Prediction) -> str:
    """Name the message-size band of a collective: latency-bound, between, or bandwidth-bound."""
    if p.size_bytes is None:
        return ""
    if p.size_bytes < 1e6:
        return "< 1 MB"
    return "1 MB to 64 MB" if p.size_bytes < 64e6 else ">= 64 MB"


GROUPINGS: dict[str, Callable[[Prediction], str]] = {
    "metric": lambda p: p.metric,
    "stack": lambda p: p.stack,
    "accelerator": lambda p: p.accelerator,
    "op": lambda p: p.op,
    "size": size_band,
    "source": lambda p: p.source,
}


def by_group(predictions: Iterable[Prediction], *, least: int = 1) -> dict[str, dict[str, Summary]]:
    """Summarise by each grouping that tells predictions apart; groups are ordered by name.

    Args:
        predictions: to group.
        least: leave out groupings none of whose groups has so many predictions.
    """
    everything = list(predictions)
    tables = {}
    for name, label in GROUPINGS.items():
        groups: dict[str, list[Prediction]] = defaultdict(list)
        for p in everything:
            groups[label(p)].append(p)
        if len(groups) > 1 and max(map(len, groups.values())) >= least:
            tables[name] = {group: summarise(groups[group]) for group in sorted(groups) if group}
    return tables


def worst(predictions: Iterable[Prediction], count: int = 10) -> list[Prediction]:
    """Return the predictions that are furthest off, worst first."""
    made = [p for p in predictions if p.relative_error is not None]
    return sorted(made, key=lambda p: -abs(p.relative_error or 0.0))[:count]


def reasons(predictions: Iterable[Prediction]) -> dict[str, int]:
    """Count why rows could not be predicted, most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    for p in predictions:
        if p.status != "ok":
            counts[p.reason] += 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
