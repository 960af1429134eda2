"""Routes inside scale-up domains, of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest

from weft.fabric import Kind

Make = Callable[..., Any]


def _pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Every accelerator to every other."""
    src, dst = np.divmod(np.arange(count * count), count)
    return src[src != dst], dst[src != dst]


@pytest.mark.parametrize(
    ("gpus", "scale_up"),
    [
        (8, {"kind": "nvswitch"}),
        (8, {"kind": "full_mesh"}),
        (8, {"kind": "pcie"}),
        (16, {"kind": "ualink", "protocol": "ualink1"}),
        (8, {"kind": "torus", "shape": [2, 4]}),
        (24, {"kind": "torus", "shape": [4, 3, 2]}),
        (12, {"kind": "chiplet", "shape": [3, 4]}),
    ],
)
def test_every_pair_of_a_domain_has_a_whole_way(checked: Make, gpus: int, scale_up: dict[str, Any]) -> None:
    one = checked("leaf_spine", nodes=2, gpus=gpus, nics=1, scale_up=scale_up)
    src, dst = _pairs(gpus)
    src, dst = src + gpus, dst + gpus  # of the second node
    paths = one.route(src, dst)
    assert paths.reachable.all()
    one.assert_flows(paths, one.gpus[src], one.gpus[dst])
    classes = {one.router.resources.link_class(row) for row in np.unique(paths.resource).tolist()}
    assert all(name.startswith("gpu-") and name != "gpu-nic" for name in classes)


@pytest.mark.parametrize("kind", ["nvswitch", "pcie", "full_mesh"])
def test_latency_is_that_of_the_domain(checked: Make, kind: str) -> None:
    one = checked(gpus=8, scale_up={"kind": kind})
    assert one.route([0, 3], [7, 3]).latency_s.tolist() == pytest.approx([one.fabric.plan.scale_up.latency_s, 0])


@pytest.mark.parametrize("shape", [[4, 4], [5, 3], [2, 2, 2], [8]])
def test_grids_are_walked_the_short_way_and_both_where_it_is_a_tie(checked: Make, shape: list[int]) -> None:
    gpus = int(np.prod(shape))
    one = checked(gpus=gpus, scale_up={"kind": "torus", "shape": shape})
    src, dst = _pairs(gpus)
    paths = one.route(src, dst)
    graph = nx.Graph(zip(one.tail.tolist(), one.head.tolist(), strict=True))
    hops = dict(nx.all_pairs_shortest_path_length(graph))
    total = np.bincount(paths.flow, paths.share)
    assert total.tolist() == [hops[a][b] for a, b in zip(one.gpus[src], one.gpus[dst], strict=True)]
    places = np.stack(np.unravel_index(src, shape)) - np.stack(np.unravel_index(dst, shape))
    ties = (2 * np.abs(places) == np.array(shape)[:, None]).any(axis=0)
    assert np.array_equal(np.bincount(paths.flow[paths.share < 1], minlength=len(src)) > 0, ties)


@pytest.mark.parametrize("sides", [4, 6])
def test_all_to_all_on_a_torus_loads_links_as_the_closed_form_says(checked: Make, sides: int) -> None:
    # k even: an accelerator sends 1 / n to each of n; a link carries k / 8 of what one accelerator sends
    one = checked(gpus=sides**2, scale_up={"kind": "torus", "shape": [sides, sides]})
    load = one.load(one.route(*_pairs(sides**2))) / sides**2
    links = len(one.fabric.links)
    assert np.allclose(load[:links], sides / 8)


def test_one_scale_up_switch_stands_for_all_of_its_domain(checked: Make) -> None:
    one = checked("leaf_spine", nodes=2)
    switch = one.fabric.rows(Kind.SCALE_UP_SWITCH)
    assert len(switch) == 8
    paths = one.router.route(
        np.array([one.gpus[0], switch[1], one.gpus[0]]), np.array([switch[2], one.gpus[3], switch[5]])
    )
    assert paths.reachable.tolist() == [True, True, False]  # another domain's switches cannot be reached
    out, back = (one.links_of(paths, flow) for flow in (0, 1))
    assert (one.tail[list(out)] == one.gpus[0]).all()
    assert set(one.head[list(out)].tolist()) == set(switch[:4].tolist())
    assert (one.head[list(back)] == one.gpus[3]).all()
    assert list(out.values()) == list(back.values()) == [0.25] * 4


def test_switched_domains_use_the_planes_that_are_left(checked: Make) -> None:
    one = checked(gpus=4, scale_up={"kind": "nvswitch", "switches": 3})
    mine = np.flatnonzero(one.tail == one.gpus[0])
    alive = np.ones(len(one.tail), bool)
    alive[mine[0]] = False
    cut = checked(fabric=one.fabric, alive=alive)
    paths = cut.route([0, 0, 1], [0, 2, 0])
    assert paths.reachable.all()
    rate_Bps = one.fabric.plan.scale_up.rate_Bps
    assert cut.router.resources.capacity_Bps[paths.resource].tolist() == pytest.approx(
        [rate_Bps * 2 / 3, rate_Bps, rate_Bps, rate_Bps]
    )
    alive[mine] = False
    paths = checked(fabric=one.fabric, alive=alive).route([0, 1], [2, 0])
    assert paths.reachable.tolist() == [False, True]


@pytest.mark.parametrize("scale_up", [{"kind": "full_mesh"}, {"kind": "torus", "shape": [4, 2]}])
def test_a_broken_link_of_a_mesh_is_gone_around(checked: Make, scale_up: dict[str, Any]) -> None:
    one = checked(gpus=8, scale_up=scale_up)
    src, dst = _pairs(8)
    alive = np.ones(len(one.tail), bool)
    alive[:2] = False
    cut = checked(fabric=one.fabric, alive=alive)
    paths = cut.route(src, dst)
    assert paths.reachable.all()
    cut.assert_flows(paths, cut.gpus[src], cut.gpus[dst])
    alive[(one.tail == one.gpus[3]) | (one.head == one.gpus[3])] = False
    paths = checked(fabric=one.fabric, alive=alive).route(src, dst)
    assert np.array_equal(paths.reachable, (src != 3) & (dst != 3))
