"""The floor plan from above: halls, rows and racks to scale, one colour a pod, runs of alike racks as one shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.export.svg import FAINT, INK, rect, text
from weft.fabric import Fabric, Kind
from weft.fabric.placement import Placement, RackUse
from weft.units import format_count, format_power

# Paul Tol's light qualitative scheme: told apart by all readers, black text is legible on each.
POD_COLOURS = ("#77aadd", "#eedd88", "#99ddff", "#ee8866", "#44bb99", "#ffaabb", "#bbcc33", "#aaaa00")
NETWORK_COLOUR = "#3b4754"
RACK_DEPTH_M = 1.2
MOST_RACKS = 1200  # drawn one by one; more are drawn in runs of alike racks
_HEADER = 26


@dataclass(frozen=True)
class Drawing:
    """Shapes and the room they take."""

    width: float
    height: float
    shapes: list[str]


def draw_floor(fabric: Fabric, placement: Placement, width: float) -> Drawing:
    """Draw every site, hall, row and rack, at most ``width`` wide."""
    floor = placement.floor
    across = min(placement.halls_across, placement.halls)
    scale = min(24.0, (width - 20) / (across * placement.hall_width_m))
    pod = rack_pods(fabric, placement)
    shapes = [_summary(placement)]
    deepest_m = np.zeros(int(placement.site.max()) + 1)
    np.maximum.at(deepest_m, placement.site, placement.y_m + floor.row_pitch / 2)
    top_of_site = (_HEADER + 18 + np.concatenate([[0.0], np.cumsum(deepest_m * scale + 30)]))[placement.site]
    x, y = 10 + (placement.x_m - floor.rack_pitch / 2) * scale, top_of_site + placement.y_m * scale
    shapes += _halls(placement, x, y, scale)
    deep = min(RACK_DEPTH_M, floor.row_pitch * 0.7) * scale
    for first, count in _runs(placement, pod):
        network = placement.use[first] == RackUse.NETWORK
        colour = NETWORK_COLOUR if network else POD_COLOURS[int(pod[first]) % len(POD_COLOURS)]
        wide = count * floor.rack_pitch * scale
        gap = 0.12 * floor.rack_pitch * scale if count == 1 else 0.0
        shapes.append(
            rect(
                x[first], y[first] - deep / 2, wide - gap, deep, colour, tip=_tip(fabric, placement, first, count, pod)
            )
        )
    shapes += _pod_labels(fabric, placement, pod, x, y, scale)
    bottom = float(y.max()) + floor.row_pitch * scale
    return Drawing(width, bottom, shapes)


def rack_pods(fabric: Fabric, placement: Placement) -> npt.NDArray[np.int64]:
    """Return the outermost place (pod, unit, group) whose nodes stand in each rack, numbered from 0; -1 for none."""
    nodes = fabric.nodes
    hosts = fabric.rows(Kind.HOST)
    at = nodes.parent[hosts].astype(np.int64)
    while (
        len(at) and (inside := (at >= 0) & (nodes.parent[at] >= 0) & (nodes.kind[nodes.parent[at]] != Kind.SITE)).any()
    ):
        at = np.where(inside, nodes.parent[at], at)
    pod = np.full(placement.racks, -1, np.int64)
    pod[placement.rack[hosts]] = np.unique(at, return_inverse=True)[1]
    return pod


def _runs(placement: Placement, pod: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return (first rack, racks) of what is drawn as one."""
    racks = np.arange(placement.racks)
    if placement.racks <= MOST_RACKS:
        return [(rack, 1) for rack in racks.tolist()]
    alike = (placement.use[1:] == placement.use[:-1]) & (pod[1:] == pod[:-1]) & (np.diff(placement.slot) == 1)
    alike &= placement.row[1:] == placement.row[:-1]
    begins = np.flatnonzero(np.concatenate([[True], ~alike]))
    return list(zip(begins.tolist(), np.diff(begins, append=placement.racks).tolist(), strict=True))


def _halls(placement: Placement, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], scale: float) -> list[str]:
    """Outline every hall in use, with its name and its rows' numbers."""
    floor, shapes = placement.floor, []
    for hall in np.unique(placement.hall):
        racks = np.flatnonzero(placement.hall == hall)
        left = float((x[racks] - placement.position[racks] * floor.rack_pitch * scale).min())
        top = float(y[racks].min()) - floor.row_pitch * scale / 2
        row = placement.row[racks] % floor.rows_per_hall
        top -= int(row.min()) * floor.row_pitch * scale
        wide, rows = floor.racks_per_row * floor.rack_pitch * scale, int(row.max()) + 1
        shapes.append(
            rect(left - 4, top - 2, wide + 8, rows * floor.row_pitch * scale + 4, "#f6f8fa", stroke="#c9d1d9")
        )
        site = f"site {placement.site[racks[0]]}, " if placement.sites > 1 else ""
        shapes.append(text(left - 4, top - 5, f"{site}hall {hall % placement.halls_per_site}", size=9, fill=FAINT))
        if floor.row_pitch * scale > 11:
            for number in np.unique(row).tolist():
                middle = top + (number + 0.5) * floor.row_pitch * scale
                shapes.append(text(left + wide + 7, middle + 3, f"row {number}", size=8, fill=FAINT))
    return shapes


def _summary(placement: Placement) -> str:
    use = placement.racks_by_use
    limit = f"{format_power(placement.rack_power_limit_w)} a rack, {placement.floor.rack_units} units"
    held = (
        f"{_many(placement.nodes_per_rack, 'node')} a rack ({placement.binding} binds)"
        if placement.nodes_per_rack
        else ""
    )
    rows = (
        f"{_many(use['nodes'], 'node rack')}, {_many(use['network'], 'network rack')} in "
        f"{_many(placement.rows, 'row')}, {_many(placement.halls, 'hall')}; {placement.cooling}, {limit}"
    )
    return text(10, 16, rows + (f"; {held}" if held else ""), size=11)


def _many(count: int, what: str) -> str:
    return f"{format_count(count)} {what}{'' if count == 1 else 's'}"


def _pod_labels(
    fabric: Fabric,
    placement: Placement,
    pod: npt.NDArray[np.int64],
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    scale: float,
) -> list[str]:
    """Write the number of each pod on its first rack's row, where there is room for it."""
    number, first = np.unique(pod, return_index=True)
    if len(number) < 2 or RACK_DEPTH_M * scale < 7:
        return []
    size = min(10.0, RACK_DEPTH_M * scale * 0.8)
    return [
        text(float(x[rack]) + 2, float(y[rack]) + size * 0.36, str(int(value)), size=size, fill=INK)
        for value, rack in zip(number, first, strict=True)
        if value >= 0
    ]


def _tip(fabric: Fabric, placement: Placement, first: int, count: int, pod: npt.NDArray[np.int64]) -> str:
    """Say what a rack, or a run of racks, is."""
    what = "network" if placement.use[first] == RackUse.NETWORK else f"pod {pod[first]}"
    power_w = float(placement.rack_power_w[first : first + count].sum())
    more = f" and {count - 1} more" if count > 1 else ""
    return f"{placement.rack_name(first)}{more}: {what}, {format_power(power_w)}"
