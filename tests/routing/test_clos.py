"""Folded Clos networks: which paths there are, how hashes fall, what failures change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest

from weft.fabric import Kind
from weft.routing.clos_tables import find_clos
from weft.routing.resources import link_state
from weft.routing.switch_graph import switch_graph

Make = Callable[..., Any]
TREE = {"nodes": 16, "gpus": 1, "radix": 4}  # the 4-ary fat tree: 16 hosts, 8 leaves, 8 spines, 4 cores


def _links(fabric: Any, lower: str, upper: str) -> np.ndarray:
    """Rows up of the links between two kinds."""
    kind, links = fabric.nodes.kind, fabric.links
    mine = (kind[links.src[::2]] == Kind[lower]) & (kind[links.dst[::2]] == Kind[upper])
    return 2 * np.flatnonzero(mine)


def _without(fabric: Any, *rows: int) -> np.ndarray:
    """Everything is up but these cables."""
    alive = np.ones(len(fabric.links), bool)
    for row in rows:
        alive[[row & ~1, row | 1]] = False
    return alive


def _worst(checked: Any, paths: Any) -> float:
    """How many times over the busiest resource is asked for, when every flow sends at a host port's rate."""
    load_Bps = checked.load(paths) * checked.fabric.network.rate_Bps
    used = load_Bps > 0
    return float((load_Bps[used] / checked.router.resources.capacity_Bps[used]).max())


def _digraph(checked: Any) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    capacity = checked.router.resources.capacity_Bps
    for link, (a, b) in enumerate(zip(checked.tail.tolist(), checked.head.tolist(), strict=True)):
        if capacity[link] > 0:
            graph.add_edge(a, b, key=link)
    return graph


def _node_path(checked: Any, paths: Any, flow: int) -> tuple[int, ...]:
    links = paths.resource[paths.indptr[flow] : paths.indptr[flow + 1]]
    assert (checked.head[links[:-1]] == checked.tail[links[1:]]).all()
    return (int(checked.tail[links[0]]), *checked.head[links].tolist())


@pytest.mark.parametrize(
    ("topology", "options"),
    [
        ("fat_tree", TREE),
        ("fat_tree", TREE | {"nodes": 8, "gpus": 2}),
        ("leaf_spine", {"nodes": 16, "gpus": 1, "radix": 8}),
    ],
)
def test_hashed_paths_are_all_the_shortest_paths_there_are(checked: Make, topology: str, options: dict) -> None:
    one = checked(topology, "ecmp", routing={"pxn": "never"}, scale_up={"kind": "none"}, **options)
    graph = nx.DiGraph(_digraph(one))
    last = len(one.gpus) - 1
    for dst in (1, 3, last):
        keys = np.arange(400)
        paths = one.route(np.zeros(400, int), np.full(400, dst), keys)
        found = {_node_path(one, paths, flow) for flow in range(400)}
        assert found == set(map(tuple, nx.all_shortest_paths(graph, int(one.gpus[0]), int(one.gpus[dst]))))
        assert (paths.share == 1).all()


def test_a_cut_fat_tree_still_uses_exactly_its_shortest_live_paths(checked: Make) -> None:
    fabric = checked("fat_tree", **TREE).fabric
    up, core = _links(fabric, "LEAF", "SPINE"), _links(fabric, "SPINE", "CORE")
    alive = _without(fabric, up[0], core[3], core[-1])
    one = checked(policy="ecmp", fabric=fabric, alive=alive, routing={"weighted": False})
    graph = nx.DiGraph(_digraph(one))
    for src in (0, 5):
        for dst in range(16):
            if src == dst:
                continue
            paths = one.route(np.full(200, src), np.full(200, dst), np.arange(200))
            found = {_node_path(one, paths, flow) for flow in range(200)}
            live = {tuple(p) for p in nx.all_shortest_paths(graph, int(one.gpus[src]), int(one.gpus[dst]))}
            # up and down: a way that is longer only because one link is down is no way of a folded Clos
            assert found == live


def test_parallel_cables_are_choices_of_their_own(checked: Make) -> None:
    one = checked("leaf_spine", "ecmp", nodes=16, gpus=1, radix=16)
    assert (one.fabric.by_kind["leaf"], one.fabric.by_kind["spine"]) == (2, 1)  # all eight uplinks to one spine
    paths = one.route(np.zeros(800, int), np.full(800, 15), np.arange(800))
    used = np.unique(paths.resource[paths.indptr[:-1] + 2])
    assert len(used) == 8


def test_hashes_fill_uplinks_evenly(checked: Make) -> None:
    one = checked("leaf_spine", "ecmp", nodes=64, gpus=1, radix=16)
    keys = np.arange(8000)
    load = one.load(one.route(np.zeros(8000, int), np.full(8000, 63), keys))
    uplinks = _links(one.fabric, "LEAF", "SPINE")
    mine = uplinks[one.tail[uplinks] == one.tail[uplinks[load[uplinks] > 0][0]]]
    chi2 = ((load[mine] - 1000) ** 2 / 1000).sum()
    assert chi2 < 7 + 4 * np.sqrt(14)


def test_polarised_hashes_leave_most_core_links_unused(checked: Make) -> None:
    src = np.repeat(np.arange(64), 64)
    dst = (src + 512 + np.tile(np.arange(64), 64)) % 1024
    used = {}
    for polarised in (False, True):
        one = checked(
            "fat_tree", "ecmp", nodes=1024, gpus=1, radix=16, routing={"polarised": polarised}
        )  # 8 spines a pod, 8 cores each
        load = one.load(one.route(src, dst))
        core = _links(one.fabric, "SPINE", "CORE")
        mine = core[np.isin(one.tail[core], np.unique(one.tail[core[load[core] > 0]]))]
        used[polarised] = np.count_nonzero(load[mine]) / len(mine)
    assert used[False] > 0.95
    assert used[True] < 0.2  # one core of eight above each spine


@pytest.mark.parametrize(("policy", "paths"), [("ecmp", 4), ("flowlet", 8)])
def test_queue_pairs_and_flowlets_share_a_transfer_over_hashed_paths(checked: Make, policy: str, paths: int) -> None:
    routing = {"queue_pairs": 4} if policy == "ecmp" else {"queue_pairs": 1, "flowlets": 8}
    one = checked("fat_tree", policy, routing=routing, **TREE)
    src, dst = np.arange(16), np.roll(np.arange(16), 7)
    found = one.route(src, dst)
    one.assert_flows(found, one.gpus[src], one.gpus[dst])
    counted = found.share * paths
    assert np.allclose(counted, np.round(counted))
    assert (found.share < 1).any()


def test_a_failed_uplink_is_avoided_and_weights_follow_what_is_left(checked: Make) -> None:
    fabric = checked("fat_tree", nodes=128, gpus=1, radix=8).fabric  # 4 spines a pod, 4 cores each
    core = _links(fabric, "SPINE", "CORE")
    spine = fabric.links.src[core[0]]
    mine = core[fabric.links.src[core] == spine]
    flows = 6000
    leaf = fabric.rows(Kind.LEAF)[0]
    for weighted, wanted in ((True, (2 / 4) / (3 + 2 / 4)), (False, 1 / 4)):
        one = checked(policy="ecmp", fabric=fabric, alive=_without(fabric, *mine[:2]), routing={"weighted": weighted})
        load = one.load(one.route(np.zeros(flows, int), np.full(flows, 127), np.arange(flows)))
        assert not load[mine[:2]].any()
        to_spine = (one.tail == leaf) & (one.head == spine)
        share = load[: len(to_spine)][to_spine].sum() / flows
        assert share == pytest.approx(wanted, abs=4 * np.sqrt(wanted * (1 - wanted) / flows))


def test_oblivious_spray_overloads_what_lost_links_and_weighted_does_not(checked: Make) -> None:
    fabric = checked("leaf_spine", nodes=16, gpus=1, radix=8, bundle=1).fabric  # 4 leaves, 4 spines, 4 hosts a leaf
    up = _links(fabric, "LEAF", "SPINE")
    alive = _without(fabric, up[0])
    src, dst = np.arange(4), np.arange(4) + 12
    ideal = checked(policy="spray", fabric=fabric, alive=alive)
    blind = checked(policy="spray", fabric=fabric, alive=alive, routing={"weighted": False})
    for one in (ideal, blind):
        assert _worst(one, one.route(src, dst)) == pytest.approx(4 / 3)  # four hosts, three uplinks
    blind.assert_flows(blind.route(src, dst), blind.gpus[src], blind.gpus[dst])
    # half rate on one uplink: dealt evenly, a quarter of four hosts' traffic meets half a link
    rate_x = np.ones(len(fabric.links))
    rate_x[up[0]] = 0.5
    for weighted, wanted in ((True, 4 / 3.5), (False, 2.0)):
        one = checked(policy="spray", fabric=fabric, rate_x=rate_x, routing={"weighted": weighted})
        assert _worst(one, one.route(src, dst)) == pytest.approx(wanted)


def test_oblivious_spray_over_three_tiers_is_conserved(checked: Make) -> None:
    one = checked("fat_tree", "spray", routing={"weighted": False}, **TREE)
    src, dst = np.arange(16), np.roll(np.arange(16), 9)
    one.assert_flows(one.route(src, dst), one.gpus[src], one.gpus[dst])


def test_partition_is_reported_not_raised(checked: Make) -> None:
    fabric = checked("leaf_spine", nodes=16, gpus=1, radix=8).fabric
    up = _links(fabric, "LEAF", "SPINE")
    leaf = fabric.links.src[up[0]]
    alive = _without(fabric, *up[fabric.links.src[up] == leaf])
    for policy in ("adaptive", "spray", "ecmp", "flowlet"):
        one = checked(policy=policy, fabric=fabric, alive=alive)
        paths = one.route(np.array([0, 0, 5, 5]), np.array([1, 5, 0, 9]))
        assert paths.reachable.tolist() == [True, False, False, True]
        assert np.diff(paths.indptr).tolist()[1:3] == [0, 0]


@pytest.mark.parametrize("policy", ["adaptive", "ecmp", "spray", "flowlet"])
@pytest.mark.parametrize(
    ("topology", "options"),
    [
        ("fat_tree", TREE),
        ("leaf_spine", {"nodes": 16, "radix": 32}),
        ("rail_optimised", {"nodes": 16, "unit_nodes": 4, "radix": 16}),
        ("dual_tor", {"nodes": 16, "unit_nodes": 4, "radix": 32}),
        ("multi_plane", {"nodes": 16, "gpus": 1, "planes": 2, "split": True, "radix": 8}),
    ],
)
def test_latency_is_that_of_the_tier_where_ends_meet(
    checked: Make, topology: str, options: dict[str, Any], policy: str
) -> None:
    one = checked(topology, policy, routing={"pxn": "never"}, **options)
    fabric, plan = one.fabric, one.fabric.plan
    rng = np.random.default_rng(3)
    src, dst = rng.integers(0, plan.accelerators, (2, 60))
    apart = src // plan.per_node != dst // plan.per_node
    paths = one.route(src[apart], dst[apart])
    for flow, (a, b) in enumerate(zip(src[apart], dst[apart], strict=True)):
        tier = next(i for i, unit in enumerate(fabric.locality.unit) if unit[a] == unit[b])
        wanted = fabric.network.tiers[tier].latency_s + plan.nic_latency_s
        assert paths.latency_s[flow] == pytest.approx(wanted, rel=1e-12)


def test_even_routing_of_a_permutation_fills_a_full_fat_tree_exactly(checked: Make) -> None:
    one = checked("fat_tree", "adaptive", **TREE)
    load = one.load(one.route(np.arange(16), np.roll(np.arange(16), 8))) * one.fabric.network.rate_Bps
    capacity = one.router.resources.capacity_Bps
    bundles = slice(len(one.fabric.links), None)
    assert np.allclose((load[bundles] / capacity[bundles])[load[bundles] > 0], 1.0)


def test_same_seed_same_paths_other_seed_others(checked: Make) -> None:
    src, dst = np.arange(16), np.roll(np.arange(16), 5)
    found = [checked("fat_tree", "ecmp", routing={"seed": seed}, **TREE).route(src, dst).resource for seed in (1, 1, 2)]
    assert found[0].tobytes() == found[1].tobytes() != found[2].tobytes()


@pytest.mark.parametrize(
    ("topology", "options", "clos"),
    [
        ("fat_tree", TREE, True),
        ("leaf_spine", {"nodes": 1, "gpus": 8}, True),
        ("rail_only", {"nodes": 8, "radix": 8}, True),
        ("dual_tor", {"nodes": 16, "unit_nodes": 4, "radix": 32, "planes": False}, True),
        ("jellyfish", {"nodes": 16, "gpus": 1, "routers": 8, "degree": 3}, False),
        ("dragonfly_plus", {"nodes": 32, "gpus": 1}, False),
        ("full_mesh", {"nodes": 16, "gpus": 1, "routers": 4}, False),
    ],
)
def test_folded_clos_networks_are_recognised_by_their_wiring(
    checked: Make, topology: str, options: dict[str, Any], clos: bool
) -> None:
    fabric = checked(topology, **options).fabric
    capacity_Bps, latency_s = link_state(fabric, None, None)
    assert (find_clos(fabric, switch_graph(fabric, capacity_Bps, latency_s), capacity_Bps) is not None) == clos


def test_leaves_and_spines_are_ends_as_well(checked: Make) -> None:
    for policy in ("adaptive", "ecmp"):
        one = checked("fat_tree", policy, **TREE)
        leaf, spine, core = (one.fabric.rows(kind)[0] for kind in (Kind.LEAF, Kind.SPINE, Kind.CORE))
        src = np.array([one.gpus[0], leaf, leaf, spine, core, core, leaf])
        dst = np.array([leaf, spine, core, leaf, leaf, one.gpus[15], one.gpus[15]])
        paths = one.router.route(src, dst)
        assert paths.reachable.all()
        one.assert_flows(paths, src, dst)
