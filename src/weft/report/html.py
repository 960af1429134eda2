"""Small cards for notebooks: plain HTML tables, no scripts, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CARD = "border:1px solid #8884;border-radius:6px;padding:8px 12px;display:inline-block;font-size:13px"
_CELL = "padding:1px 12px 1px 0;border:none;text-align:left;vertical-align:top"


def card(title: str, items: Iterable[tuple[str, str]], *, note: str = "") -> str:
    """Return a titled card of ``name: value`` lines, for ``_repr_html_``."""
    rows = "".join(
        f"<tr><td style='{_CELL};opacity:.7'>{escape(name)}</td><td style='{_CELL}'>{escape(value)}</td></tr>"
        for name, value in items
    )
    foot = f"<div style='opacity:.7;margin-top:4px'>{escape(note)}</div>" if note else ""
    return f"<div style='{_CARD}'><b>{escape(title)}</b><table style='border:none'>{rows}</table>{foot}</div>"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> str:
    """Return a table with headings, for ``_repr_html_``."""
    head = "".join(f"<th style='{_CELL}'>{escape(name)}</th>" for name in headings)
    body = "".join(
        "<tr>" + "".join(f"<td style='{_CELL}'>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    label = f"<b>{escape(title)}</b>" if title else ""
    return f"<div style='{_CARD}'>{label}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
