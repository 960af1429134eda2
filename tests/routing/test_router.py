"""From host to host: rails, planes, sides, several NICs, wrong input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError
from weft.fabric import Domain, Kind
from weft.fabric.routing_options import Routing
from weft.routing.router import make_router

Make = Callable[..., Any]


def _kinds(one: Any, paths: Any, flow: int) -> list[str]:
    """Link classes along a path."""
    rows = paths.resource[paths.indptr[flow] : paths.indptr[flow + 1]]
    return [one.router.resources.link_class(int(row)) for row in rows]


def _dead(one: Any, *nodes: int) -> np.ndarray:
    """All links of some nodes are down."""
    return ~(np.isin(one.tail, nodes) | np.isin(one.head, nodes))


@pytest.mark.parametrize("topology", ["rail_only", "rail_optimised", "multi_plane"])
@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_every_gpu_is_reached_by_a_change_of_rails(checked: Make, topology: str, policy: str) -> None:
    one = checked(topology, policy, nodes=4)
    src = np.repeat(np.arange(8), 32)
    dst = np.tile(np.arange(32), 8)
    paths = one.route(src, dst)
    assert paths.reachable.all()
    one.assert_flows(paths, one.gpus[src], one.gpus[dst])
    for flow in np.flatnonzero(dst // 8 != src // 8):
        names = _kinds(one, paths, int(flow))
        same_rail = src[flow] % 8 == dst[flow] % 8
        assert names.count("gpu-scaleup") == (0 if same_rail else 2)
        assert names.count("leaf-spine") == 0


def test_pxn_never_goes_over_the_spines_or_nowhere_and_always_changes_rails(checked: Make) -> None:
    src, dst = np.array([0, 0]), np.array([8, 9])
    spined = {"nodes": 4, "unit_nodes": 2, "radix": 16}
    over = checked("rail_optimised", routing={"pxn": "never"}, **spined).route(src, dst)
    assert over.reachable.all()
    one = checked("rail_optimised", routing={"pxn": "never"}, **spined)
    assert _kinds(one, one.route(src, dst), 1).count("leaf-spine") == 2
    nowhere = checked("rail_only", routing={"pxn": "never"}, nodes=4).route(src, dst)
    assert nowhere.reachable.tolist() == [True, False]
    flat = checked("leaf_spine", routing={"pxn": "always"}, nodes=4)
    assert _kinds(flat, flat.route(src, dst), 1).count("gpu-scaleup") == 2
    assert _kinds(flat, flat.route(src, dst), 0).count("gpu-scaleup") == 0
    auto = checked("leaf_spine", nodes=4)  # all NICs of a node on one leaf: a change saves nothing
    assert "gpu-scaleup" not in _kinds(auto, auto.route(src, dst), 1)


def test_a_dead_nic_is_gone_around_over_nvlink(checked: Make) -> None:
    one = checked("rail_optimised", nodes=4)
    nic = one.fabric.rows(Kind.NIC)[0]
    cut = checked(fabric=one.fabric, alive=_dead(one, nic))
    paths = cut.route([0, 0, 9, 8], [9, 8, 0, 9])
    # out by the destination's rail; its own rail, and the way in, are cut off
    assert paths.reachable.tolist() == [True, False, False, True]


def test_both_ports_of_a_dual_homed_nic_carry_half_and_the_other_all_after_a_failure(checked: Make) -> None:
    one = checked("dual_tor", nodes=8, unit_nodes=4, radix=32)
    src, dst = np.array([0, 0]), np.array([8, 56])
    paths = one.route(src, dst)
    one.assert_flows(paths, one.gpus[src], one.gpus[dst])
    nic = one.fabric.rows(Kind.NIC)[0]
    shares = one.load(paths)[: len(one.tail)][(one.tail == nic) & (one.fabric.links.domain == Domain.SCALE_OUT)]
    assert shares.tolist() == [1.0, 1.0]  # two flows, half of each on each port
    leaf = one.head[(one.tail == nic) & (one.fabric.links.domain == Domain.SCALE_OUT)][0]
    cut = checked(fabric=one.fabric, alive=_dead(one, int(leaf)))
    paths = cut.route(src, dst)
    assert paths.reachable.all()
    cut.assert_flows(paths, cut.gpus[src], cut.gpus[dst])
    hashed = checked(policy="ecmp", fabric=one.fabric)
    keys = np.arange(1000)
    sides = hashed.load(hashed.route(np.zeros(1000, int), np.full(1000, 56), keys))[: len(one.tail)]
    sides = sides[(one.tail == nic) & (one.fabric.links.domain == Domain.SCALE_OUT)]
    assert sides.sum() == 1000
    assert abs(sides[0] - 500) < 4 * np.sqrt(250)


def test_planes_of_split_nics_that_are_cut_leave_their_part_to_the_others(checked: Make) -> None:
    one = checked("multi_plane", nodes=16, gpus=1, planes=4, split=True, radix=8)
    nic = one.fabric.rows(Kind.NIC)[3]
    up = np.flatnonzero((one.tail == nic) & (one.fabric.links.domain == Domain.SCALE_OUT))
    alive = np.ones(len(one.tail), bool)
    alive[up[1]] = alive[up[1] ^ 1] = False
    cut = checked(fabric=one.fabric, alive=alive)
    paths = cut.route([0, 3], [3, 15])
    cut.assert_flows(paths, cut.gpus[[0, 3]], cut.gpus[[3, 15]])
    load = cut.load(paths)
    assert load[up].tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    assert load[up ^ 1].tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])


@pytest.mark.parametrize(("gpus", "nics"), [(8, 4), (8, 2), (4, 8), (2, 8), (8, 1)])
@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_accelerators_share_nics_or_have_several(checked: Make, gpus: int, nics: int, policy: str) -> None:
    one = checked("leaf_spine", policy, nodes=4, gpus=gpus, nics=nics, routing={"queue_pairs": 3})
    src = np.arange(gpus)
    dst = src + 2 * gpus
    paths = one.route(src, dst)
    one.assert_flows(paths, one.gpus[src], one.gpus[dst])
    load = one.load(paths)[: len(one.tail)]
    up = (one.fabric.nodes.kind[one.tail] == Kind.NIC) & (one.fabric.links.domain == Domain.SCALE_OUT)
    assert np.allclose(load[up & (load > 0)], gpus / nics)


def test_accelerators_without_network_or_scale_up_cannot_reach_each_other(checked: Make) -> None:
    assert checked(gpus=2, scale_up={"kind": "none"}).route([0, 0], [1, 0]).reachable.tolist() == [False, True]
    assert checked(gpus=2).route([0], [1]).reachable.all()


def test_an_empty_batch_is_no_trouble(checked: Make) -> None:
    assert len(checked("leaf_spine", nodes=4).route(np.empty(0, int), np.empty(0, int))) == 0


def test_wrong_input_is_said_in_one_line(checked: Make) -> None:
    one = checked("leaf_spine", nodes=4)
    host = int(one.fabric.rows(Kind.HOST)[0])
    for src, dst, says in (
        ([host], [0], "host0 is neither"),
        ([-1], [0], "node rows are 0"),
        ([10**6], [0], "node rows are 0"),
        ([0.5], [0], "list of node rows"),
        (one.gpus[:2], [1], "do not match"),
    ):
        with pytest.raises(ConfigError, match=says):
            one.router.route(np.array(src), np.array(dst) + one.gpus[0])
    with pytest.raises(ConfigError, match="one value a link"):
        make_router(one.fabric, alive=np.ones(3, bool))
    with pytest.raises(ConfigError, match="0 or above"):
        make_router(one.fabric, rate_x=-np.ones(len(one.tail)))
    with pytest.raises(ConfigError, match=r"routing\.policy.*direct networks"):
        make_router(one.fabric, Routing(policy="valiant"))
    with pytest.raises(ConfigError, match=r"routing\.paths"):
        make_router(one.fabric, Routing(policy="static"))


def test_bundles_and_links_have_names_for_people(checked: Make) -> None:
    one = checked("fat_tree", nodes=16, gpus=1, radix=4)
    resources = one.router.resources
    paths = one.route([0], [15])
    assert [resources.name(int(row)) for row in paths.resource] == [
        "pod0/host0/gpu0 -> pod0/host0/nic0",
        "pod0/host0/nic0 -> pod0/leaf0",
        "pod0/leaf0 -> pod0/spine",
        "pod0/spine -> core",
        "core -> pod3/spine",
        "pod3/spine -> pod3/leaf1",
        "pod3/leaf1 -> pod3/host3/nic0",
        "pod3/host3/nic0 -> pod3/host3/gpu0",
    ]
    assert resources.link_class(int(paths.resource[3])) == "spine-core"
    with pytest.raises(ConfigError):
        resources.name(len(resources))


def test_bundles_are_numbered_alike_whatever_has_failed(checked: Make) -> None:
    one = checked("fat_tree", nodes=16, gpus=1, radix=4)
    cut = checked(fabric=one.fabric, alive=_dead(one, int(one.fabric.rows(Kind.SPINE)[0])))
    assert np.array_equal(one.router.resources.member, cut.router.resources.member)
    assert np.array_equal(one.router.resources.indptr, cut.router.resources.indptr)
    resources = cut.router.resources
    for row in range(resources.links, len(resources)):
        assert resources.capacity_Bps[row] == pytest.approx(resources.capacity_Bps[resources.links_of(row)].sum())
