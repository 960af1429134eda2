"""Fabrics for tests of flows, and what flows put on ranks and units, counted one by one."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.collectives.flows import Flows
from weft.fabric import Cluster, Fabric, Kind, build_fabric


@cache
def fabric_of(
    per_node: int,
    nodes: int,
    *,
    kind: str | None = None,
    accelerator: str = "h100_sxm",
    topology: str = "leaf_spine",
    shape: tuple[int, ...] | None = None,
    sharp: bool = False,
    **options: Any,
) -> Fabric:
    scale_up: dict[str, Any] = {"kind": kind} if kind else {}
    if shape:
        scale_up |= {"shape": list(shape), "rate": "300GB/s"}
    node = {"accelerator": accelerator, "accelerators": per_node, "scale_up": scale_up}
    scale_out = None
    if nodes > 1:
        node |= {"nic": "cx7", "nics": per_node}
        scale_out = {"topology": topology, "in_network_reduction": sharp, **options}
    return build_fabric(Cluster.model_validate({"nodes": nodes, "node": node, "scale_out": scale_out}))


def busiest(fabric: Fabric, flows: Flows, group: int = 0) -> tuple[float, float]:
    """Most bytes that a rank sends (or receives) inside its unit, and that leave (or enter) a unit, in one group."""
    domain = domains(fabric)
    inside: dict[tuple[str, int], float] = {}
    outside: dict[tuple[str, int], float] = {}
    accelerators = set(fabric.rows(Kind.ACCELERATOR).tolist())
    mine = flows.group == group
    for a, b, x in zip(flows.src[mine].tolist(), flows.dst[mine].tolist(), flows.bytes_x[mine].tolist(), strict=True):
        near = domain[a] == domain[b] >= 0
        for way, end in (("out", a), ("in", b)):
            if near and end in accelerators:
                inside[way, end] = inside.get((way, end), 0.0) + x
            elif not near and domain[end] >= 0:
                outside[way, int(domain[end])] = outside.get((way, int(domain[end])), 0.0) + x
    return max(inside.values(), default=0.0), max(outside.values(), default=0.0)


def busiest_outside(fabric: Fabric, flows: Flows) -> float:
    """Most bytes that a rank sends to, or receives from, other units."""
    domain = domains(fabric)
    far = domain[flows.src] != domain[flows.dst]
    ends = (np.bincount(end[far], flows.bytes_x[far], minlength=1) for end in (flows.src, flows.dst))
    return float(max(column.max() for column in ends))


def domains(fabric: Fabric) -> npt.NDArray[np.int64]:
    """Scale-up domain of each node row; -1 for others."""
    found = np.full(len(fabric.nodes), -1, np.int64)
    rows = fabric.rows(Kind.ACCELERATOR)
    found[rows] = fabric.locality.scale_up_unit
    for row in fabric.rows(Kind.SCALE_UP_SWITCH).tolist():
        found[row] = fabric.nodes.ordinal[fabric.nodes.parent[row]]
    return found
