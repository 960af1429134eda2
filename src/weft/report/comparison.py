"""Clusters side by side: the figures that decide between them, each against the first in per cent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from weft.report.terminal import Column, style, table
from weft.units import format_count, format_duration, format_money, format_power, format_rate

_EMPTY = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of every cluster.

    Attributes:
        key: as in JSON.
        label: for people.
        show: how a value is written.
        whole: false where per cent mean nothing (text).
    """

    key: str
    label: str
    show: Callable[[Any], str]
    whole: bool = True


def _ratio(value: float) -> str:
    return f"{value:.3g}:1"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


ROWS = (
    Row("topology", "network", str, whole=False),
    Row("accelerators", "accelerators", format_count),
    Row("endpoints", "endpoints", format_count),
    Row("switches", "switches", format_count),
    Row("links_total", "links", format_count),
    Row("links_switch_to_switch", "between switches", format_count),
    Row("bisection_Bps", "bisection", format_rate),
    Row("oversubscription", "oversubscription", _ratio),
    Row("network_cost_usd", "network cost", format_money),
    Row("cost_usd_per_endpoint", "cost per endpoint", format_money),
    Row("network_power_w", "network power", format_power),
    Row("cluster_cost_usd", "cluster cost", format_money),
    Row("grid_power_w", "power from the grid", format_power),
    Row("network_total_cost_usd", "network, to own", format_money),
    Row("total_cost_usd", "cluster, to own", format_money),
)
JOB_ROWS = (
    Row("step_time_s", "step time", format_duration),
    Row("mfu", "MFU", _percent),
    Row("exposed_communication_s", "exposed communication", format_duration),
    Row("cost_usd_per_trillion_tokens", "cost per trillion tokens", format_money),
    Row("fits", "fits in memory", lambda fits: "yes" if fits else "no", whole=False),
)


def differences(first: dict[str, Any], other: dict[str, Any]) -> dict[str, float | None]:
    """Return other / first - 1 of every figure that both have; None where the first is zero or missing."""
    found: dict[str, float | None] = {}
    for row in (*ROWS, *JOB_ROWS):
        if row.whole and row.key in other:
            before, after = _typical(first.get(row.key)), _typical(other[row.key])
            found[row.key] = after / before - 1 if before and after is not None else None
    return found


def comparison_table(clusters: Sequence[dict[str, Any]]) -> str:
    """Lay out clusters (as ``weft compare --json`` has them) side by side."""
    names = [str(cluster["name"]) for cluster in clusters]
    if len(set(names)) < len(names):
        names = [str(cluster.get("file", cluster["name"])) for cluster in clusters]
    columns = [Column("")]
    for index, name in enumerate(names):
        columns.append(Column(name, right=True, shrinks=True))
        if index:
            columns.append(Column("", right=True))
    lines = [row for row in _all_rows(clusters) if any(_look(cluster, row.key) is not None for cluster in clusters)]
    return table(columns, [_cells(row, clusters) for row in lines])


def _all_rows(clusters: Sequence[dict[str, Any]]) -> list[Row]:
    """Return the rows, the latency of every level after the oversubscription."""
    names = dict.fromkeys(name for cluster in clusters for name in cluster.get("latency_s", {}))
    rows = list(ROWS)
    at = next(index for index, row in enumerate(rows) if row.key == "network_cost_usd")
    rows[at:at] = [Row(f"latency_s.{name}", f"latency, {name}", format_duration) for name in names]
    return [*rows, *JOB_ROWS]


def _cells(row: Row, clusters: Sequence[dict[str, Any]]) -> list[str]:
    cells = [row.label]
    first = _look(clusters[0], row.key)
    for index, cluster in enumerate(clusters):
        value = _look(cluster, row.key)
        cells.append(_EMPTY if value is None else row.show(value))
        if index:
            cells.append(_against(first, value) if row.whole else "")
    return cells


def _look(cluster: dict[str, Any], key: str) -> Any:
    if key.startswith("latency_s."):
        return cluster.get("latency_s", {}).get(key.removeprefix("latency_s."))
    return _typical(cluster.get(key))


def _typical(value: Any) -> Any:
    return value["typical"] if isinstance(value, dict) and "typical" in value else value


def _against(first: Any, value: Any) -> str:
    if not first or value is None:
        return ""
    change = value / first - 1
    text = f"{100 * change:+.1f}%"
    return style(text, "dim") if abs(change) < 0.0005 else text
