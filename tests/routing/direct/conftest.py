"""Helpers for policies between switches: graphs by hand, networks by topology, and loads worked out independently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest

from weft.fabric import Cluster, build_fabric
from weft.fabric.routing_options import Routing
from weft.routing.direct_policies import DirectPolicies
from weft.routing.hashing import Hashing
from weft.routing.paths import Paths
from weft.routing.policy import Policy
from weft.routing.resources import link_state
from weft.routing.switch_graph import SwitchGraph, switch_graph

Ints = npt.NDArray[np.int64]


class Net:
    """Switches and links, and ways to look at paths between them."""

    def __init__(self, graph: SwitchGraph, policies: DirectPolicies | None = None, hosts: int = 1) -> None:
        self.graph, self.policies, self.hosts = graph, policies, hosts
        self.tail = np.repeat(np.arange(len(graph)), np.diff(graph.indptr))
        self.edge = {int(row): e for e, row in enumerate(graph.resource)}
        self.nx = nx.MultiDiGraph()
        self.nx.add_nodes_from(range(len(graph)))
        self.nx.add_edges_from(zip(self.tail.tolist(), graph.head.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.graph)

    def policy(self, name: str) -> Policy:
        """As a user names it."""
        assert self.policies is not None
        return self.policies.make(name)

    def route(self, policy: str | Policy, src: Any, dst: Any) -> Paths:
        """Route between switches."""
        chosen = self.policy(policy) if isinstance(policy, str) else policy
        a, b = np.asarray(src, np.int32), np.asarray(dst, np.int32)
        return chosen.between(a, b, Hashing().keys(a, b, np.arange(len(a))))

    def edges_of(self, paths: Paths, flow: int) -> dict[int, float]:
        """Share of each edge, by its number in the graph."""
        run = slice(paths.indptr[flow], paths.indptr[flow + 1])
        rows, shares = paths.resource[run].tolist(), paths.share[run].tolist()
        assert len(set(rows)) == len(rows)
        return {self.edge[row]: share for row, share in zip(rows, shares, strict=True)}

    def assert_flows(self, paths: Paths, src: Any, dst: Any) -> None:
        """Every reachable flow leaves its source whole, reaches its destination whole, is conserved between."""
        for flow, (a, b) in enumerate(zip(np.asarray(src).tolist(), np.asarray(dst).tolist(), strict=True)):
            net = np.zeros(len(self))
            for e, share in self.edges_of(paths, flow).items():
                assert share > 0
                net[self.tail[e]] += share
                net[self.graph.head[e]] -= share
            wanted = np.zeros(len(self))
            if paths.reachable[flow] and a != b:
                wanted[a], wanted[b] = 1.0, -1.0
            assert np.abs(net - wanted).max() < 1e-9

    def hops(self, paths: Paths) -> npt.NDArray[np.float64]:
        """Mean length of each flow's paths."""
        return np.bincount(paths.flow, paths.share, minlength=len(paths))

    def load(self, paths: Paths) -> npt.NDArray[np.float64]:
        """What every edge carries over what the fastest could, every flow sending 1: float64[edges]."""
        rows = np.bincount(paths.resource, paths.share, minlength=int(self.graph.resource.max()) + 1)
        return rows[self.graph.resource] / (self.graph.rate_Bps / self.graph.rate_Bps.max())

    def throughput(self, policy: str | Policy, src: Any, dst: Any) -> float:
        """What every flow can send, of a link's rate, until the first link is full."""
        return float(1 / self.load(self.route(policy, src, dst)).max())

    def by_hosts(self, to: Callable[[Ints], Ints]) -> tuple[Ints, Ints]:
        """Switches of every host and of the host it sends to."""
        host = np.arange(len(self) * self.hosts)
        return host // self.hosts, to(host) % len(host) // self.hosts


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Net]:
    """Make a network from directed edges (tail, head[, rate]); resources are numbered from the last edge back."""

    def make(switches: int, edges: Iterable[tuple[int, ...]]) -> Net:
        rows = sorted(edges)
        tail = np.array([row[0] for row in rows], np.int64)
        rate = np.array([row[2] if len(row) > 2 else 1 for row in rows], float)
        graph = SwitchGraph(
            np.arange(switches, dtype=np.int32),
            np.arange(switches, dtype=np.int32),
            np.searchsorted(tail, np.arange(switches + 1)),
            np.array([row[1] for row in rows], np.int32),
            np.arange(len(rows), dtype=np.int32)[::-1].copy(),
            rate,
            np.zeros(len(rows)),
        )
        return Net(graph)

    return make


@pytest.fixture(scope="session")
def direct() -> Callable[..., Net]:
    """Make a network by topology, its links cut where asked: ``direct("torus", dims=[4, 4], p=1)``."""

    def make(
        topology: str,
        *,
        hosts: int = 1,
        nodes: int = 2,
        routing: dict[str, Any] | None = None,
        cut: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> Net:
        node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx7", "nics": 1}
        scale_out = {"topology": topology, **options}
        fabric = build_fabric(Cluster.model_validate({"nodes": nodes, "node": node, "scale_out": scale_out}))
        alive = None if cut is None else ~cut(fabric)
        graph = switch_graph(fabric, *link_state(fabric, alive, None))
        asked = Routing.model_validate(routing or {})
        return Net(graph, DirectPolicies(fabric, asked, graph, Hashing(asked.seed)), hosts)

    return make
