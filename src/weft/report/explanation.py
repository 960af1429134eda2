"""A step's explanation laid out: the waterfall, what would help, and the facts that each bar rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from weft import units
from weft.report.terminal import Column, heading, number, pairs, percent, table, width

_BAR = 24
#: Changes that are printed; machines get all.
_MOST = 12
#: Columns that a table of facts may take where output is piped: their names are long.
_WIDE = 120


def explanation_text(explanation: dict[str, Any]) -> str:
    """Lay out ``Explanation.to_dict()`` for a terminal."""
    bars = explanation["waterfall"]
    blocks = [
        _waterfall(bars, explanation["step_time_s"]),
        _help(explanation["what_would_help"]),
        _basis(bars),
        _sources(bars),
    ]
    return "\n\n".join(block for block in blocks if block)


def _waterfall(bars: Sequence[dict[str, Any]], step_s: float) -> str:
    reached, rows = 0.0, []
    for bar in bars:
        rows.append(
            [
                "  " + bar["label"],
                _duration(bar["seconds"]),
                percent(bar["seconds"] / step_s),
                drawn(reached / step_s, (reached + bar["seconds"]) / step_s),
            ]
        )
        reached += bar["seconds"]
    rows.append(["  step", _duration(step_s), percent(1.0), drawn(0.0, 1.0)])
    columns = [Column("Where each second goes", shrinks=True), Column("time", right=True)]
    columns += [Column("share", right=True), Column("")]
    details = [(f"  {bar['label']}", bar["detail"]) for bar in bars if bar["detail"]]
    return table(columns, rows) + ("\n\n" + _wrapped(details) if details else "")


def drawn(begin: float, end: float) -> str:
    """A bar from one share of the whole to another, on a line of 24; at least one mark wide where it is anything."""
    low, high = sorted((begin, end))
    first, last = round(_BAR * low), round(_BAR * high)
    if high > low and first == last:
        first, last = (first, last + 1) if last < _BAR else (first - 1, last)
    return " " * first + "█" * (last - first)


def _help(found: dict[str, Any]) -> str:
    changes = found["changes"]
    left_out = "; ".join(f"{count} {why}" for why, count in found["left_out"].items())
    about = f"{found['tried']} changes tried, each by itself in a run of its own" + (
        f"; {left_out}" if left_out else ""
    )
    better = [each for each in changes if _rounded(each["gain"]) > 0]
    if not better:
        return f"{heading('What would help')}\n  nothing that was tried makes the step shorter\n  {about}"
    rows = [
        [
            f"  {rank}. {each['change']}",
            _duration(each["step_time_s"]),
            percent(each["gain"], signed=True),
            f"{each['memory_bytes_per_gpu'] / 1e9:.1f} GB",
            each["engine"],
        ]
        for rank, each in enumerate(better[:_MOST], 1)
    ]
    columns = [Column("What would help", shrinks=True), Column("step", right=True), Column("gain", right=True)]
    columns += [Column("memory", right=True), Column("engine")]
    more = f"{len(better) - _MOST} more help less" if len(better) > _MOST else ""
    worse = f"{len(changes) - len(better)} do not help" if len(changes) > len(better) else ""
    return table(columns, rows) + "\n  " + ", ".join(part for part in (about, worse, more) if part)


def _rounded(gain: float) -> float:
    """As it is printed."""
    return round(gain, 3)


def _basis(bars: Sequence[dict[str, Any]]) -> str:
    """One table, with the name of each bar above its facts."""
    based = [bar for bar in bars if bar["basis"]]
    rows = [
        (
            "    " + fact["part"],
            fact["fact"],
            _range(fact),
            fact["confidence"] + ("*" if fact["flags"] else ""),
            ", ".join(source["id"] for source in fact["sources"]),
        )
        for bar in based
        for fact in bar["basis"]
    ]
    columns = [Column("What it rests on"), Column("fact"), Column("value", right=True)]
    columns += [Column("trust"), Column("source", shrinks=True)]
    first, *laid_out = table(columns, rows, limit=max(width(), _WIDE)).splitlines()
    lines = [first]
    for bar in based:
        lines.append(f"  {bar['label']}")
        lines += [laid_out.pop(0) for _ in bar["basis"]]
    if any(fact["flags"] for bar in based for fact in bar["basis"]):
        lines.append(
            "  * recalled, derived from other figures, a vendor's claim or our own estimate: weft catalog show PART"
        )
    return "\n".join(lines) if rows else ""


def _range(fact: dict[str, Any]) -> str:
    value = number(fact["typical"])
    if fact["low"] != fact["high"]:
        value += f" ({number(fact['low'])} to {number(fact['high'])})"
    return value


def _sources(bars: Sequence[dict[str, Any]]) -> str:
    known = {source["id"]: source for bar in bars for fact in bar["basis"] for source in fact["sources"]}
    if not known:
        return ""
    lines = [(f"  {name}", " ".join(filter(None, (s["title"], s["url"])))) for name, s in sorted(known.items())]
    return heading("Sources") + "\n" + _wrapped(lines)


def _wrapped(items: Sequence[tuple[str, str]]) -> str:
    """``name  value`` lines, long values wrapped under themselves."""
    room = max(len(name) for name, _ in items)
    lines: list[tuple[str, str]] = []
    for name, value in items:
        wrapped = textwrap.wrap(value, max(24, width() - room - 2), break_long_words=False, break_on_hyphens=False)
        lines += [(name if index == 0 else "", line) for index, line in enumerate(wrapped or [""])]
    return pairs([(name.ljust(room), value) for name, value in lines])


def _duration(seconds: float) -> str:
    return units.format_duration(seconds) if seconds else "0 s"
