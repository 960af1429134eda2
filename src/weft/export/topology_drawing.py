"""The topology, aggregated: a column for each pod, unit or group, a box for all switches of a kind in it, and between
boxes one line for all links, as wide as they are thick together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.export.floor_drawing import POD_COLOURS, Drawing
from weft.export.svg import INK, arc, line, rect, text
from weft.fabric import Domain, Fabric, Kind
from weft.units import format_count, format_rate

MOST_COLUMNS = 12
_LAYERS = (Kind.OCS, Kind.CORE, Kind.SPINE, Kind.LEAF, Kind.ROUTER, Kind.HOST, Kind.SERVER)
_COLUMNS = (Kind.POD, Kind.UNIT, Kind.GROUP, Kind.SITE, Kind.FRONT_END, Kind.STORAGE)
_HEIGHT, _LAYER, _TOP = 34.0, 96.0, 74.0
_MARGIN = 215.0  # at the left, for what the links between two layers are
_MORE_COLOUR = "#cbd2d9"
_SHARED = -1


@dataclass(frozen=True)
class Box:
    """All nodes of one kind in one column; column -1 is shared by all."""

    column: int
    kind: Kind
    nodes: int


def draw_topology(fabric: Fabric, width: float) -> Drawing:
    """Draw the network between hosts, at most ``width`` wide."""
    column, names = _columns(fabric)
    boxes, owner = _boxes(fabric, column)
    places = _places(boxes, len(names), width)
    kinds = sorted({box.kind for box in boxes}, key=_LAYERS.index)
    shapes = [
        text(
            10,
            18,
            f"{fabric.network.topology}: {format_count(fabric.endpoints)} endpoints, "
            f"{format_count(fabric.switches)} switches, bisection {format_rate(fabric.bisection_Bps)}",
            size=11,
        )
    ]
    shapes += _trunks(fabric, boxes, owner, places)
    for box, (x, y, wide) in zip(boxes, places, strict=True):
        fill = POD_COLOURS[box.column % len(POD_COLOURS)]
        if box.column == _SHARED or names[box.column].endswith(" more"):
            fill = _MORE_COLOUR
        label = f"{format_count(box.nodes)} {_named(box)}"
        shapes.append(rect(x, y, wide, _HEIGHT, fill, stroke="#5c6773", radius=3, tip=label))
        if wide > 6.1 * len(label):
            shapes.append(text(x + wide / 2, y + 21, label, size=10.5, anchor="middle"))
        else:
            shapes.append(text(x + wide / 2, y + 15, format_count(box.nodes), size=10.5, anchor="middle"))
            shapes.append(text(x + wide / 2, y + 28, box.kind.prefix[:8], size=9, anchor="middle"))
    bottom = max((y for _, y, _ in places), default=0.0) + _HEIGHT
    each = (width - _MARGIN) / max(1, len(names))
    for number, name in enumerate(names):
        shapes.append(text(_MARGIN + (number + 0.5) * each, bottom + 16, name, size=10, anchor="middle", fill=INK))
    return Drawing(width, bottom + 26, shapes) if kinds else Drawing(width, 30, shapes)


def _named(box: Box) -> str:
    kind = box.kind.label.replace("_", " ")
    if box.nodes == 1:
        return kind
    return {"leaf": "leaves", "ocs": "optical switches", "switch": "switches"}.get(kind, f"{kind}s")


def _columns(fabric: Fabric) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the column of every node row (-1: shared by all), and the columns' names; those beyond a few are one."""
    nodes = fabric.nodes
    top = np.arange(len(nodes))
    above = nodes.parent[top].astype(np.int64)
    while (inside := above >= 0).any():
        top = np.where(inside, above, top)
        above = np.where(inside, nodes.parent[np.where(inside, above, 0)], -1)
    kinds = nodes.kind[top]
    placed = np.isin(kinds, _COLUMNS) & (top != np.arange(len(nodes)))
    tops = np.unique(top[placed])
    column = np.full(len(nodes), _SHARED, np.int64)
    if not len(tops):
        column[nodes.kind == Kind.HOST] = 0
        return column, ["all nodes"]
    column[placed] = np.searchsorted(tops, top[placed])
    names = [fabric.node_name(int(row)) for row in tops[:MOST_COLUMNS]]
    if len(tops) > MOST_COLUMNS:
        column = np.minimum(column, MOST_COLUMNS - 1)
        names[-1] = f"{format_count(len(tops) - MOST_COLUMNS + 1)} more"
    return column, names


def _boxes(fabric: Fabric, column: npt.NDArray[np.int64]) -> tuple[list[Box], npt.NDArray[np.int64]]:
    """Return the boxes, and which box every node row is in (-1: none)."""
    kinds = fabric.nodes.kind
    drawn = np.isin(kinds, _LAYERS)
    code = column * 256 + kinds
    found, inverse, counts = np.unique(code[drawn], return_inverse=True, return_counts=True)
    owner = np.full(len(kinds), -1, np.int64)
    owner[drawn] = inverse
    inside = np.isin(kinds, (Kind.NIC, Kind.ACCELERATOR))
    owner[inside] = owner[fabric.nodes.parent[inside]]
    boxes = [
        Box(int(value // 256), Kind(int(value % 256)), int(count)) for value, count in zip(found, counts, strict=True)
    ]
    return boxes, owner


def _places(boxes: list[Box], columns: int, width: float) -> list[tuple[float, float, float]]:
    """Return left, top and width of each box."""
    kinds = sorted({box.kind for box in boxes}, key=_LAYERS.index)
    each = (width - _MARGIN) / max(1, columns)
    places = []
    for box in boxes:
        y = _TOP + kinds.index(box.kind) * _LAYER
        if box.column == _SHARED:
            wide = min((width - _MARGIN) * 0.6, 320.0)
            places.append((_MARGIN + (width - _MARGIN - wide) / 2, y, wide))
        else:
            wide = min(each * 0.86, 220.0)
            places.append((_MARGIN + (box.column + 0.5) * each - wide / 2, y, wide))
    return places


def _trunks(
    fabric: Fabric, boxes: list[Box], owner: npt.NDArray[np.int64], places: list[tuple[float, float, float]]
) -> list[str]:
    """Draw the links between boxes, and write what they are once for every pair of kinds."""
    outside = np.array([c.domain >= Domain.SCALE_OUT for c in fabric.link_classes], bool)[fabric.links.link_class[::2]]
    a, b = owner[fabric.links.src[::2][outside]], owner[fabric.links.dst[::2][outside]]
    rates = np.array([c.rate_Bps for c in fabric.link_classes])[fabric.links.link_class[::2][outside]]
    pair = np.minimum(a, b) * len(boxes) + np.maximum(a, b)
    found, index, counts = np.unique(pair[(a >= 0) & (b >= 0)], return_inverse=True, return_counts=True)
    total = np.bincount(index, weights=rates[(a >= 0) & (b >= 0)], minlength=len(found))
    thickest = float(total.max(initial=1.0))
    shapes = []
    sums: dict[tuple[Kind, Kind], tuple[int, float, float]] = {}
    for code, count, rate in zip(found.tolist(), counts.tolist(), total.tolist(), strict=True):
        one, other = divmod(int(code), len(boxes))
        (x1, y1, w1), (x2, y2, w2) = sorted((places[one], places[other]), key=lambda place: place[1])
        wide = 0.8 + 6 * math.sqrt(rate / thickest)
        tip = f"{format_count(count)} links, {format_rate(rate)}"
        if one != other and y1 == y2:
            shapes.append(arc(x1 + w1 / 2, x2 + w2 / 2, y1, 34 + abs(x1 - x2) * 0.06, wide, tip=tip))
        elif one != other:
            shapes.append(line(x1 + w1 / 2, y1 + _HEIGHT, x2 + w2 / 2, y2, wide, tip=tip))
        kinds = (boxes[one].kind, boxes[other].kind)
        upper, lower = sorted(kinds, key=_LAYERS.index)
        known = sums.get((upper, lower), (0, 0.0, y1))
        sums[upper, lower] = (known[0] + count, known[1] + rate, max(known[2], y1))
    written: dict[float, int] = {}
    for (upper, lower), (count, rate, y) in sums.items():
        words = f"{upper.label} - {lower.label}: {format_count(count)} links, {format_rate(rate)}"
        below = y + _HEIGHT + (_LAYER - _HEIGHT) / 2 + 3 if upper != lower else y - 12
        written[below] = written.get(below, -1) + 1
        shapes.append(text(10, below + 13 * written[below], words, size=10, fill="#52606d"))
    return shapes
