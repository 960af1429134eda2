"""Shortest paths against networkx, brute force and statistics, on random graphs with parallel and one-way links."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest

from weft.routing.hashing import Hashing, mix
from weft.routing.minimal_adaptive import MinimalAdaptive
from weft.routing.shortest import ShortestPaths

Make = Callable[..., Any]


def _random(drawn: Make, seed: int) -> Any:
    """A random graph of 3 to 20 switches; every few have one-way links, parallel links and other rates."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 21))
    m = int(rng.integers(n, 4 * n))
    tail, head = rng.integers(0, n, (2, m))
    rows = [(a, b, r) for a, b, r in zip(tail, head, rng.choice([1, 1, 2, 5], m), strict=True) if a != b]
    if seed % 3:  # both ways
        rows += [(b, a, r) for a, b, r in rows]
    return drawn(n, rows)


def _pairs(net: Any) -> tuple[np.ndarray, np.ndarray]:
    src, dst = np.divmod(np.arange(len(net) ** 2), len(net))
    return src.astype(np.int32), dst.astype(np.int32)


@pytest.mark.parametrize("seed", range(24))
def test_paths_are_shortest_whole_and_unreachable_only_where_there_is_none(drawn: Make, seed: int) -> None:
    net = _random(drawn, seed)
    src, dst = _pairs(net)
    length = dict(nx.all_pairs_shortest_path_length(net.nx))
    truth = np.array([length[a].get(b, -1) for a, b in zip(src.tolist(), dst.tolist(), strict=True)])
    for how in ("hashed", "even"):
        for weighted in (False, True):
            policy = ShortestPaths("minimal", net.graph, Hashing(), how, weighted)
            paths = net.route(policy, src, dst)
            net.assert_flows(paths, src, dst)
            assert np.array_equal(paths.reachable, truth >= 0)
            assert np.allclose(net.hops(paths), np.maximum(truth, 0))
            if how == "hashed":
                assert (paths.share == 1).all()
    assert np.array_equal(policy.hops(src, dst), truth)


@pytest.mark.parametrize("seed", range(12))
def test_even_spread_uses_all_equal_paths_and_splits_as_recursion_says(drawn: Make, seed: int) -> None:
    net = _random(drawn, seed)
    src, dst = _pairs(net)
    length = {b: nx.single_source_shortest_path_length(net.nx.reverse(), b) for b in range(len(net))}
    for weighted in (False, True):
        paths = net.route(ShortestPaths("minimal", net.graph, Hashing(), "even", weighted), src, dst)
        for flow in np.flatnonzero(paths.reachable & (src != dst)):
            a, b = int(src[flow]), int(dst[flow])
            found = net.edges_of(paths, flow)
            simple = nx.all_shortest_paths(nx.DiGraph(net.nx), a, b)
            pairs = {pair for path in simple for pair in pairwise(path)}
            assert {(net.tail[e], net.graph.head[e]) for e in found} == pairs
            wanted = _split(net, a, b, length[b], weighted)
            assert found == pytest.approx(wanted)


def _split(net: Any, a: int, b: int, to: dict[int, int], weighted: bool) -> dict[int, float]:
    """Shares of edges, straight from the definition."""
    edges = {
        v: [e for e in range(net.graph.indptr[v], net.graph.indptr[v + 1]) if to.get(net.graph.head[e]) == d - 1]
        for v, d in to.items()
    }

    @cache
    def beyond(v: int) -> float:
        return np.inf if v == b else sum(min(net.graph.rate_Bps[e], beyond(int(net.graph.head[e]))) for e in edges[v])

    amount, share = {a: 1.0}, {}
    while set(amount) != {b}:
        v = max(amount, key=lambda v: to[v])
        part = amount.pop(v)
        weight = [min(net.graph.rate_Bps[e], beyond(int(net.graph.head[e]))) if weighted else 1.0 for e in edges[v]]
        for e, w in zip(edges[v], weight, strict=True):
            share[e] = part * w / sum(weight)
            u = int(net.graph.head[e])
            amount[u] = amount.get(u, 0.0) + share[e]
    return share


def test_hashes_choose_next_hops_as_often_as_the_even_spread_says(drawn: Make) -> None:
    # 0 to 4 by 1 (two links), 2 or 3, whose link on is half as fast
    net = drawn(5, [(0, 1, 2), (0, 1, 2), (0, 2, 2), (0, 3, 2), (1, 4, 4), (2, 4, 2), (3, 4, 1)])
    flows = 20_000
    src, dst = np.zeros(flows, np.int32), np.full(flows, 4, np.int32)
    for weighted in (False, True):
        hashed = net.route(ShortestPaths("ecmp", net.graph, Hashing(), "hashed", weighted), src, dst)
        even = net.route(ShortestPaths("even", net.graph, Hashing(), "even", weighted), src[:1], dst[:1])
        counts = np.bincount(hashed.resource, minlength=len(net.graph.head))
        expected = flows * np.bincount(even.resource, even.share, minlength=len(net.graph.head))
        chi_square = ((counts - expected)[expected > 0] ** 2 / expected[expected > 0]).sum()
        assert chi_square < 20


def test_seeds_change_paths_and_nothing_else_does(direct: Make) -> None:
    net = direct("jellyfish", routers=40, degree=6, p=1, nodes=40)
    src = np.repeat(np.arange(40), 10).astype(np.int32)
    dst = ((src * 7 + 3 + np.tile(np.arange(10), 40)) % 40).astype(np.int32)
    key = mix(np.arange(400))
    first, again, other = (
        ShortestPaths("ecmp", net.graph, Hashing(seed), "hashed").between(src, dst, key) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.resource, again.resource)
    assert not np.array_equal(first.resource, other.resource)
    order = np.random.default_rng(0).permutation(400)
    mixed = ShortestPaths("ecmp", net.graph, Hashing(1), "hashed").between(src[order], dst[order], key[order])
    for at, flow in enumerate(order.tolist()):
        assert net.edges_of(mixed, at) == net.edges_of(first, flow)


def test_jellyfish_has_as_many_shortest_paths_as_networkx_counts(direct: Make) -> None:
    net = direct("jellyfish", routers=30, degree=5, p=1, nodes=30)
    src, dst = _pairs(net)
    paths = net.route("minimal", src, dst)
    for flow in range(0, len(src), 7):
        a, b = int(src[flow]), int(dst[flow])
        if a == b:
            continue
        routes = list(nx.all_shortest_paths(nx.DiGraph(net.nx), a, b))
        edges = net.edges_of(paths, flow)
        inner = nx.DiGraph([(int(net.tail[e]), int(net.graph.head[e])) for e in edges])
        assert len(list(nx.all_simple_paths(inner, a, b))) == len(routes)


def test_adaptive_is_never_worse_than_even_and_better_where_there_is_a_choice(direct: Make) -> None:
    net = direct("hyperx", dims=[6, 6, 6], p=1, nodes=216)
    better = 0
    for seed in range(4):
        src, dst = np.arange(216), np.random.default_rng(seed).permutation(216)
        even, adaptive = net.route("minimal", src, dst), net.route("adaptive", src, dst)
        net.assert_flows(adaptive, src, dst)
        assert np.allclose(net.hops(adaptive), net.hops(even))
        assert net.load(adaptive).max() <= net.load(even).max()
        better += net.load(adaptive).max() < 0.95 * net.load(even).max()
    assert better >= 3


def test_adaptive_moves_off_a_link_that_others_need(drawn: Make) -> None:
    # 0 and 1 both go to 4; 0 has the choice of 2 and 3, 1 only 2: the best is 0 over 3 alone
    net = drawn(5, [(0, 2), (0, 3), (1, 2), (2, 4), (3, 4)])
    policy = MinimalAdaptive("adaptive", ShortestPaths("adaptive", net.graph, Hashing()))
    paths = net.route(policy, [0, 1], [4, 4])
    net.assert_flows(paths, [0, 1], [4, 4])
    assert net.load(paths).max() < 1.1  # 1.5 evenly
    assert len(net.route(policy, [], [])) == 0


@pytest.mark.parametrize(("topology", "options"), [("slim_fly", {"q": 5}), ("slim_fly", {"q": 7})])
def test_slim_flies_are_two_hops_across(direct: Make, topology: str, options: dict[str, Any]) -> None:
    net = direct(topology, p=1, **options)
    src, dst = _pairs(net)
    hops = net.hops(net.route("ecmp", src, dst))
    assert hops.max() == 2
    assert nx.diameter(net.nx) == 2
