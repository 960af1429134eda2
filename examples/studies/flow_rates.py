"""Rates of flows on the real paths of a fabric, for studies: who sends to whom, by which routing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft import Cluster
from weft.engines.fluid.allocation import max_min
from weft.engines.fluid.flows_in_time import completion_times
from weft.fabric import Fabric, Kind, build_fabric
from weft.fabric.routing_options import Routing
from weft.routing.paths import Paths
from weft.routing.router import Router, make_router

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
RATE_Bps = 50e9  # 400 Gb/s


def single_nic_nodes(nodes: int, network: dict[str, Any]) -> Fabric:
    """Build a network of nodes with one GPU and one 400 Gb/s NIC each."""
    node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx7", "nics": 1}
    spec = {"nodes": nodes, "node": node, "scale_out": {"protocol": "roce", **network}}
    return build_fabric(Cluster.model_validate(spec))


def routed(fabric: Fabric, routing: Routing, pairs: Pairs, subflows: int = 1) -> tuple[Router, Paths]:
    """Route pairs of accelerators, each as so many flows of their own, pair after pair."""
    router = make_router(fabric, routing)
    rows = fabric.rows(Kind.ACCELERATOR)
    src, dst = (np.repeat(rows[end], subflows) for end in pairs)
    return router, router.route(src, dst, np.tile(np.arange(subflows), len(pairs[0])))


def fair_rates(
    fabric: Fabric, routing: Routing, pairs: Pairs, subflows: int = 1, cap_Bps: float = np.inf
) -> NDArray[np.float64]:
    """Return what each pair gets, max-min fair, in parts of a NIC's rate."""
    router, paths = routed(fabric, routing, pairs, subflows)
    done = max_min(paths.indptr, paths.resource, paths.share, router.resources.capacity_Bps, cap_Bps=cap_Bps)
    return done.rate_Bps.reshape(-1, subflows).sum(axis=1) / RATE_Bps


def batch_rate(fabric: Fabric, routing: Routing, pairs: Pairs) -> float:
    """Return what each sends on average until the last flow of a batch of equal ones ends, in parts of a NIC's rate."""
    router, paths = routed(fabric, routing, pairs)
    size = 1e9
    end_s = completion_times(paths.indptr, paths.resource, paths.share, size, router.resources.capacity_Bps)
    return size * len(pairs[0]) / len(np.unique(pairs[0])) / end_s.max() / RATE_Bps
