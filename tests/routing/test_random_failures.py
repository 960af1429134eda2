"""Random folded Clos networks with random links down: what is reachable, and that nothing dead is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.fabric import Kind

_TIER = {Kind.ACCELERATOR: 0, Kind.NIC: 1, Kind.LEAF: 2, Kind.SPINE: 3, Kind.CORE: 4}


def _up_and_down(one: Any) -> nx.DiGraph:
    """Live links in two copies of the network: one climbs, the other descends, joined at every node."""
    kind = one.fabric.nodes.kind
    tier = np.array([_TIER.get(Kind(int(k)), -1) for k in kind])
    graph = nx.DiGraph()
    graph.add_edges_from(((node, "up"), (node, "down")) for node in np.flatnonzero(tier >= 0).tolist())
    live = np.flatnonzero(one.router.resources.capacity_Bps[: len(one.tail)] > 0)
    for a, b in zip(one.tail[live].tolist(), one.head[live].tolist(), strict=True):
        if tier[a] >= 0 and tier[b] >= 0:
            way = "up" if tier[a] < tier[b] else "down"
            graph.add_edge((a, way), (b, way))
    return graph


@settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.sampled_from(
        [
            ("fat_tree", {"nodes": 16, "gpus": 1, "radix": 4}),
            ("leaf_spine", {"nodes": 12, "gpus": 2, "radix": 8}),
            ("dual_tor", {"nodes": 8, "gpus": 2, "unit_nodes": 2, "radix": 8}),
            ("rail_optimised", {"nodes": 8, "gpus": 2, "unit_nodes": 2, "radix": 4}),
        ]
    ),
    policy=st.sampled_from(["adaptive", "ecmp", "flowlet", "blind"]),
    down=st.floats(0, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_reachable_is_what_climbs_and_descends(
    checked: Callable[..., Any], shape: tuple[str, dict[str, Any]], policy: str, down: float, seed: int
) -> None:
    topology, options = shape
    whole = checked(topology, scale_up={"kind": "none"}, **options)
    rng = np.random.default_rng(seed)
    alive = rng.random(len(whole.tail)) >= down
    routing = {"weighted": False} if policy == "blind" else {"queue_pairs": 2}
    one = checked(policy="spray" if policy == "blind" else policy, fabric=whole.fabric, alive=alive, routing=routing)
    count = len(one.gpus)
    src, dst = rng.integers(0, count, (2, 40))
    paths = one.route(src, dst)
    graph = _up_and_down(one)
    for flow, (a, b) in enumerate(zip(one.gpus[src].tolist(), one.gpus[dst].tolist(), strict=True)):
        assert paths.reachable[flow] == (a == b or nx.has_path(graph, (a, "up"), (b, "down")))
    if policy in ("ecmp", "flowlet"):  # bundles are ideals that dead links bend
        one.assert_flows(paths, one.gpus[src], one.gpus[dst])
    rows = np.unique(paths.resource)
    assert (one.router.resources.capacity_Bps[rows] > 0).all()
    assert (np.diff(paths.indptr)[~paths.reachable] == 0).all()
    assert np.array_equal(np.unique(np.stack([paths.flow, paths.resource]), axis=1).shape[1], len(paths.resource))
