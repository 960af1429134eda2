"""How good predictions were: a stored baseline that a change of the model is held against.

A baseline has, of each suite, the median and 90th percentile of |error|, the bias, and every row's error. Predictions
are worse where one of the three grew over the rows that were predicted then, where a row is further off, or where a row
that was predicted no longer is. Rows that are new, or nearer, are told and fail nothing.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from weft.errors import ConfigError
from weft.files import read_document, write_atomically
from weft.validation import Report
from weft.validation.rows import Prediction
from weft.validation.summary import percentile

#: By how much a suite's figure may grow, and a row's |error|: rounding of other machines, not a worse model.
SUITE_TOLERANCE, ROW_TOLERANCE = 1e-3, 0.02
FIGURES = ("median_abs_error", "p90_abs_error", "bias")
_DIGITS = 5
_MAX_BYTES = 20_000_000
_HEAD = """\
# How good predictions are: relative errors (predicted / measured - 1) by suite, and of every row by id and metric.
# Written by: weft validate --suite all --update-baseline
"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One suite as it was: its figures, which people read, and the error of each value by ``"id metric"``."""

    figures: dict[str, float | None]
    rows: dict[str, float]


@dataclass(frozen=True, slots=True)
class Change:
    """A figure or an error before and after."""

    suite: str
    what: str
    before: float | None
    after: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {"suite": self.suite, "what": self.what, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Predictions against a baseline.

    Attributes:
        figures: of every suite as a whole; none where only some rows were predicted.
        worse: figures and rows that fail; a row that is no longer predicted has no ``after``.
        better: rows that are nearer by more than the tolerance.
        new: rows that the baseline does not have.
    """

    figures: tuple[Change, ...]
    worse: tuple[Change, ...]
    better: tuple[Change, ...]
    new: int

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "holds": not self.worse,
            "figures": [each.to_dict() for each in self.figures],
            "worse": [each.to_dict() for each in self.worse],
            "better": [each.to_dict() for each in self.better],
            "new": self.new,
        }


def packaged_path() -> str:
    """Where the package keeps its baseline."""
    return str(files("weft.validation") / "data" / "baseline.yaml")


def read_baseline(path: str | os.PathLike[str]) -> dict[str, Baseline]:
    """Read a baseline by suite.

    Raises:
        ConfigError: no such file, or not a baseline.
    """
    document = read_document(path, max_bytes=_MAX_BYTES)
    suites = document.value.get("suites")
    if not isinstance(suites, dict) or not suites:
        raise ConfigError(
            "expected a baseline, with 'suites:' as weft validate --update-baseline writes it", file=str(path)
        )
    found = {}
    for name, suite in suites.items():
        rows, figures = (suite.get(key) if isinstance(suite, dict) else None for key in ("rows", "summary"))
        if not isinstance(rows, dict) or not isinstance(figures, dict) or not _numbers(rows.values()):
            line = document.line(("suites", name))
            raise ConfigError(f"{name}: expected summary and rows with numbers", file=document.path, line=line)
        found[str(name)] = Baseline(figures, {str(key): float(error) for key, error in rows.items()})
    return found


def write_baseline(path: str | os.PathLike[str], reports: Sequence[Report]) -> None:
    """Write the reports' suites as a baseline, keeping the file's others.

    Raises:
        ConfigError: the file cannot be written, or is something else.
    """
    kept = read_baseline(path) if os.path.exists(path) else {}
    ours = {report.kind: _baseline_of(report) for report in reports}
    lines = [_HEAD + "suites:"]
    for name, suite in sorted({**kept, **ours}.items()):
        figures = ", ".join(f"{key}: {_text(value)}" for key, value in suite.figures.items())
        lines += [f"  {_quoted(name)}:", f"    summary: {{{figures}}}", "    rows:" if suite.rows else "    rows: {}"]
        lines += [f"      {_quoted(key)}: {_text(error)}" for key, error in suite.rows.items()]
    write_atomically(path, "\n".join(lines) + "\n")


def compare(reports: Sequence[Report], baseline: dict[str, Baseline], *, whole: bool) -> Comparison:
    """Hold reports against a baseline.

    Args:
        reports: what is predicted now.
        baseline: by suite; a suite that it does not have is new as a whole.
        whole: the reports have all rows of their suites: then figures count, and rows that are gone.
    """
    figures: list[Change] = []
    worse: list[Change] = []
    better: list[Change] = []
    new = 0
    for report in reports:
        now, then = _baseline_of(report), baseline.get(report.kind, Baseline({}, {}))
        if whole and then.rows:
            both = [(then.rows[key], now.rows[key]) for key in then.rows if key in now.rows]
            befores, afters = _figures([before for before, _ in both]), _figures([after for _, after in both])
            these = [Change(report.kind, name, befores[name], afters[name]) for name in FIGURES]
            figures += these
            worse += [each for each in these if _grew(each, SUITE_TOLERANCE)]
        seen = then.rows.keys() if whole else then.rows.keys() & {_key(p) for p in report.predictions}
        for key in (key for key in then.rows if key in seen):
            row = Change(report.kind, key, then.rows[key], now.rows.get(key))
            if _grew(row, ROW_TOLERANCE):
                worse.append(row)
            elif _grew(Change(row.suite, key, row.after, row.before), ROW_TOLERANCE):
                better.append(row)
        new += len(now.rows.keys() - then.rows.keys())
    return Comparison(tuple(figures), tuple(worse), tuple(better), new)


def _baseline_of(report: Report) -> Baseline:
    errors = {_key(p): error for p in report.predictions if (error := p.relative_error) is not None}
    return Baseline(_figures(list(errors.values())), {key: round(error, _DIGITS) for key, error in errors.items()})


def _figures(errors: list[float]) -> dict[str, float | None]:
    """The figures of some relative errors, by name."""
    if not errors:
        return dict.fromkeys(FIGURES)
    sizes = sorted(map(abs, errors))
    values = percentile(sizes, 0.5), percentile(sizes, 0.9), math.fsum(errors) / len(errors)
    return {name: round(value, _DIGITS) for name, value in zip(FIGURES, values, strict=True)}


def _key(p: Prediction) -> str:
    return f"{p.id} {p.metric}"


def _grew(change: Change, tolerance: float) -> bool:
    """Whether a size is larger than it was, or gone."""
    if change.before is None:
        return False
    return change.after is None or abs(change.after) > abs(change.before) + tolerance


def _numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _quoted(name: str) -> str:
    """A key as YAML reads it back, whatever a user's rows are called."""
    return json.dumps(name, ensure_ascii=False)


def _text(value: float | None) -> str:
    return "null" if value is None else f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") or "0"
