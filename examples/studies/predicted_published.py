"""The table that every study ends in: what Weft predicts beside what was published, misses included."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.files import read_yaml
from weft.report.terminal import Column, table

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: for people.
        predicted: computed; None where it cannot be.
        published: key into published.yaml.
        show: how a value is written.
    """

    what: str
    predicted: float | None
    published: str
    show: Callable[[float], str]


def percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def times(value: float) -> str:
    return f"{value:.3g}x"


def published() -> dict[str, dict[str, Any]]:
    """Return every published figure by its key."""
    return dict(read_yaml(HERE / "published.yaml"))


def print_rows(rows: Sequence[Row]) -> None:
    """Print predicted | published, the difference, and the sources below."""
    known = published()
    lines, notes = [], []
    for number, row in enumerate(rows, 1):
        said = known[row.published]
        low, high = said.get("low", said.get("value")), said.get("high", said.get("value"))
        text = (
            row.show(high)
            if low == high
            else f"under {row.show(high)}"
            if low is None
            else f"{row.show(low)} to {row.show(high)}"
        )
        shown = "-" if row.predicted is None else row.show(row.predicted)
        lines.append((f"{row.what} [{number}]", shown, text, _verdict(row.predicted, low, high)))
        recalled = " (recalled)" if said.get("recalled") else ""
        notes += textwrap.wrap(f"[{number}] {said['source']}{recalled}", 98, subsequent_indent="    ")
    columns = [Column("figure", shrinks=True), Column("predicted", right=True), Column("published", right=True)]
    print(table([*columns, Column("difference", right=True)], lines))
    print("\n" + "\n".join(notes))


def _verdict(predicted: float | None, low: float | None, high: float) -> str:
    if predicted is None:
        return "-"
    if (low or 0.0) <= predicted <= high:
        return "within" if low != high else "+0.0%"
    nearest = high if predicted > high else low
    return f"{100 * (predicted / nearest - 1):+.1f}%" if nearest else "-"
