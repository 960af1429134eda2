"""Dual ToR: the two ports of every NIC go to two leaves, so that no single leaf cuts a node off.

Nodes stand in units (segments); NIC r of every node in a unit is on the leaf pair of rail r, or every NIC on the same
pair with ``rails: 1``. With ``planes`` (the default) first ports and second ports form two planes with spines of their
own; without, both leaves of a pair join the same spines. Counts, for units of N nodes, R rails, p NICs a node on each
and D host ports a leaf (each of half the NIC's rate): 2 ⌈N p / D⌉ leaves a rail in each unit, and above them spines, or
pods of units under cores, as in `weft.fabric.clos_size`. Alibaba's HPN: units of 128 nodes (1,024 GPUs, 16 leaves of
128 host ports at 200 Gb/s), 15 units a pod, cores oversubscribed 15:1. Bisection of full units at 1:1: half the host
ports' bandwidth.
Source: K. Qian et al., Alibaba HPN: a data center network for large language model training, SIGCOMM 2024.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos import wire_clos
from weft.fabric.clos_options import resolve_hardware
from weft.fabric.plan import Plan
from weft.fabric.planes import LENGTHS_M
from weft.fabric.rail_units import UnitOptions, rail_units, size_units
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Kind

SIDES = 2


class Options(UnitOptions):
    """What to write under ``scale_out`` with ``topology: dual_tor``."""

    rails: int | None = Field(None, gt=0, description="rails; default: NICs per node; 1: all NICs on one leaf pair")
    planes: bool = Field(True, description="first and second ports have spines of their own")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add leaf pairs, spines and, where needed, cores; see the module's text for counts.

    Raises:
        ConfigError: the rails do not divide the NICs, or the radix cannot be.
        InfeasibleError: it does not fit the switches.
    """
    hardware = resolve_hardware(plan, options, lengths_m=LENGTHS_M, sides=SIDES)
    rails = options.rails or plan.nics
    if plan.nics % rails:
        raise ConfigError(f"{rails} rails do not divide {plan.nics} NICs a node evenly", field="scale_out.rails")
    dealt = rail_units(plan, options, hardware, rails, options.unit_nodes)
    pairs, units, unit, rail, seat = dealt.leaves, dealt.units, dealt.unit, dealt.rail, dealt.seat
    planes = SIDES if options.planes else 1
    size = size_units(
        options,
        hardware,
        dealt,
        rails * pairs * SIDES // planes,
        planes=planes,
        way_out="use larger spines or fewer rails",
    )

    pair = (unit * rails + rail) * pairs + seat
    side = np.arange(SIDES)
    if options.planes:
        leaf_of_port = pair[:, None] + side * size.leaves
        leaf_side, leaf_unit, leaf_rail, leaf_seat = np.indices((SIDES, units, rails, pairs)).reshape(4, -1)
    else:
        leaf_of_port = pair[:, None] * SIDES + side
        leaf_unit, leaf_rail, leaf_seat, leaf_side = np.indices((units, rails, pairs, SIDES)).reshape(4, -1)

    places = graph.nodes(Kind.UNIT, units)
    graph.place(graph.hosts, places[np.arange(plan.nodes) // dealt.nodes])
    return wire_clos(
        graph,
        "dual_tor",
        size,
        hardware,
        ports,
        leaf_of_port,
        leaf_parent=places[leaf_unit],
        leaf_ordinal=(leaf_rail * pairs + leaf_seat) * SIDES + leaf_side,
        leaf_rail=leaf_rail if rails > 1 else -1,
        rail_leaf=unit * pairs + seat if rails > 1 else None,
        reduces=options.in_network_reduction,
    )
