"""Predicted against measured as a scatter plot in SVG: logarithmic axes, the diagonal, and 20 % to either side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from weft.report.terminal import number, percent
from weft.validation.rows import Prediction

_SIDE, _MARGIN = 300.0, 46.0
#: Distinct to most eyes with colour blindness (Okabe and Ito); more groups share the last.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7280")
_BAND = 0.2


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, in order of name."""
    names = sorted(set(labels))
    return {name: COLOURS[min(index, len(COLOURS) - 1)] for index, name in enumerate(names)}


def scatter(title: str, predictions: Sequence[Prediction], colours: dict[str, str]) -> str:
    """Draw the predictions of one metric, all made and positive; pointing at a mark names its row.

    Args:
        title: of the plot.
        predictions: what to draw.
        colours: by label, which is the stack, or the accelerator where there is none.
    """
    values = [value for p in predictions for value in (p.predicted or 0.0, p.measured or 0.0)]
    low, high = math.log10(min(values)) - 0.05, math.log10(max(values)) + 0.05
    room = _SIDE - 2 * _MARGIN

    def place(value: float) -> float:
        return (math.log10(value) - low) / (high - low) * room

    def at(x: float, y: float) -> tuple[float, float]:
        return _MARGIN + place(x), _SIDE - _MARGIN - place(y)

    shapes = [f'<rect class="frame" x="{_MARGIN}" y="{_MARGIN}" width="{room}" height="{room}"/>']
    for factor, kind in ((1 - _BAND, "band"), (1.0, "equal"), (1 + _BAND, "band")):
        first, last = max(10**low, 10**low / factor), min(10**high, 10**high / factor)
        (x1, y1), (x2, y2) = at(first, first * factor), at(last, last * factor)
        shapes.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
    for tick in _ticks(low, high):
        x, y = at(tick, tick)
        words = escape(number(tick, 3))
        shapes.append(f'<text x="{x:.1f}" y="{_SIDE - _MARGIN + 14:.0f}" text-anchor="middle">{words}</text>')
        shapes.append(f'<text x="{_MARGIN - 5:.0f}" y="{y + 3:.1f}" text-anchor="end">{words}</text>')
    for p in predictions:
        x, y = at(p.measured or 1.0, p.predicted or 1.0)
        tip = f"{p.id} {label_of(p)}: predicted {number(p.predicted)}, measured {number(p.measured)} "
        tip += f"({percent(p.relative_error, signed=True)})"
        mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colours[label_of(p)]}">'
        shapes.append(f"{mark}<title>{escape(tip)}</title></circle>")
    middle = _SIDE / 2
    shapes += [
        f'<text class="title" x="{middle:.0f}" y="20" text-anchor="middle">{escape(title)}</text>',
        f'<text x="{middle:.0f}" y="{_SIDE - 10:.0f}" text-anchor="middle">measured</text>',
        f'<text transform="translate(12 {middle:.0f}) rotate(-90)" text-anchor="middle">predicted</text>',
    ]
    head = f'<svg viewBox="0 0 {_SIDE:.0f} {_SIDE:.0f}" width="{_SIDE:.0f}" height="{_SIDE:.0f}" role="img">'
    return "\n".join([head, *shapes, "</svg>"])


def label_of(p: Prediction) -> str:
    """What a mark's colour says."""
    return p.stack or p.accelerator or "all"


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers: powers of ten, or 1, 2, 5 where the axis spans less than two of them."""
    tens = range(math.floor(low), math.ceil(high) + 1)
    steps = (1.0,) if high - low > 2 else (1.0, 2.0, 5.0)
    found = [step * 10.0**ten for ten in tens for step in steps if low <= math.log10(step * 10.0**ten) <= high]
    return found[:: max(1, len(found) // 6)] if found else [10 ** ((low + high) / 2)]
