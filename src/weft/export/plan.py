"""The plan of a cluster as one SVG: its topology above, its floor plan below."""

from __future__ import annotations

from weft.export.floor_drawing import NETWORK_COLOUR, draw_floor
from weft.export.svg import FAINT, document, rect, text
from weft.export.topology_drawing import draw_topology
from weft.fabric import Fabric

WIDTH = 1180.0
_TITLE = 44.0


def to_plan(fabric: Fabric) -> str:
    """Return the picture. Without a floor plan it has the topology only, and says so."""
    topology = draw_topology(fabric, WIDTH)
    shapes = [text(10, 28, fabric.name, size=18), _moved(topology.shapes, _TITLE)]
    height = _TITLE + topology.height + 24
    if fabric.placement is None:
        shapes.append(text(10, height, "No floor_plan in the cluster file: nothing has a place yet.", fill=FAINT))
        return document(WIDTH, height + 20, shapes)
    floor = draw_floor(fabric, fabric.placement, WIDTH)
    shapes.append(_moved(floor.shapes, height))
    legend = height + floor.height + 16
    shapes += [
        rect(10, legend, 14, 10, NETWORK_COLOUR),
        text(30, legend + 9, "network rack", size=10),
        text(120, legend + 9, "other colours: nodes, by pod or unit", size=10),
    ]
    return document(WIDTH, legend + 26, shapes)


def _moved(shapes: list[str], down: float) -> str:
    return "\n".join([f'<g transform="translate(0 {down:.1f})">', *shapes, "</g>"])
