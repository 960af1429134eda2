"""Three tiers: pods of leaves and spines, joined by cores.

Counts at radix k, 1:1 and full (the k-ary fat tree): k³/4 host ports, k²/2 leaves, k²/2 spines, k²/4 cores (5k²/4
switches), k³/2 cables between switches. In general, for P pods of leaves with U uplinks: U / b spines a pod with U'
uplinks each, and (U / b) · (U' / c) cores, with bundles b and c as in `weft.fabric.clos_size`. A partly filled last
pod has all its spines, so that it can grow. Bisection, full pods: E / 2 · rate over the product of the tiers'
oversubscriptions. One pod needs no cores and becomes a leaf-spine.
Source: M. Al-Fares et al., A scalable, commodity data center network architecture, SIGCOMM 2008.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos import wire_clos
from weft.fabric.clos_options import ClosOptions, pick, resolve_hardware
from weft.fabric.clos_size import ports_down, size_clos
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Kind
from weft.fabric.topologies.leaf_spine import LENGTHS_M, host_ports


class Options(ClosOptions):
    """What to write under ``scale_out`` with ``topology: fat_tree``."""

    leaf_nodes: int | None = Field(None, gt=0, description="nodes per leaf; default: as many as fit")
    pod_nodes: int | None = Field(None, gt=0, description="nodes per pod; default: as many as a spine has ports for")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add leaves, spines and cores; see the module's text for counts.

    Raises:
        ConfigError: pods that are not whole leaves, or a radix that cannot be.
        InfeasibleError: it does not fit the switches.
    """
    hardware = resolve_hardware(plan, options, lengths_m=LENGTHS_M)
    leaf_ports = host_ports(plan, options, hardware, options.leaf_nodes)
    leaves = math.ceil(plan.endpoints / leaf_ports)
    pod_leaves = ports_down(hardware.radix["spine"], pick(options.oversubscription, "spine", 1.0))
    if options.pod_nodes is not None:
        pod_leaves, rest = divmod(options.pod_nodes * plan.nics, leaf_ports)
        if rest:
            raise ConfigError(
                f"a pod of {options.pod_nodes} nodes is not a whole number of leaves of {leaf_ports} host ports; "
                "set leaf_nodes to a divisor of pod_nodes",
                field="scale_out.pod_nodes",
            )
    size = size_clos(leaves, leaf_ports, options, hardware, pod_leaves=pod_leaves, three_tiers=True)
    leaf_of_port = np.arange(plan.endpoints) // leaf_ports
    pods = graph.nodes(Kind.POD, size.pods)
    pod_of_leaf = np.arange(leaves) // size.pod_leaves
    graph.place(graph.hosts, pods[pod_of_leaf[leaf_of_port[:: plan.nics]]])
    return wire_clos(
        graph,
        "fat_tree",
        size,
        hardware,
        ports,
        leaf_of_port,
        leaf_parent=pods[pod_of_leaf],
        leaf_ordinal=np.arange(leaves) % size.pod_leaves,
        pod_rows=pods,
        reduces=options.in_network_reduction,
    )
