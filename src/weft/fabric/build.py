"""From a cluster file to a fabric."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import topologies
from weft.fabric.builder import GraphBuilder
from weft.fabric.cabling.relink import relink
from weft.fabric.fabric import Fabric
from weft.fabric.max_flow import halves_over_circuits_Bps
from weft.fabric.other_networks import wire_others
from weft.fabric.placement import place
from weft.fabric.plan import Plan, resolve
from weft.fabric.scale_out import ScaleOut
from weft.fabric.scale_up_wiring import wire_scale_up
from weft.fabric.sites import wire_sites
from weft.fabric.spec import Cluster
from weft.fabric.tables import SWITCHES, Domain, Kind, LinkClass, NodeTable
from weft.files import explain, located, read_model

MAX_ACCELERATORS = 4_000_000
MAX_CABLES = 200_000_000  # 20 bytes each
#: Up to here the bisection over optical circuits is worked out switch by switch; beyond, block by block.
MOST_EXACT_SWITCHES = 200


def load_cluster(path: str | os.PathLike[str]) -> Cluster:
    """Read a cluster file.

    Raises:
        ConfigError: with file, line and field.
    """
    return read_model(path, Cluster).placed_in(Path(path).resolve().parent)


def build_fabric(cluster: Cluster) -> Fabric:
    """Build the graph of a cluster.

    Raises:
        ConfigError: a part or an option is wrong.
        InfeasibleError: it does not fit the switches, or is larger than Weft takes.
    """
    with located(cluster):
        return _build(cluster)


def _build(cluster: Cluster) -> Fabric:
    plan = resolve(cluster)
    _check_size(plan)
    graph = GraphBuilder()
    ports = _wire_nodes(graph, plan)
    network = _wire_scale_out(graph, plan, ports)
    others = wire_others(graph, plan, wire_topology)
    nodes, links = graph.finish()
    parts = tuple(graph.parts)
    if network.circuits is not None and cluster.sites is None and _switches(nodes) <= MOST_EXACT_SWITCHES:
        network = replace(network, bisection_Bps=halves_over_circuits_Bps(nodes, links, network))
    floor = cluster.floor_plan
    placement = None if floor is None else place(nodes, links, parts, plan, floor)
    if placement is not None or cluster.media is not None:
        links, network = relink(plan, nodes, links, parts, network, placement)
    return Fabric(plan, nodes, links, parts, network, placement, others)


def _switches(nodes: NodeTable) -> int:
    return int(np.isin(nodes.kind, SWITCHES).sum())


def _check_size(plan: Plan) -> None:
    """Refuse a cluster that would not fit in memory before anything is allocated."""
    cables = plan.nodes * plan.scale_up.links(plan.per_node) + 3 * plan.endpoints
    for count, most, what in (
        (plan.accelerators, MAX_ACCELERATORS, "accelerators"),
        (cables, MAX_CABLES, "cables"),
    ):
        if count > most:
            raise InfeasibleError(f"nodes: {count:,} {what} are more than the {most:,} that Weft builds")


def _wire_nodes(graph: GraphBuilder, plan: Plan) -> npt.NDArray[np.int32]:
    """Add hosts, accelerators, NICs and the links inside nodes; return the NIC rows, int32[nodes, nics]."""
    nodes, per_node, nics = plan.nodes, plan.per_node, plan.nics
    hosts = graph.hosts = graph.nodes(Kind.HOST, nodes, part=plan.system)
    local = np.arange(per_node)
    rail = np.tile(local * nics // per_node if nics else np.full(per_node, -1), nodes)
    gpus = graph.nodes(
        Kind.ACCELERATOR,
        nodes * per_node,
        part=plan.accelerator,
        parent=np.repeat(hosts, per_node),
        ordinal=np.tile(local, nodes),
        rail=rail,
    ).reshape(nodes, per_node)
    wire_scale_up(graph, plan.scale_up, hosts, gpus)
    if not nics:
        return np.empty((nodes, 0), np.int32)
    number = np.tile(np.arange(nics), nodes)
    ports = graph.nodes(
        Kind.NIC, nodes * nics, part=plan.nic, parent=np.repeat(hosts, nics), ordinal=number, rail=number
    ).reshape(nodes, nics)
    # Each accelerator has its own NICs, or shares one with its neighbours, whichever there are more of.
    if nics <= per_node:
        lower, upper = gpus, ports[:, local * nics // per_node]
    else:
        lower, upper = gpus[:, np.arange(nics) * per_node // nics], ports
    half = plan.nic_latency_s / 2
    link = LinkClass("gpu-nic", Domain.HOST, plan.host_protocol, plan.host_rate_Bps, half, half)
    graph.cables(lower.ravel(), upper.ravel(), link)
    return ports


def _wire_scale_out(graph: GraphBuilder, plan: Plan, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the compute network, at every site there is."""
    written: dict[str, Any] = dict({"topology": "none"} if plan.cluster.scale_out is None else plan.cluster.scale_out)
    if plan.cluster.sites is None:
        if plan.cluster.long_haul is not None:
            raise ConfigError("name the sites that it joins under 'sites'", field="long_haul")
        return wire_topology(graph, plan, ports, written)
    return wire_sites(graph, plan, ports, written, wire_topology)


def wire_topology(graph: GraphBuilder, plan: Plan, ports: npt.NDArray[np.int32], written: dict[str, Any]) -> ScaleOut:
    """Read the options of the topology that ``written`` names, and let it add its switches."""
    written = dict(written)
    name = written.pop("topology", None)
    if not isinstance(name, str):
        raise ConfigError(
            f"name a topology: {', '.join(topologies.names())}", field="scale_out.topology" if name else "scale_out"
        )
    topology = topologies.get(name)
    try:
        options = topology.Options.model_validate(written)
    except ValidationError as error:
        problem = explain(error, topology.Options, None, written)
        problem.field = f"scale_out.{problem.field}" if problem.field else "scale_out"
        raise problem from None
    return topology.build(plan, options, graph, ports)
