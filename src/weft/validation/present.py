"""Validation reports laid out: text for people, one object for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import chain
from typing import Any

from weft.report.terminal import Column, heading, number, percent, table, width
from weft.validation import Report
from weft.validation.baseline import Change, Comparison
from weft.validation.rows import Prediction
from weft.validation.summary import Summary, by_group, reasons, summarise, worst

#: A grouping whose groups are all smaller tells people nothing.
_FEW = 3
#: Rows that a comparison names of each sort; machines get all.
_MOST = 20


def report_to_dict(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the JSON object of one or more reports; rows in file order, summaries over all of them together."""
    predictions = list(chain.from_iterable(report.predictions for report in reports))
    groups = by_group(predictions)
    return {
        "schema": "weft.validate/1",
        "suites": [report.kind for report in reports],
        "rows": [_row(p) for p in predictions],
        "summary": summarise(predictions).to_dict(),
        "groups": {name: {label: s.to_dict() for label, s in table.items()} for name, table in groups.items()},
        "unsupported_reasons": reasons(predictions),
    }


def _row(p: Prediction) -> dict[str, Any]:
    return {
        "id": p.id,
        "metric": p.metric,
        "predicted": p.predicted,
        "measured": p.measured,
        "relative_error": p.relative_error,
        "status": p.status,
        "reason": p.reason,
        "source": p.source,
        "stack": p.stack,
        "accelerator": p.accelerator,
        "op": p.op,
        "size_bytes": p.size_bytes,
        "cause": p.cause,
    }


def report_text(report: Report, *, rows: bool = True) -> str:
    """Lay out one report: every row where asked, then summaries, the worst rows and why others are missing."""
    blocks = [heading(f"{report.kind}: {len(report.predictions):,} measured values")]
    if rows:
        blocks.append(_rows_text(report.predictions))
    groups = {"all": {"all": report.summary}, **by_group(report.predictions, least=_FEW)}
    blocks += [_summary_text(name, group) for name, group in groups.items()]
    furthest = worst(report.predictions)
    if furthest:
        blocks.append(heading("Furthest off") + "\n" + _rows_text(furthest))
        blocks.append(_causes_text(furthest))
    blocks.append(_sources_text(report))
    why = reasons(report.predictions)
    if why:
        columns = [Column("rows", right=True), Column("cannot be expressed yet because", shrinks=True)]
        blocks.append(table(columns, [(count, reason) for reason, count in why.items()]))
    return "\n\n".join(block for block in blocks if block)


def suites_text(reports: Sequence[Report]) -> str:
    """Lay out the summaries of several suites side by side."""
    return _summary_text("suite", {report.kind: report.summary for report in reports})


def baseline_text(comparison: Comparison) -> str:
    """Lay out how predictions compare with the baseline, what is worse first."""
    verdict = "Predictions are no worse than the baseline" if not comparison.worse else "Predictions are worse"
    blocks = [heading(verdict)]
    if comparison.figures:
        blocks.append(_changes_text(comparison.figures, "suite and figure", signed=False))
    rows = [each for each in comparison.worse if each not in comparison.figures]
    if rows:
        blocks.append(_changes_text(rows[:_MOST], "worse"))
    if comparison.better:
        blocks.append(_changes_text(comparison.better[:_MOST], "better"))
    counts = f"{len(rows)} rows worse, {len(comparison.better)} better, {comparison.new} new"
    return "\n\n".join([*blocks, counts])


def _changes_text(changes: Sequence[Change], name: str, *, signed: bool = True) -> str:
    columns = [Column(name), Column("before", right=True), Column("now", right=True)]

    def shown(value: float | None) -> str:
        return "not predicted" if value is None else percent(value, 2, signed=signed or value < 0)

    return table(columns, [(f"{each.suite} {each.what}", shown(each.before), shown(each.after)) for each in changes])


def _causes_text(predictions: Sequence[Prediction]) -> str:
    """Why they are far off, where that is known."""
    known = {f"  {p.id}": p.cause for p in predictions if p.cause}
    lines = []
    for name, cause in known.items():
        indent = " " * (2 + len(name))
        lines += textwrap.wrap(cause, width(), initial_indent=f"{name}  ", subsequent_indent=indent)
    return "\n".join([heading("Why, where it is known"), *lines]) if lines else ""


def _sources_text(report: Report) -> str:
    used = {p.source for p in report.predictions}
    rows = [
        (name, source.get("title", ""), "recalled" if "recall_confidence" in source else source.get("seen_kind", ""))
        for name, source in report.sources.items()
        if name in used
    ]
    columns = [Column("source"), Column("what was read", shrinks=True), Column("how")]
    return table(columns, rows) if rows else ""


def _rows_text(predictions: Sequence[Prediction]) -> str:
    columns = [
        Column("id"),
        Column("metric", shrinks=True),
        Column("predicted", right=True),
        Column("measured", right=True),
        Column("error", right=True),
        Column("source", shrinks=True),
        Column("why not, or conditions", shrinks=True),
    ]
    lines = []
    for p in predictions:
        labels = " ".join(label for label in (p.op, p.accelerator, p.stack) if label)
        lines.append(
            (
                p.id,
                p.metric,
                _value(p.predicted),
                _value(p.measured),
                percent(p.relative_error, signed=True),
                p.source,
                p.reason or labels,
            )
        )
    return table(columns, lines)


def _value(value: float | None) -> str:
    """Return a value; counts with every digit, because they are compared exactly."""
    if value is not None and value == round(value) and 1e4 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return number(value)


def _summary_text(name: str, groups: dict[str, Summary]) -> str:
    columns = [
        Column(f"by {name}" if name != "all" else "summary", shrinks=True),
        Column("n", right=True),
        Column("unsupported", right=True),
        Column("median |error|", right=True),
        Column("p90 |error|", right=True),
        Column("bias", right=True),
    ]
    lines = [
        (
            label,
            s.n,
            s.unsupported,
            percent(s.median_abs_error),
            percent(s.p90_abs_error),
            percent(s.bias, signed=True),
        )
        for label, s in groups.items()
    ]
    return table(columns, lines)
