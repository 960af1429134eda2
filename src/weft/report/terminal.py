"""Tables for people: aligned text, no boxes; colour on a terminal only, at most 100 columns where output is piped."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PIPED_WIDTH = 100
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, whether it holds numbers, and whether it may be cut to make the table fit."""

    heading: str
    right: bool = False
    shrinks: bool = False


def coloured() -> bool:
    """Tell whether standard output takes colour: a terminal, and the user did not set NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Return how many columns to use: the terminal's (at least 60, at most 160), or 100 where output is piped."""
    if not sys.stdout.isatty():
        return PIPED_WIDTH
    return min(160, max(60, shutil.get_terminal_size((PIPED_WIDTH, 24)).columns))


def style(text: str, *names: str) -> str:
    """Return the text in that style where output takes colour, else as it is."""
    if not names or not coloured():
        return text
    return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, limit: int | None = None) -> str:
    """Lay out rows under headings, two spaces between columns.

    Where a line would be wider than ``limit`` (default: `width`), the columns that may shrink are cut with an ellipsis.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    needed = [max([len(column.heading), *(len(row[index]) for row in cells)]) for index, column in enumerate(columns)]
    widths = _fit(columns, needed, (limit or width()) - 2 * (len(columns) - 1))
    lines = [style(_line(columns, [column.heading for column in columns], widths), "bold")]
    lines.extend(_line(columns, row, widths) for row in cells)
    return "\n".join(lines)


def _fit(columns: Sequence[Column], needed: list[int], room: int) -> list[int]:
    """Take the excess from the columns that shrink, the widest first, leaving each at least 8."""
    widths = list(needed)
    elastic = [index for index, column in enumerate(columns) if column.shrinks]
    while sum(widths) > room:
        widest = max(elastic, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= 8:
            break
        widths[widest] -= min(sum(widths) - room, max(1, widths[widest] - 8))
    return widths


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for column, cell, room in zip(columns, cells, widths, strict=True):
        text = cell if len(cell) <= room else cell[: room - 1] + "…"
        parts.append(text.rjust(room) if column.right else text.ljust(room))
    return "  ".join(parts).rstrip()


def pairs(items: Iterable[tuple[str, str]], *, indent: int = 0) -> str:
    """Lay out ``name  value`` lines with the values aligned."""
    listed = list(items)
    room = max((len(name) for name, _ in listed), default=0)
    return "\n".join(" " * indent + name.ljust(room) + "  " + value for name, value in listed)


def heading(text: str) -> str:
    """Return a section heading."""
    return style(text, "bold")


def percent(fraction: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """``0.0312`` → ``"3.1%"``; a dash for None."""
    if fraction is None:
        return "-"
    return f"{100 * fraction:+.{digits}f}%" if signed else f"{100 * fraction:.{digits}f}%"


def number(value: float | None, digits: int = 4) -> str:
    """Return a number at ``digits`` significant figures without an exponent where that stays short; a dash for None."""
    if value is None:
        return "-"
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text else text
