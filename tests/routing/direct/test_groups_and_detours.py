"""Minimal, Valiant and UGAL routing against what their papers and simple counts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest

Make = Callable[..., Any]
SHAPES = [
    ("dragonfly", {"p": 2, "a": 4, "h": 2, "g": 9}),
    ("dragonfly", {"p": 1, "a": 4, "h": 2, "g": 3}),  # four links between any two groups
    ("dragonfly_plus", {"p": 2, "leaves": 2, "spines": 2, "h": 2, "g": 5}),
    ("slim_fly", {"q": 5, "p": 1}),
    ("hyperx", {"dims": [4, 4], "p": 1}),
    ("torus", {"dims": [4, 3], "p": 1}),
    ("jellyfish", {"routers": 20, "degree": 4, "p": 1}),
    ("full_mesh", {"routers": 2, "p": 1}),
]


def _dragonfly(direct: Make, h: int, samples: int = 16) -> Any:
    groups = 2 * h * h + 1
    return direct("dragonfly", p=h, a=2 * h, h=h, g=groups, hosts=h, routing={"flowlets": samples})


def _global(net: Any, routers: int) -> np.ndarray:
    return net.tail // routers != net.graph.head // routers


@pytest.mark.parametrize(("topology", "options"), SHAPES, ids=str)
@pytest.mark.parametrize("policy", ["adaptive", "minimal", "spray", "ecmp", "valiant", "ugal"])
def test_all_pairs_arrive_whole_and_detours_take_two_minimal_ways_at_most(
    direct: Make, topology: str, options: dict[str, Any], policy: str
) -> None:
    net = direct(topology, **options, routing={"flowlets": 5})
    src, dst = np.divmod(np.arange(len(net) ** 2), len(net))
    some = slice(0, None, max(1, len(src) // 400))
    src, dst = src[some], dst[some]
    paths = net.route(policy, src, dst)
    assert paths.reachable.all()
    net.assert_flows(paths, src, dst)
    longest = net.hops(net.route("minimal", *np.divmod(np.arange(len(net) ** 2), len(net)))).max()
    assert net.hops(paths).max() <= 2 * longest + 1e-9


@pytest.mark.parametrize("h", [1, 2, 3])
def test_minimal_takes_the_one_link_between_two_groups(direct: Make, h: int) -> None:
    net = _dragonfly(direct, h)
    src, dst = np.divmod(np.arange(len(net) ** 2), len(net))
    far = _global(net, 2 * h)
    for policy in ("minimal", "adaptive"):
        paths = net.route(policy, src, dst)
        for flow in np.random.default_rng(1).integers(0, len(src), 100):
            edges = net.edges_of(paths, int(flow))
            assert sum(bool(far[e]) for e in edges) == (src[flow] // (2 * h) != dst[flow] // (2 * h))
            assert len(edges) <= 3


@pytest.mark.parametrize("h", [1, 2, 3, 4])
def test_minimal_carries_the_worst_pattern_at_one_link_a_group(direct: Make, h: int) -> None:
    net = _dragonfly(direct, h)
    per_group = 2 * h * h  # hosts, all of which send to the next group
    src, dst = net.by_hosts(lambda host: host + per_group)
    assert net.throughput("minimal", src, dst) == pytest.approx(1 / per_group)


def test_valiant_uses_two_global_links_and_carries_the_worst_pattern_at_about_half(direct: Make) -> None:
    h = 3
    net = _dragonfly(direct, h, samples=17)  # as many as there are third groups: each once
    src, dst = net.by_hosts(lambda host: host + 2 * h * h)
    load = net.load(net.route("valiant", src, dst))
    far = _global(net, 2 * h)
    assert load[far].sum() == pytest.approx(2 * len(src))
    # a group's link to its next carries others' traffic alone, one unit of each third group but the one before
    assert load[far].max() <= 2 * 18 / 17 + 1e-9
    assert 0.44 < 1 / load.max() <= 0.5


def test_ugal_is_near_valiant_on_the_worst_pattern_and_near_minimal_on_the_best(direct: Make) -> None:
    h = 3
    net = _dragonfly(direct, h)
    src, dst = net.by_hosts(lambda host: host + 2 * h * h)
    assert net.throughput("ugal", src, dst) > 0.42
    assert net.throughput("minimal", src, dst) == pytest.approx(1 / 18)
    few = _dragonfly(direct, h, samples=1)
    hosts = np.arange(len(net) * h)
    rng = np.random.default_rng(2)
    each = 20
    src = np.repeat(hosts, each) // h
    dst = np.concatenate([rng.permutation(hosts) for _ in range(each)]).reshape(each, -1).T.ravel() // h
    minimal, ugal = each * few.throughput("minimal", src, dst), each * few.throughput("ugal", src, dst)
    valiant = each * few.throughput("valiant", src, dst)
    assert ugal > 0.95 * minimal
    assert ugal > 1.5 * valiant
    # with few flows, the minimal way stays the rule
    mean = few.hops(few.route("ugal", src, dst)).mean()
    assert mean < 1.1 * few.hops(few.route("minimal", src, dst)).mean()


def test_an_idle_network_is_crossed_the_minimal_way(direct: Make) -> None:
    net = _dragonfly(direct, 2, samples=1)
    src, dst = np.arange(1, len(net)), np.zeros(len(net) - 1, int)
    for flow in range(0, len(src), 5):
        one = net.route("ugal", src[flow : flow + 1], dst[flow : flow + 1])
        assert net.hops(one) == net.hops(net.route("minimal", src[flow : flow + 1], dst[flow : flow + 1]))


@pytest.mark.parametrize(("topology", "options"), [("slim_fly", {"q": 5}), ("hyperx", {"dims": [8, 8]})])
def test_the_worst_permutation_is_carried_better_by_detours(direct: Make, topology: str, options: Any) -> None:
    p = 4
    net = direct(topology, **options, p=p, hosts=p, nodes=8)
    if topology == "hyperx":  # all hosts of a router send to the next router of its line, over one link
        src, dst = net.by_hosts(lambda host: host // (8 * p) * 8 * p + (host + p) % (8 * p))
        crowd = p
    else:  # a neighbour of 0 sends to u and 0 to a neighbour of u, both over 0 -> u
        u = int(net.graph.head[0])
        before = next(v for v in net.nx.predecessors(0) if v != u)
        after = next(v for v in net.nx.successors(u) if v != 0)
        src, dst = np.repeat([before, 0], p), np.repeat([u, after], p)
        crowd = 2 * p
    minimal = net.throughput("minimal", src, dst)
    assert minimal == pytest.approx(1 / crowd)
    assert net.throughput("valiant", src, dst) > 1.2 * minimal
    assert net.throughput("ugal", src, dst) > 1.5 * minimal


def test_failed_links_between_groups_leave_the_others_and_then_third_groups(direct: Make) -> None:
    def between_first_groups(left: int) -> Callable[[Any], Any]:
        def cut(fabric: Any) -> Any:
            place = np.full(len(fabric.nodes), -1)
            place[np.flatnonzero(fabric.nodes.kind == 10)] = fabric.network.coordinates[:, 0]
            ends = np.sort(np.stack([place[fabric.links.src], place[fabric.links.dst]]), axis=0)
            rows = np.flatnonzero((ends[0] == 0) & (ends[1] == 1))
            return np.isin(np.arange(len(fabric.links)), rows[2 * left :])

        return cut

    src, dst = np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7])
    for left, links in ((4, 4), (1, 1), (0, 2)):
        net = direct("dragonfly", p=1, a=4, h=2, g=3, cut=between_first_groups(left))
        far = _global(net, 4)
        paths = net.route("minimal", src, dst)
        assert paths.reachable.all()
        net.assert_flows(paths, src, dst)
        assert all(
            np.isclose(sum(s for e, s in net.edges_of(paths, f).items() if far[e]), 1 if left else 2) for f in range(4)
        )
        used = {e for f in range(4) for e in net.edges_of(paths, f) if far[e]}
        assert len(used) == links if left else len(used) >= links
        for policy in ("valiant", "ugal", "ecmp"):
            net.assert_flows(net.route(policy, src, dst), src, dst)


def test_what_is_cut_off_is_said_to_be(direct: Make) -> None:
    def router_0(fabric: Any) -> Any:
        row = int(np.flatnonzero(fabric.nodes.kind == 10)[0])
        return (fabric.links.src == row) | (fabric.links.dst == row)

    for topology, options in SHAPES[:6:5]:
        net = direct(topology, **options, cut=router_0)
        for policy in ("adaptive", "minimal", "ecmp", "valiant", "ugal"):
            paths = net.route(policy, [0, 1, 2, 3], [1, 0, 3, 3])
            assert paths.reachable.tolist() == [False, False, True, True]
            net.assert_flows(paths, [0, 1, 2, 3], [1, 0, 3, 3])


def test_the_same_seed_gives_the_same_bytes(direct: Make) -> None:
    src, dst = np.arange(36), np.roll(np.arange(36), 7)
    for policy in ("valiant", "ugal"):
        first, again = (direct("dragonfly", p=2, a=4, h=2, g=9).route(policy, src, dst) for _ in range(2))
        assert first.resource.tobytes() == again.resource.tobytes()
        assert first.share.tobytes() == again.share.tobytes()
        other = direct("dragonfly", p=2, a=4, h=2, g=9, routing={"seed": 5}).route(policy, src, dst)
        assert other.resource.tobytes() != first.resource.tobytes()


def test_diameters_hold(direct: Make) -> None:
    for topology, options in SHAPES[3:5]:
        net = direct(topology, **options)
        src, dst = np.divmod(np.arange(len(net) ** 2), len(net))
        assert net.hops(net.route("minimal", src, dst)).max() == pytest.approx(nx.diameter(net.nx))
