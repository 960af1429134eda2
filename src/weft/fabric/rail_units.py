"""Scalable units of rails: which unit, rail and leaf each host port belongs to, and how large a plane of them is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.clos_options import ClosOptions, Hardware, pick
from weft.fabric.clos_size import ClosSize, ports_down, size_clos
from weft.fabric.plan import Plan
from weft.fabric.tables import IntArray


class UnitOptions(ClosOptions):
    """Options of a folded Clos whose nodes are in units of rails."""

    unit_nodes: int | None = Field(None, gt=0, description="nodes per unit; default: as many as a leaf takes")
    tiers: Literal[2, 3] | None = Field(None, description="2 or 3 tiers of switches; default: the fewest that reach")
    pod_units: int | None = Field(None, gt=0, description="units per pod (three tiers); default: as many as fit")


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


def size_units(
    options: UnitOptions, hardware: Hardware, dealt: RailUnits, unit_leaves: int, *, planes: int, way_out: str
) -> ClosSize:
    """Size one plane of units with ``unit_leaves`` leaves each; pods hold whole units.

    Args:
        options: of the topology.
        hardware: its switches.
        dealt: the units.
        unit_leaves: leaves of a unit in one plane.
        planes: how many planes there are.
        way_out: what to tell a user whose units are too large for a pod.

    Raises:
        ConfigError: a unit has more leaves than a spine has ports.
        InfeasibleError: it does not fit the switches.
    """
    leaves, leaf_ports = dealt.units * unit_leaves, dealt.leaf_ports
    if options.tiers == 2 or (options.tiers is None and leaves <= hardware.reach):
        return size_clos(leaves, leaf_ports, options, hardware, planes=planes)
    down = ports_down(hardware.radix["spine"], pick(options.oversubscription, "spine", 1.0))
    pod_units = options.pod_units or down // unit_leaves
    if pod_units < 1:
        where = " in a plane" if planes > 1 else ""
        raise ConfigError(
            f"a unit has {unit_leaves} leaves{where}, a spine {down} ports down; {way_out}",
            field="scale_out.switch" if options.radix is None else "scale_out.radix",
        )
    pod_leaves = pod_units * unit_leaves
    return size_clos(leaves, leaf_ports, options, hardware, planes=planes, pod_leaves=pod_leaves, three_tiers=True)
