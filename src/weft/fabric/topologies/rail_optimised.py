"""Rails: NIC r of every node in a scalable unit goes to leaf r of the unit; same-rail traffic crosses one switch.

Counts, for units of N nodes with R rails and p NICs a node on each rail, D host ports a leaf: ⌈N p / D⌉ leaves a rail
in each unit (one, where N p = D), and spines over all leaves as in leaf_spine; where the leaves outnumber a spine's
ports, pods of whole units under a third tier of cores. ``planes: true`` gives each rail spines of its own: no path
between rails but through the node. Bisection of full units at 1:1: half the host ports' bandwidth.
Sources: NVIDIA DGX SuperPOD reference architecture (RA-11333: 32 nodes a unit, eight leaves); C. Zhao et al.,
Insights into DeepSeek-V3, ISCA 2025, for planes.
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
from weft.fabric.rail_units import UnitOptions, rail_units, size_units
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Kind

# The leaves of a unit stand together, away from most of its racks: too far for passive copper.
LENGTHS_M = {"leaf": 15.0, "spine": 30.0, "core": 100.0}


class Options(UnitOptions):
    """What to write under ``scale_out`` with ``topology: rail_optimised``."""

    rails: int | None = Field(None, gt=0, description="rails; default: NICs per node, or per compute tray of a rack")
    planes: bool = Field(False, description="each rail has spines of its own")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add rail leaves, spines and, where needed, cores; see the module's text for counts.

    Raises:
        ConfigError: the rails do not divide the NICs, or the radix cannot be.
        InfeasibleError: it does not fit the switches.
    """
    hardware = resolve_hardware(plan, options, protocol="infiniband", lengths_m=LENGTHS_M)
    rails = _rails(plan, options)
    dealt = rail_units(plan, options, hardware, rails, options.unit_nodes)
    rail_leaves, units, unit, rail, seat = dealt.leaves, dealt.units, dealt.unit, dealt.rail, dealt.seat
    planes = rails if options.planes else 1
    size = size_units(
        options,
        hardware,
        dealt,
        rails * rail_leaves // planes,
        planes=planes,
        way_out="use larger spines, fewer rails, or planes: true",
    )

    if options.planes:
        leaf_of_port = (rail * units + unit) * rail_leaves + seat
        leaf_rail, leaf_unit, leaf_seat = np.indices((rails, units, rail_leaves)).reshape(3, -1)
    else:
        leaf_of_port = (unit * rails + rail) * rail_leaves + seat
        leaf_unit, leaf_rail, leaf_seat = np.indices((units, rails, rail_leaves)).reshape(3, -1)

    places = graph.nodes(Kind.UNIT, units)
    graph.place(graph.hosts, places[np.arange(plan.nodes) // dealt.nodes])
    return wire_clos(
        graph,
        "rail_optimised",
        size,
        hardware,
        ports,
        leaf_of_port,
        leaf_parent=places[leaf_unit],
        leaf_ordinal=leaf_rail * rail_leaves + leaf_seat,
        leaf_rail=leaf_rail,
        rail_leaf=unit * rail_leaves + seat,
        reduces=options.in_network_reduction,
    )


def _rails(plan: Plan, options: Options) -> int:
    """Return the number of rails: as asked, else one a NIC, or one a NIC of a rack's compute tray."""
    trays = int(plan.system.si("compute_trays")) if plan.system and plan.system.has("compute_trays") else 1
    rails = options.rails or (plan.nics // trays if plan.nics % trays == 0 else plan.nics)
    if plan.nics % rails:
        raise ConfigError(f"{rails} rails do not divide {plan.nics} NICs a node evenly", field="scale_out.rails")
    return rails
