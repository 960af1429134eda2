"""Equal, separate Clos networks side by side: what rail-only and multi-plane networks have in common."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos import wire_clos
from weft.fabric.clos_options import ClosOptions, Hardware, pick, resolve_hardware
from weft.fabric.clos_size import ClosSize, ports_down, size_clos
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut

# As on rails: the leaves of a plane stand together, away from most of the racks.
LENGTHS_M = {"leaf": 15.0, "spine": 30.0, "core": 100.0}


class PlaneOptions(ClosOptions):
    """Options that every network of separate planes shares."""

    leaf_nodes: int | None = Field(None, gt=0, description="nodes per leaf; default: as many as fit")


def build_planes(
    name: str,
    plan: Plan,
    options: PlaneOptions,
    graph: GraphBuilder,
    ports: npt.NDArray[np.int32],
    planes: int,
    *,
    split: bool = False,
) -> ScaleOut:
    """Add ``planes`` equal networks of as few tiers as reach: one switch, leaves and spines, or pods under cores.

    Args:
        name: the topology's name.
        plan: the cluster.
        options: what the user wrote.
        graph: the fabric under construction.
        ports: int32[nodes, nics], NIC rows.
        planes: how many networks.
        split: every NIC has a port in each plane; else NIC i is in plane i mod planes.

    Raises:
        InfeasibleError: a plane does not fit its switches.
    """
    hardware = resolve_hardware(plan, options, protocol="infiniband", lengths_m=LENGTHS_M, sides=planes if split else 1)
    share = plan.nics if split else plan.nics // planes
    size, leaf_ports = size_plane(plan.nodes, share, planes, options, hardware)
    node, nic = np.divmod(np.arange(plan.endpoints), plan.nics)
    if split:
        leaf = np.arange(plan.endpoints)[:, None] // leaf_ports + np.arange(planes) * size.leaves
        return wire_clos(graph, name, size, hardware, ports, leaf, reduces=options.in_network_reduction)
    plane = nic % planes
    seat = (node * share + nic // planes) // leaf_ports
    return wire_clos(
        graph,
        name,
        size,
        hardware,
        ports,
        plane * size.leaves + seat,
        leaf_rail=np.repeat(np.arange(planes), size.leaves),
        rail_leaf=seat,
        reduces=options.in_network_reduction,
    )


def size_plane(nodes: int, share: int, planes: int, options: PlaneOptions, hardware: Hardware) -> tuple[ClosSize, int]:
    """Return the counts of one plane that holds ``share`` ports of each node, and the host ports of a full leaf.

    Raises:
        ConfigError: more nodes under a leaf than it has ports.
        InfeasibleError: it does not fit the switches.
    """
    radix = hardware.radix["leaf"]
    unit = hardware.uplink_Bps / hardware.rate_Bps
    most = ports_down(radix, pick(options.oversubscription, "leaf", 1.0), unit)
    if options.leaf_nodes is not None:
        leaf_ports = min(options.leaf_nodes, nodes) * share
        if leaf_ports > radix:
            raise ConfigError(
                f"{options.leaf_nodes} nodes with {share} ports in a plane need {leaf_ports} ports, a leaf has "
                f"{radix}; at most {max(1, radix // share)} nodes fit",
                field="scale_out.leaf_nodes",
            )
    elif nodes * share <= radix:  # one switch holds the plane, and needs no ports up
        leaf_ports = nodes * share
    else:
        leaf_ports = most // share * share or most
    leaves = math.ceil(nodes * share / leaf_ports)
    if leaves <= hardware.reach:
        return size_clos(leaves, leaf_ports, options, hardware, planes=planes), leaf_ports
    pod_leaves = ports_down(hardware.radix["spine"], pick(options.oversubscription, "spine", 1.0))
    size = size_clos(leaves, leaf_ports, options, hardware, planes=planes, pod_leaves=pod_leaves, three_tiers=True)
    return size, leaf_ports
