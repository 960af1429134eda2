"""Metrics in Prometheus' text exposition format, for textfile collectors and for comparing with a live network's.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). Names end in base units, and
counters in ``_total`` (https://prometheus.io/docs/practices/naming/).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from weft.files.writing import write_atomically

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: with its unit at the end.
        kind: what the values are.
        help: what they mean.
        samples: (labels, value); of a summary, ``quantile`` is a label.
        total, count: of a summary: sum and number of observations.
    """

    name: str
    kind: Literal["gauge", "counter", "summary"]
    help: str
    samples: Iterable[tuple[Labels, float]] = field(default_factory=tuple)
    total: float | None = None
    count: int | None = None


def exposition(metrics: Iterable[Metric]) -> str:
    """Return the metrics as text."""
    return "".join(line + "\n" for metric in metrics for line in _lines(metric))


def write_metrics(path: str | os.PathLike[str], metrics: Iterable[Metric]) -> None:
    """Write the metrics as text.

    Raises:
        ConfigError: the file cannot be written.
    """
    write_atomically(path, exposition(metrics))


def _lines(metric: Metric) -> Iterator[str]:
    about = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {metric.name} {about}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples:
        yield f"{metric.name}{_labels(labels)} {_value(value)}"
    if metric.total is not None:
        yield f"{metric.name}_sum {_value(metric.total)}"
    if metric.count is not None:
        yield f"{metric.name}_count {metric.count}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
