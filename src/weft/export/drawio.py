"""A draw.io picture (diagrams.net): boxes in layers, cores on top, trunks as wide as they are thick."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from weft.export.grouping import Mark, Trunk, grouped
from weft.fabric import Fabric, Kind

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _PER_ROW = 120, 40, 30, 90, 40
# top to bottom; what is not named stands with the places
_LAYERS: dict[Kind, int] = {
    Kind.OCS: 0,
    Kind.CORE: 1,
    Kind.SPINE: 2,
    Kind.ROUTER: 3,
    Kind.LEAF: 3,
    Kind.NIC: 6,
    Kind.SCALE_UP_SWITCH: 7,
    Kind.ACCELERATOR: 8,
}
_PLACES = 5
_COLOURS = {
    Kind.OCS: "#e1d5e7",
    Kind.CORE: "#f8cecc",
    Kind.SPINE: "#ffe6cc",
    Kind.ROUTER: "#fff2cc",
    Kind.LEAF: "#fff2cc",
    Kind.SCALE_UP_SWITCH: "#d5e8d4",
    Kind.ACCELERATOR: "#dae8fc",
}


def to_drawio(fabric: Fabric) -> bytes:
    """Return the picture, aggregated by rack or pod where the fabric is large; see `weft.export.grouping`."""
    marks, trunks = grouped(fabric)
    return "".join(_document(fabric.name, marks, trunks)).encode()


def _document(name: str, marks: list[Mark], trunks: list[Trunk]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<mxfile>\n'
    yield f'<diagram id="fabric" name={quoteattr(name)}>\n<mxGraphModel grid="0">\n<root>\n'
    yield '<mxCell id="0"/>\n<mxCell id="1" parent="0"/>\n'
    for number, (mark, (x, y)) in enumerate(zip(marks, _places(marks), strict=True)):
        style = f"rounded=1;whiteSpace=wrap;fontSize=10;fillColor={_COLOURS.get(mark.kind, '#f5f5f5')};"
        yield (
            f'<mxCell id="n{number}" value={quoteattr(mark.label)} style={quoteattr(style)} vertex="1" parent="1">'
            f'<mxGeometry x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" as="geometry"/></mxCell>\n'
        )
    thickest = max((trunk.rate_Bps for trunk in trunks), default=1.0)
    for number, trunk in enumerate(trunks):
        width = 1 + 5 * math.sqrt(trunk.rate_Bps / thickest) if thickest else 1
        style = f"endArrow=none;strokeColor=#888888;strokeWidth={width:.1f};fontSize=8;"
        yield (
            f'<mxCell id="e{number}" value={quoteattr(trunk.label)} style={quoteattr(style)} edge="1" parent="1"'
            f' source="n{trunk.a}" target="n{trunk.b}"><mxGeometry relative="1" as="geometry"/></mxCell>\n'
        )
    yield "</root>\n</mxGraphModel>\n</diagram>\n</mxfile>\n"


def _places(marks: list[Mark]) -> list[tuple[int, int]]:
    """Return the corner of each mark: layer by layer, each centred, wrapped where it is long."""
    layers: dict[int, list[int]] = {}
    for number, mark in enumerate(marks):
        layers.setdefault(_LAYERS.get(mark.kind, _PLACES), []).append(number)
    places = [(0, 0)] * len(marks)
    widest = min(_PER_ROW, max((len(layer) for layer in layers.values()), default=1))
    y = 0
    for layer in sorted(layers):
        members = layers[layer]
        for start in range(0, len(members), _PER_ROW):
            row = members[start : start + _PER_ROW]
            offset = (widest - len(row)) * (_WIDTH + _GAP_X) // 2
            for column, number in enumerate(row):
                places[number] = (offset + column * (_WIDTH + _GAP_X), y)
            y += _HEIGHT + _GAP_X
        y += _GAP_Y
    return places
