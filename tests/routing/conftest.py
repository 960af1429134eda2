"""Helpers for routing tests: what paths put on links and nodes, worked out from the fabric alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from weft.fabric import Cluster, Fabric, Kind, build_fabric
from weft.fabric.routing_options import Routing
from weft.routing.paths import Paths
from weft.routing.router import make_router


class Checked:
    """A router, and independent ways to look at what it returns."""

    def __init__(self, fabric: Fabric, routing: Routing, **state: Any) -> None:
        self.fabric, self.router = fabric, make_router(fabric, routing, **state)
        self.gpus = fabric.rows(Kind.ACCELERATOR)
        links = fabric.links
        self.tail, self.head = links.src.astype(np.int64), links.dst.astype(np.int64)
        if fabric.network.circuits is not None:  # a circuit's first fibre leads to the switch at the other's end
            first, second = 2 * fabric.network.circuits.astype(np.int64).T
            self.head[first], self.head[second] = links.src[second], links.src[first]

    def route(self, src: Any, dst: Any, keys: Any = None) -> Paths:
        """Route between accelerator numbers."""
        return self.router.route(self.gpus[np.asarray(src)], self.gpus[np.asarray(dst)], keys)

    def links_of(self, paths: Paths, flow: int) -> dict[int, float]:
        """What a flow puts on each link, bundles dealt to their links by rate."""
        found: dict[int, float] = {}
        resources = self.router.resources
        for e in range(paths.indptr[flow], paths.indptr[flow + 1]):
            links = resources.links_of(int(paths.resource[e]))
            rates = resources.capacity_Bps[links]
            for link, rate in zip(links.tolist(), (rates / rates.sum()).tolist(), strict=True):
                if rate > 0:
                    found[link] = found.get(link, 0.0) + rate * float(paths.share[e])
        return found

    def assert_flows(self, paths: Paths, src: npt.NDArray[Any], dst: npt.NDArray[Any]) -> None:
        """Every flow leaves its source whole, reaches its destination whole, and is conserved on the way."""
        for flow, (a, b) in enumerate(zip(src.tolist(), dst.tolist(), strict=True)):
            net: dict[int, float] = {}
            for link, share in self.links_of(paths, flow).items():
                assert self.router.resources.capacity_Bps[link] > 0
                net[int(self.tail[link])] = net.get(int(self.tail[link]), 0.0) + share
                net[int(self.head[link])] = net.get(int(self.head[link]), 0.0) - share
            if a == b or not paths.reachable[flow]:
                assert not net
                continue
            wanted = {a: 1.0, b: -1.0}
            for node, value in net.items():
                assert value == pytest.approx(wanted.get(node, 0.0), abs=1e-9), self.fabric.node_name(node)
            assert {a, b} <= set(net)

    def load(self, paths: Paths) -> npt.NDArray[np.float64]:
        """The sum of all flows' shares on every resource."""
        return np.bincount(paths.resource, paths.share, minlength=len(self.router.resources))


@pytest.fixture(scope="session")
def checked() -> Callable[..., Checked]:
    """Build a fabric and its router: ``checked("fat_tree", "ecmp", nodes=16, gpus=1, nics=1, radix=4)``."""

    def make(
        topology: str | None = None,
        policy: str = "adaptive",
        *,
        nodes: int = 1,
        gpus: int = 8,
        nics: int | None = None,
        scale_up: dict[str, Any] | None = None,
        routing: dict[str, Any] | None = None,
        fabric: Fabric | None = None,
        alive: Any = None,
        rate_x: Any = None,
        **options: Any,
    ) -> Checked:
        if fabric is None:
            node: dict[str, Any] = {"accelerator": "h100_sxm", "accelerators": gpus, "scale_up": scale_up or {}}
            if topology:
                node |= {"nic": "cx7", "nics": nics or gpus}
            scale_out = {"topology": topology, **options} if topology else None
            fabric = build_fabric(Cluster.model_validate({"nodes": nodes, "node": node, "scale_out": scale_out}))
        return Checked(fabric, Routing(policy=policy, **(routing or {})), alive=alive, rate_x=rate_x)

    return make
