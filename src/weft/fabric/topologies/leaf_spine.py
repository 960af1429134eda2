"""Two tiers: every node on one leaf, every leaf on every spine.

Counts, for E host ports, D host ports and U = ⌈D / o⌉ uplinks a leaf: L = ⌈E / D⌉ leaves, S = U / b spines with b links
from each leaf to each spine (b as wide as the spine's radix allows, see `weft.fabric.clos_size`), E host cables
and L · U cables between switches. Bisection, full leaves: E / 2 · rate / o. With radix k, 1:1 and k leaves:
k²/2 host ports, 3k/2 switches.
Source: C. Clos, A study of non-blocking switching networks, Bell System Technical Journal 32 (1953).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos import wire_clos
from weft.fabric.clos_options import ClosOptions, Hardware, pick, resolve_hardware
from weft.fabric.clos_size import ports_down, size_clos
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut

LENGTHS_M = {"leaf": 3.0, "spine": 30.0, "core": 100.0}


class Options(ClosOptions):
    """What to write under ``scale_out`` with ``topology: leaf_spine``."""

    leaf_nodes: int | None = Field(None, gt=0, description="nodes per leaf; default: as many as fit")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add leaves and spines; see the module's text for counts.

    Raises:
        ConfigError: the radix or the nodes per leaf that were asked for cannot be.
        InfeasibleError: more leaves than a spine has ports.
    """
    hardware = resolve_hardware(plan, options, lengths_m=LENGTHS_M)
    leaf_ports = host_ports(plan, options, hardware, options.leaf_nodes)
    size = size_clos(math.ceil(plan.endpoints / leaf_ports), leaf_ports, options, hardware)
    leaf_of_port = np.arange(plan.endpoints) // leaf_ports
    reduces = options.in_network_reduction
    return wire_clos(graph, "leaf_spine", size, hardware, ports, leaf_of_port, reduces=reduces)


def host_ports(plan: Plan, options: ClosOptions, hardware: Hardware, leaf_nodes: int | None) -> int:
    """Return the host ports of a full leaf: whole nodes, unless a node has more NICs than a leaf has ports."""
    most = ports_down(
        hardware.radix["leaf"], pick(options.oversubscription, "leaf", 1.0), hardware.uplink_Bps / hardware.rate_Bps
    )
    if leaf_nodes is None:
        return most // plan.nics * plan.nics or most
    if leaf_nodes * plan.nics > hardware.radix["leaf"]:
        raise ConfigError(
            f"{leaf_nodes} nodes of {plan.nics} NICs need {leaf_nodes * plan.nics} ports, "
            f"a leaf has {hardware.radix['leaf']}; at most {hardware.radix['leaf'] // plan.nics} nodes fit",
            field="scale_out.leaf_nodes",
        )
    return leaf_nodes * plan.nics
