"""Predictions against measurements: the published rows in the package, or a user's own.

A suite is a module with ``predict(row, file) -> list[Prediction]``; it says ``unsupported`` with a reason where it
cannot express a row yet. One row that fails never stops the others. ``stack_of(row, file)``, where it has one, names
the software that a row ran on without predicting it.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any

from pydantic import ValidationError

from weft.errors import UnknownName, WeftError
from weft.validation.causes import known_cause
from weft.validation.rows import Prediction, Row, RowFile, read_rows, unsupported
from weft.validation.summary import Summary, by_group, summarise, worst

SUITES = {name: f"weft.validation.{name}" for name in ("training", "nccl", "topology", "congestion", "headlines")}
#: Other names of suites.
ALIASES = {"collectives": "nccl"}
ALL = "all"

Predict = Callable[[Row, RowFile], list[Prediction]]
Progress = Callable[[Iterable[Row], int], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Report:
    """All predictions of one run, what their sources are, and how many rows failed by a fault of ours."""

    kind: str
    predictions: list[Prediction]
    internal_errors: int
    sources: dict[str, Any]

    @property
    def summary(self) -> Summary:
        """The errors of all predictions together."""
        return summarise(self.predictions)


def suites_of(names: Iterable[str]) -> list[str]:
    """Return the suites that names stand for, each once: ``all`` for every one, ``collectives`` for nccl.

    Raises:
        UnknownName: no such suite.
    """
    found: list[str] = []
    for name in names:
        if name != ALL and ALIASES.get(name, name) not in SUITES:
            raise UnknownName("suite", name, [*SUITES, *ALIASES, ALL])
        found += SUITES if name == ALL else [ALIASES.get(name, name)]
    return list(dict.fromkeys(found))


def run_suite(name: str, *, only: str | None = None, progress: Progress | None = None) -> Report:
    """Predict the published rows of a suite.

    Args:
        name: a key of `SUITES`, or another name of one.
        only: keep rows whose id, slug or software stack has this text, or matches it as a ``*`` pattern.
        progress: wraps the rows to show how far the run is.

    Raises:
        UnknownName: no such suite.
    """
    (name,) = suites_of([name])
    return run_file(read_rows(str(files("weft.validation") / "data" / f"{name}.yaml")), only=only, progress=progress)


def run_rows(path: str | os.PathLike[str], *, only: str | None = None, progress: Progress | None = None) -> Report:
    """Predict the rows of a user's file; raises ConfigError where the file is malformed."""
    return run_file(read_rows(path), only=only, progress=progress)


def run_file(file: RowFile, *, only: str | None = None, progress: Progress | None = None) -> Report:
    """Predict the rows of an already read file."""
    predict = _suite(file.kind)
    rows = [row for row in file.rows if only is None or _matches(row, file, only)]
    found: list[Prediction] = []
    faults = 0
    for row in progress(rows, len(rows)) if progress else rows:
        try:
            made = [_labelled(p, row) for p in predict(row, file)]
            made = made or [unsupported(row, "the suite predicts none of its measured values")]
        except WeftError as error:
            made = [unsupported(row, str(error))]
            faults += error.exit_code == 3
        except ValidationError as error:  # the row's conditions make no valid cluster or job
            problem = error.errors(include_url=False)[0]
            field = ".".join(map(str, problem["loc"]))
            made = [unsupported(row, f"{field}: {problem['msg']}, read {str(problem['input'])[:40]!r}")]
        except Exception as error:
            made = [unsupported(row, f"internal error: {type(error).__name__}: {error}")]
            faults += 1
        found.extend(made)
    return Report(file.kind, found, faults, file.sources)


def _suite(kind: str) -> Predict:
    if kind not in SUITES:
        return lambda row, file: [unsupported(row, "no model for this suite yet")]
    predict: Predict = importlib.import_module(SUITES[kind]).predict
    return predict


def _matches(row: Row, file: RowFile, pattern: str) -> bool:
    names = [str(row.get("id", "")), str(row.get("slug", ""))]
    if any(_is_like(name, pattern) for name in names):
        return True
    stack_of = getattr(importlib.import_module(SUITES[file.kind]), "stack_of", None) if file.kind in SUITES else None
    return stack_of is not None and _is_like(stack_of(row, file), pattern)


def _is_like(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) if any(mark in pattern for mark in "*?[") else pattern in name


def _labelled(p: Prediction, row: Row) -> Prediction:
    """Fill labels the suite left open, and refuse values whose error would mean nothing."""
    size = row.get("size_B")
    p = replace(
        p,
        source=p.source or str(row.get("source", "")),
        op=p.op or str(row.get("op", "")),
        size_bytes=float(size) if p.size_bytes is None and isinstance(size, int | float) else p.size_bytes,
    )
    if p.status != "ok":
        return p
    if p.predicted is None or not math.isfinite(p.predicted):
        raise ArithmeticError(f"{p.metric}: the prediction {p.predicted} is not a finite number")
    if not p.measured:
        return replace(p, status="unsupported", reason="the measured value is zero, so no relative error is defined")
    return replace(p, cause=known_cause(p.id, p.metric))


__all__ = [
    "ALL",
    "SUITES",
    "Prediction",
    "Report",
    "RowFile",
    "Summary",
    "by_group",
    "read_rows",
    "run_file",
    "run_rows",
    "run_suite",
    "suites_of",
    "summarise",
    "unsupported",
    "worst",
]
