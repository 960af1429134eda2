"""A validation report as one HTML page that needs nothing else: summaries, scatter plots, every row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from weft import __version__
from weft.report.terminal import number, percent
from weft.validation import Report
from weft.validation.baseline import Comparison
from weft.validation.rows import Prediction
from weft.validation.scatter import colours_of, label_of, scatter
from weft.validation.summary import Summary, by_group, reasons, worst

#: A metric of fewer values has no plot, and a grouping of smaller groups no table.
_LEAST_MARKS = 3
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --faint: #8a96a3; --paper: #fff; --line: #d5dbe1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --paper: #14181c; --line: #39424b; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
body { margin: 2em auto; padding: 0 1em; max-width: 78em; }
table { border-collapse: collapse; margin: 0.6em 0 1.4em; }
th, td { padding: 2px 10px 2px 0; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.plots { display: flex; flex-wrap: wrap; gap: 8px; } svg text { font-size: 9px; fill: var(--ink); }
svg text.title { font-size: 11px; font-weight: 600; } .frame { fill: none; stroke: var(--line); }
.equal { stroke: var(--ink); } .band { stroke: var(--faint); stroke-dasharray: 3 3; } .key { margin-right: 1.2em; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 4px; }
"""


def page(reports: Sequence[Report], comparison: Comparison | None = None) -> str:
    """Return the page.

    Args:
        reports: what to show, a section each.
        comparison: with the baseline, where one was asked for.
    """
    body = [f"<h1>Predicted and measured</h1><p>weft {escape(__version__)}; error is predicted / measured - 1.</p>"]
    body.append(_summaries("suite", {report.kind: report.summary for report in reports}))
    if comparison is not None:
        body.append(_compared(comparison))
    body += [_section(report) for report in reports]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Weft: predicted and measured</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _section(report: Report) -> str:
    parts = [f"<h2>{escape(report.kind)}</h2>", _plots(report.predictions)]
    parts += [_summaries(name, group) for name, group in by_group(report.predictions, least=_LEAST_MARKS).items()]
    if furthest := worst(report.predictions):
        parts += ["<h3>Furthest off</h3>", _rows(furthest)]
    if why := reasons(report.predictions):
        parts.append("<h3>Not predicted</h3>")
        parts.append(_table((("values", True), ("because", False)), ((str(count), why) for why, count in why.items())))
    used = {p.source for p in report.predictions}
    sources = [
        (name, str(source.get("title", "")), str(source.get("seen_kind", "")))
        for name, source in report.sources.items()
        if name in used
    ]
    if sources:
        parts += ["<h3>Sources</h3>", _table((("source", False), ("what was read", False), ("how", False)), sources)]
    count = f"{len(report.predictions):,} measured values"
    parts.append(f"<details><summary>All {count}</summary>{_rows(report.predictions)}</details>")
    return "\n".join(parts)


def _plots(predictions: Sequence[Prediction]) -> str:
    """A plot for each metric of several positive values, the most frequent first, and what the colours say."""
    made: dict[str, list[Prediction]] = {}
    for p in predictions:
        if p.relative_error is not None and (p.predicted or 0) > 0 and (p.measured or 0) > 0:
            made.setdefault(p.metric, []).append(p)
    shown = {metric: group for metric, group in made.items() if len(group) >= _LEAST_MARKS}
    if not shown:
        return ""
    colours = colours_of([label_of(p) for group in shown.values() for p in group])
    ordered = sorted(shown.items(), key=lambda item: -len(item[1]))
    drawn = "\n".join(scatter(f"{metric} ({len(group)})", group, colours) for metric, group in ordered)
    keys = "".join(
        f'<span class="key"><span class="dot" style="background:{colour}"></span>{escape(name)}</span>'
        for name, colour in colours.items()
    )
    note = "<p>Dashed: 20 % to either side. Point at a mark for its row.</p>"
    return f'<div class="plots">{drawn}</div><p>{keys}</p>{note}'


def _summaries(name: str, groups: dict[str, Summary]) -> str:
    columns = [(name, False)]
    columns += [(text, True) for text in ("n", "not predicted", "median |error|", "p90 |error|", "bias")]
    rows = (
        (
            label or "-",
            f"{s.n:,}",
            f"{s.unsupported:,}",
            percent(s.median_abs_error),
            percent(s.p90_abs_error),
            percent(s.bias, signed=True),
        )
        for label, s in groups.items()
    )
    return _table(columns, rows)


def _rows(predictions: Iterable[Prediction]) -> str:
    columns = [("id", False), ("metric", False), ("predicted", True), ("measured", True), ("error", True)]
    columns += [("conditions", False), ("source", False), ("why", False)]
    rows = (
        (
            p.id,
            p.metric,
            number(p.predicted),
            number(p.measured),
            percent(p.relative_error, signed=True),
            " ".join(label for label in (p.op, p.accelerator, p.stack) if label),
            p.source,
            "; ".join(text for text in (p.reason, p.cause) if text),
        )
        for p in predictions
    )
    return _table(columns, rows)


def _compared(comparison: Comparison) -> str:
    verdict = "no worse than the baseline" if not comparison.worse else "worse than the baseline"
    rows = (
        (f"{each.suite} {each.what}", percent(each.before, 2), percent(each.after, 2), word)
        for word, changes in (("worse", comparison.worse), ("better", comparison.better))
        for each in changes
    )
    columns = [("figure or row", False), ("before", True), ("now", True), ("", False)]
    return f"<h2>Predictions are {verdict}</h2>" + _table(columns, rows)


def _table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """A table; columns are (heading, holds numbers)."""

    def cells(tag: str, values: Sequence[str]) -> str:
        marked = zip(columns, values, strict=True)
        return "".join(f"<{tag}{' class=n' if right else ''}>{escape(text)}</{tag}>" for (_, right), text in marked)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', [name for name, _ in columns])}</tr>{body}</table>"
