"""Dimension order against closed forms (Dally and Towles 2004) and graph distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest

from weft.errors import ConfigError
from weft.routing.dimension_order import DimensionOrder, Grid
from weft.routing.hashing import Hashing
from weft.routing.shortest import ShortestPaths

Make = Callable[..., Any]
GRIDS: list[dict[str, Any]] = [
    {"topology": "torus", "dims": [4, 5]},
    {"topology": "torus", "dims": [6]},
    {"topology": "torus", "dims": [2, 3, 4], "wrap": [True, False, True], "bundle": [1, 3, 2]},
    {"topology": "torus", "dims": [4, 4], "wrap": False},
    {"topology": "torus", "dims": [1, 8]},
    {"topology": "hyperx", "dims": [3, 4, 2], "bundle": 2},
    {"topology": "flattened_butterfly", "k": 4, "n": 3},
    {"topology": "full_mesh", "routers": 9},
]


def _pairs(net: Any) -> tuple[np.ndarray, np.ndarray]:
    src, dst = np.divmod(np.arange(len(net) ** 2), len(net))
    return src, dst


def _hashed(net: Any) -> DimensionOrder:
    policy = net.policy("dimension_order")
    return DimensionOrder("hashed", ShortestPaths("hashed", net.graph, Hashing(), "hashed"), policy.grid)


@pytest.mark.parametrize("options", GRIDS, ids=str)
def test_ways_are_as_short_as_the_graph_allows(direct: Make, options: dict[str, Any]) -> None:
    net = direct(**options, p=4)
    src, dst = _pairs(net)
    length = dict(nx.all_pairs_shortest_path_length(net.nx))
    truth = [length[a][b] for a, b in zip(src.tolist(), dst.tolist(), strict=True)]
    for policy in ("dimension_order", "minimal", "adaptive", _hashed(net)):
        paths = net.route(policy, src, dst)
        assert paths.reachable.all()
        net.assert_flows(paths, src, dst)
        assert np.allclose(net.hops(paths), truth)


@pytest.mark.parametrize("options", GRIDS, ids=str)
def test_a_single_path_finishes_each_dimension_before_the_next(direct: Make, options: dict[str, Any]) -> None:
    net = direct(**options, p=4)
    policy = _hashed(net)
    places = policy.grid.coordinates
    src, dst = _pairs(net)
    paths = net.route(policy, src, dst)
    assert (paths.share == 1).all()
    for flow in range(len(src)):
        at, last = int(src[flow]), 0
        for e in net.edges_of(paths, flow):
            assert net.tail[e] == at
            at = int(net.graph.head[e])
            (dimension,) = np.flatnonzero(places[at] != places[net.tail[e]])
            assert dimension >= last
            last = dimension
        assert at == dst[flow]


@pytest.mark.parametrize("k", [3, 4, 5, 8])
@pytest.mark.parametrize("policy", ["dimension_order", "adaptive"])
def test_uniform_traffic_loads_a_ring_by_an_eighth_of_its_length(direct: Make, k: int, policy: str) -> None:
    net = direct("torus", dims=[k, k], p=1)
    load = net.load(net.route(policy, *_pairs(net))) / len(net)
    assert np.allclose(load, k / 8 if k % 2 == 0 else (k * k - 1) / (8 * k))


@pytest.mark.parametrize("k", [2, 5, 8])
def test_uniform_traffic_loads_the_middle_of_a_line_most(direct: Make, k: int) -> None:
    net = direct("torus", dims=[k], wrap=False, p=1)
    load = net.load(net.route("dimension_order", *_pairs(net))) / k
    after = np.minimum(net.tail, net.graph.head) + 1  # routers on this side of each link
    assert np.allclose(load, after * (k - after) / k)


def test_tornado_fills_one_way_round_and_valiant_both(direct: Make) -> None:
    net = direct("torus", dims=[8], p=1, routing={"flowlets": 96})
    src, dst = np.arange(8), (np.arange(8) + 3) % 8
    assert net.throughput("dimension_order", src, dst) == pytest.approx(1 / 3)
    # by hand, over the six third routers, ways of four hops halved: 10 hops forward and 16 back, from each source
    load = net.load(net.route("valiant", src, dst))
    forward = (net.graph.head - net.tail) % 8 == 1
    assert load.sum() == pytest.approx(8 * 26 / 6)
    assert load[forward].mean() == pytest.approx(10 / 6, rel=0.05)
    assert load[~forward].mean() == pytest.approx(16 / 6, rel=0.05)
    assert load.max() < 2.9  # below 3, the load of the short way


def test_rotations_spread_a_transpose_that_one_order_crowds(direct: Make) -> None:
    net = direct("torus", dims=[6, 6], wrap=False, p=1)
    row, column = np.divmod(np.arange(36), 6)
    one = net.load(net.route("dimension_order", np.arange(36), column * 6 + row))
    both = net.load(net.route("minimal", np.arange(36), column * 6 + row))
    assert one.max() == pytest.approx(5)  # all that turns in a corner of the diagonal
    assert both.max() == pytest.approx(2.5)


@pytest.mark.parametrize("topology", ["torus", "hyperx"])
@pytest.mark.parametrize("policy", ["dimension_order", "minimal", "adaptive", "valiant", "ugal"])
def test_ways_that_are_broken_go_around(direct: Make, topology: str, policy: str) -> None:
    def some(fabric: Any) -> Any:
        """Four cables between routers, both ways."""
        links = fabric.links
        router = np.isin(np.arange(len(links)), [row for c in _router_cables(fabric)[::5][:4] for row in (c, c + 1)])
        return np.asarray(router)

    net = direct(topology, dims=[4, 4], p=1, cut=some)
    whole = direct(topology, dims=[4, 4], p=1)
    assert len(net.graph.head) == len(whole.graph.head) - 8
    src, dst = _pairs(net)
    paths = net.route(policy, src, dst)
    assert paths.reachable.all()
    net.assert_flows(paths, src, dst)


def _router_cables(fabric: Any) -> np.ndarray:
    first = np.arange(0, len(fabric.links), 2)
    kinds = fabric.nodes.kind
    both = (kinds[fabric.links.src[first]] == kinds[fabric.links.dst[first]]) & (kinds[fabric.links.src[first]] == 10)
    return first[both]


def test_a_grid_is_read_off_the_wiring_and_others_have_none(direct: Make) -> None:
    torus = direct("torus", dims=[2, 3, 4, 5], wrap=[True, True, False, True], p=1).policy("dimension_order").grid
    assert isinstance(torus, Grid)
    assert torus.rings.tolist() == [False, True, False, True]
    assert not torus.complete
    assert direct("hyperx", dims=[4, 4], p=1).policy("dimension_order").grid.complete
    with pytest.raises(ConfigError, match=r"routing\.policy: dimension_order needs a grid .*slim_fly choose minimal"):
        direct("slim_fly", q=5).policy("dimension_order")
