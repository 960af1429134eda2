"""Racks with nodes in them, and with the leaves that stand on top of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from weft.errors import InfeasibleError
from weft.fabric.floor_plan import FloorPlan
from weft.fabric.placement.footprint import Footprint
from weft.fabric.placement.switch_table import Switches
from weft.fabric.tables import IntArray, NodeTable
from weft.units import format_power


@dataclass(frozen=True)
class NodeRacks:
    """Nodes (and top-of-rack switches) in racks numbered in node order, not yet on the floor.

    Attributes:
        per_rack: nodes in a full rack; 0 where a node fills several racks.
        binding: ``space`` or ``power``: what keeps one node more out.
        racks: how many.
        rack: int64[hosts], rack of each (the middle one of its racks).
        seat: int64[hosts], number of each in its rack.
        leaf_rack: int64[leaves], rack of each switch; empty where they stand elsewhere.
        leaf_seat: int64[leaves], number of each from the top of its rack.
        top: the highest rack unit.
    """

    per_rack: int
    binding: str
    racks: int
    rack: npt.NDArray[np.int64]
    seat: npt.NDArray[np.int64]
    leaf_rack: npt.NDArray[np.int64]
    leaf_seat: npt.NDArray[np.int64]
    top: int


def rack_nodes(
    nodes: NodeTable,
    hosts: IntArray,
    node: Footprint,
    leaves: Switches | None,
    floor: FloorPlan,
    limit_w: float,
) -> NodeRacks | None:
    """Fill racks with nodes of one pod or unit each, leaving room on top for leaves where they are given.

    Returns None where the leaves do not fit beside the nodes.

    Raises:
        InfeasibleError: not even one node fits a rack.
    """
    _, group = np.unique(nodes.parent[hosts], return_inverse=True)
    size = np.bincount(group)
    leaf_group = group[np.floor(leaves.serves).astype(np.int64)] if leaves else np.empty(0, np.int64)
    leaf_count = np.bincount(leaf_group, minlength=len(size))
    units = int(leaves.units.max(initial=0)) if leaves else 0
    power_w = float(leaves.power_w.max(initial=0.0)) if leaves else 0.0
    on_top = 0
    while True:
        space = (floor.rack_units - on_top * units) // node.units
        power = int((limit_w - on_top * power_w) / node.power_w + 1e-9) if node.power_w else space
        per_rack = min(space, power)
        if per_rack < 1:
            if on_top:
                return None
            _refuse_node(node, floor, limit_w)
        if node.racks > 1:
            per_rack = 1
        racks = -(-size // per_rack) * node.racks
        needed = int((-(-leaf_count // racks)).max(initial=0))
        if needed <= on_top:
            break
        on_top = needed
    start = np.concatenate([[0], np.cumsum(racks)])
    index = number_in(group)
    rack = start[group] + index // per_rack * node.racks + node.racks // 2
    leaf_rack, leaf_seat = _spread(leaves, leaf_group, leaf_count, racks, start)
    return NodeRacks(
        per_rack=0 if node.racks > 1 else per_rack,
        binding="power" if power < space else "space",
        racks=int(start[-1]),
        rack=rack,
        seat=index % per_rack,
        leaf_rack=leaf_rack,
        leaf_seat=leaf_seat,
        top=floor.rack_units,
    )


def _spread(
    leaves: Switches | None, group: IntArray, count: IntArray, racks: IntArray, start: IntArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Spread the leaves of each group evenly over its racks, in the order of the hosts they serve."""
    if leaves is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order = np.lexsort((leaves.serves, group))
    rack = np.empty(len(order), np.int64)
    sorted_group = group[order]
    rack[order] = start[sorted_group] + number_in(sorted_group) * racks[sorted_group] // count[sorted_group]
    seat = np.empty(len(order), np.int64)
    by_rack = np.argsort(rack, kind="stable")
    seat[by_rack] = number_in(rack[by_rack])
    return rack, seat


def number_in(group: IntArray) -> npt.NDArray[np.int64]:
    """Return the number of each element among those of its group, in order."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    number = np.empty(len(group), np.int64)
    number[order] = np.arange(len(group)) - np.searchsorted(ordered, ordered, side="left")
    return number


def _refuse_node(node: Footprint, floor: FloorPlan, limit_w: float) -> NoReturn:
    one = f"one of {node.racks} racks of {node.name}" if node.racks > 1 else f"one {node.name}"
    if node.power_w > limit_w:
        raise InfeasibleError(
            f"floor_plan.rack_power: {one} draws {format_power(node.power_w)}, a rack gives "
            f"{format_power(limit_w)}; set rack_power to at least {format_power(node.power_w)}"
        )
    raise InfeasibleError(
        f"floor_plan.rack_units: {node.name} takes {node.units} rack units, a rack has {floor.rack_units}"
    )
