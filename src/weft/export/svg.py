"""A few shapes of SVG, written by hand: enough for plans, no dependency."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

INK, FAINT, PAPER = "#1f2933", "#8a96a3", "#ffffff"


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    fill: str,
    *,
    stroke: str = "none",
    radius: float = 0,
    tip: str = "",
) -> str:
    """Return a rectangle; ``tip`` shows when pointed at."""
    shape = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" '
        f"fill={quoteattr(fill)} stroke={quoteattr(stroke)}"
    )
    return f"{shape}><title>{escape(tip)}</title></rect>" if tip else f"{shape}/>"


def text(x: float, y: float, words: str, *, size: float = 11, anchor: str = "start", fill: str = INK) -> str:
    """Return one line of text; ``anchor`` is start, middle or end."""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"'
    return f'<text {where} fill="{fill}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, width: float, *, stroke: str = FAINT, tip: str = "") -> str:
    """Return a straight line."""
    shape = (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width:.1f}"'
    )
    return f"{shape}><title>{escape(tip)}</title></line>" if tip else f"{shape}/>"


def arc(x1: float, x2: float, y: float, rise: float, width: float, *, stroke: str = FAINT, tip: str = "") -> str:
    """Return a curve over two points of one height."""
    shape = (
        f'<path d="M {x1:.1f} {y:.1f} Q {(x1 + x2) / 2:.1f} {y - rise:.1f} {x2:.1f} {y:.1f}" fill="none" '
        f'stroke="{stroke}" stroke-width="{width:.1f}"'
    )
    return f"{shape}><title>{escape(tip)}</title></path>" if tip else f"{shape}/>"


def document(width: float, height: float, shapes: list[str]) -> str:
    """Return a whole picture on white."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif">'
    )
    return "\n".join([head, rect(0, 0, width, height, PAPER), *shapes, "</svg>", ""])
