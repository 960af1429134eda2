"""Seats of rails in scalable units: which unit, rail and leaf of the rail each host port belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weft.fabric.clos_options import ClosOptions, Hardware, pick
from weft.fabric.clos_size import ports_down
from weft.fabric.plan import Plan
from weft.fabric.tables import IntArray


@dataclass(frozen=True)
class RailUnits:
    """Host ports, node-major, dealt to rails inside units of so many nodes.

    Attributes:
        nodes: nodes of a full unit.
        leaf_ports: host ports of a full leaf.
        leaves: leaves (or leaf pairs) of one rail in one unit.
        units: units in the cluster.
        unit, rail, seat: int[endpoints], each port's unit, its rail, and the rail's leaf in that unit.
    """

    nodes: int
    leaf_ports: int
    leaves: int
    units: int
    unit: IntArray
    rail: IntArray
    seat: IntArray


def rail_units(plan: Plan, options: ClosOptions, hardware: Hardware, rails: int, unit_nodes: int | None) -> RailUnits:
    """Deal the ports of a cluster; ``unit_nodes`` is as many as a leaf takes where it is None."""
    share = plan.nics // rails
    most = ports_down(
        hardware.radix["leaf"], pick(options.oversubscription, "leaf", 1.0), hardware.uplink_Bps / hardware.rate_Bps
    )
    nodes = min(unit_nodes or max(1, most // share), plan.nodes)
    leaf_ports = min(most, nodes * share)
    node, nic = np.divmod(np.arange(plan.endpoints), plan.nics)
    unit, member = np.divmod(node, nodes)
    return RailUnits(
        nodes=nodes,
        leaf_ports=leaf_ports,
        leaves=math.ceil(nodes * share / leaf_ports),
        units=math.ceil(plan.nodes / nodes),
        unit=unit,
        rail=nic % rails,
        seat=(member * share + nic // rails) // leaf_ports,
    )
