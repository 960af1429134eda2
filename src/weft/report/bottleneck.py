"""What held a run up, so that one can act on it: which links, for how long, whose flows met there, what would help.

Every figure comes from a run: what would help is run again with one thing changed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft import units
from weft.engines.fluid.crossing import Crossing, crossings
from weft.engines.fluid.link_use import Limit, LinkUse
from weft.engines.fluid.prepare import Prepared
from weft.engines.what_if import WhatIf
from weft.errors import InfeasibleError
from weft.report.terminal import Column, heading, percent, table, width
from weft.workload.program import Communication

#: Kinds of limit that are told, links named of each, and flows named of each communication on one.
_MOST, _NAMES, _EXAMPLES = 6, 3, 4


def find_bottleneck(
    use: LinkUse,
    prepared: Prepared,
    *,
    time_s: float,
    alternatives: Iterable[WhatIf] = (),
    again: Callable[[WhatIf], float] | None = None,
) -> dict[str, Any]:
    """Return the report as data.

    Args:
        use: how links were used.
        prepared: what ran.
        time_s: what the run took.
        alternatives: changes to try.
        again: runs one of them; seconds.
    """
    groups = _alike(use.limits)[:_MOST]
    found = crossings(prepared.carrier, [group[0].resource for group in groups], examples=_EXAMPLES)
    tried = [] if again is None else [_tried(each, again, time_s) for each in alternatives]
    return {
        "span_s": use.span_s,
        "limits": [_limit(group, use.span_s, found[group[0].resource]) for group in groups],
        "what_would_help": sorted(tried, key=lambda each: -each["gain"]),
    }


def limiting_class(use: LinkUse) -> str:
    """The class of the links that limited longest, without the direction; empty where none did."""
    return use.limits[0].kind.removesuffix(" up").removesuffix(" down") if use.limits else ""


def bottleneck_text(report: dict[str, Any], *, what: str) -> str:
    """Lay the report out for a terminal.

    Args:
        report: of `find_bottleneck`.
        what: what ran and how long it took, for the heading.
    """
    if not report["limits"]:
        return heading(f"What held it up: {what}") + "\nno link; the ranks themselves and latency"
    columns = [
        Column("links"),
        Column("such as", shrinks=True),
        Column("alike", right=True),
        Column("limiting for", right=True),
        Column("of the time", right=True),
        Column("utilisation", right=True),
        Column("flows on one", right=True),
    ]
    rows = [
        [
            each["link_class"],
            each["names"][0],
            f"{each['alike']:,}",
            units.format_duration(each["limiting_s"]),
            percent(each["limiting_share"]),
            percent(each["utilisation"]),
            f"{each['flows']:,}",
        ]
        for each in report["limits"]
    ]
    lines = [heading(f"What held it up: {what}"), table(columns, rows), ""]
    worst = report["limits"][0]
    lines.append(heading(f"Who meets on {worst['names'][0]}"))
    for each in worst["shared_by"]:
        some = ", ".join(f"{a} to {b}" for a, b in each["pairs"])
        line = f"{each['flows']:,} of {each['communication']}: {some}{', …' if each['more'] else ''}"
        lines += textwrap.wrap(line, width(), initial_indent="  ", subsequent_indent="    ")
    if report["what_would_help"]:
        lines += ["", _help(report["what_would_help"])]
    return "\n".join(lines)


def _help(tried: Sequence[dict[str, Any]]) -> str:
    columns = [Column("What would help, each by itself"), Column("time", right=True), Column("change", right=True)]
    rows = [
        [
            "  " + each["change"],
            "-" if each["time_s"] is None else units.format_duration(each["time_s"]),
            each.get("why_not") or percent(-each["gain"] if abs(each["gain"]) >= 5e-4 else 0.0, signed=True),
        ]
        for each in tried
    ]
    return table(columns, rows)


def _tried(each: WhatIf, again: Callable[[WhatIf], float], time_s: float) -> dict[str, Any]:
    try:
        seconds = again(each)
    except InfeasibleError:
        return {"change": each.change, "time_s": None, "gain": 0.0, "why_not": "cannot finish"}
    return {"change": each.change, "time_s": seconds, "gain": 1 - seconds / time_s if time_s > 0 else 0.0}


def _alike(limits: Sequence[Limit]) -> list[list[Limit]]:
    """Limits of one kind that held up as long and were as full, to a per mille, together."""
    groups: dict[tuple[str, str, str], list[Limit]] = {}
    for each in limits:
        key = (each.kind, f"{each.limiting_s:.3g}", f"{each.utilisation:.3f}")
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _limit(group: Sequence[Limit], span_s: float, those: Sequence[Crossing]) -> dict[str, Any]:
    first = group[0]
    meeting: dict[tuple[tuple[str, str], ...], list[Crossing]] = {}
    for each in those:  # the same flows of several communications, one after another
        meeting.setdefault(each.pairs, []).append(each)
    shared_by = [
        {
            "communication": _named([c for each in alike for c in each.communications]),
            "flows": alike[0].flows,
            "pairs": [list(pair) for pair in pairs],
            "more": alike[0].flows > len(pairs),
        }
        for pairs, alike in meeting.items()
    ]
    return {
        "link_class": first.kind,
        "names": list(dict.fromkeys(each.name for each in group))[:_NAMES],
        "alike": sum(each.alike for each in group),
        "limiting_s": first.limiting_s,
        "limiting_share": first.limiting_s / span_s if span_s > 0 else 0.0,
        "busy_s": first.busy_s,
        "utilisation": first.utilisation,
        "carried_bytes": first.carried_bytes,
        "flows": sum(alike[0].flows for alike in meeting.values()),
        "shared_by": shared_by,
    }


def _named(communications: Sequence[Communication]) -> str:
    """What goes this way, in words."""
    if not communications:
        return "the traffic of others"
    kinds = sorted({each.kind for each in communications})
    largest = max(each.size_bytes for each in communications)
    size = units.format_size(largest)
    if any(each.size_bytes != largest for each in communications):
        size = f"up to {size}"
    among = "" if kinds == ["send_recv"] else f" among {len(communications[0].ranks):,} ranks"
    return f"{' and '.join(kinds)} of {size}{among}"
