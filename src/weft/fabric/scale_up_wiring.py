"""The links (and switches) inside every node, added to the graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from weft.fabric.builder import GraphBuilder
from weft.fabric.scale_up import SWITCHED, ScaleUpPlan
from weft.fabric.scale_up_grid import grid_cables
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass


def wire_scale_up(graph: GraphBuilder, plan: ScaleUpPlan, hosts: IntArray, gpus: IntArray) -> None:
    """Add the links (and switches) inside every node.

    Args:
        graph: the fabric under construction.
        plan: the network inside one node.
        hosts: int32[nodes], host rows.
        gpus: int32[nodes, per_node], accelerator rows.

    Each accelerator's bandwidth is split evenly over the switches of a switched node (a real HGX H100 has 5, 4, 4
    and 5 of an accelerator's 18 links on its four chips), and over its peers in a ``full_mesh`` (a hybrid cube mesh is
    taken as one: the sum of its links is right, single pairs have fewer or more). Optical switches are set once and
    then pass light, so the two ends of a link through one are joined directly.
    """
    per_node = gpus.shape[1]
    if plan.grid is not None:
        _wire_grid(graph, plan, gpus)
    elif plan.kind in SWITCHED:
        _wire_switches(graph, plan, hosts, gpus)
    elif plan.kind == "full_mesh" and per_node > 1:
        first, second = np.triu_indices(per_node, 1)
        link = _link(plan, "gpu-gpu", plan.rate_Bps / (per_node - 1), plan.latency_s)
        graph.cables(gpus[:, first].ravel(), gpus[:, second].ravel(), link)
    elif plan.kind == "pcie":
        link = _link(plan, "gpu-host", plan.rate_Bps, plan.latency_s / 2)
        graph.cables(gpus.ravel(), np.repeat(hosts, per_node), link)


def _wire_switches(graph: GraphBuilder, plan: ScaleUpPlan, hosts: IntArray, gpus: IntArray) -> None:
    nodes, per_node = gpus.shape
    count = plan.switches
    ordinals = np.tile(np.arange(count), nodes)
    rows = graph.nodes(
        Kind.SCALE_UP_SWITCH, nodes * count, part=plan.switch, parent=np.repeat(hosts, count), ordinal=ordinals
    ).reshape(nodes, 1, count)
    lower = np.broadcast_to(gpus[:, :, None], (nodes, per_node, count)).ravel()
    upper = np.broadcast_to(rows, (nodes, per_node, count)).ravel()
    graph.cables(lower, upper, _link(plan, "gpu-scaleup", plan.rate_Bps / count, plan.latency_s / 2))


def _wire_grid(graph: GraphBuilder, plan: ScaleUpPlan, gpus: IntArray) -> None:
    """Add the links of each dimension; of a torus of cubes, those that stay in a rack and those that do not."""
    grid, cabling = plan.grid, plan.cabling
    assert grid is not None
    for dimension, link_Bps in enumerate(grid.link_Bps):
        lower, upper = grid_cables(grid, dimension)
        link = _link(plan, f"gpu-gpu-{'xyzuvw'[dimension]}", link_Bps, grid.hop_s)
        leaves = np.zeros(len(lower), dtype=bool)
        if cabling is not None and cabling.cube:
            place = np.unravel_index(lower, grid.shape)[dimension]
            leaves = place % cabling.cube[dimension] == cabling.cube[dimension] - 1
            inside = replace(link, medium="", length_m=0.0)
            graph.cables(gpus[:, lower[~leaves]].ravel(), gpus[:, upper[~leaves]].ravel(), inside)
            crossing_s = grid.hop_s + cabling.latency_s
            link = replace(
                link, name=f"cube-cube-{'xyzuvw'[dimension]}", latency_up_s=crossing_s, latency_down_s=crossing_s
            )
            lower, upper = lower[leaves], upper[leaves]
        if len(lower):
            graph.cables(gpus[:, lower].ravel(), gpus[:, upper].ravel(), link)


def _link(plan: ScaleUpPlan, name: str, rate_Bps: float, latency_s: float) -> LinkClass:
    """Return a link class of the scale-up network: a cable where links leave the rack."""
    cabling = plan.cabling
    medium, length_m = (cabling.medium, cabling.length_m) if cabling else ("", 0.0)
    return LinkClass(name, Domain.SCALE_UP, plan.protocol, rate_Bps, latency_s, latency_s, medium, length_m)
