"""Rail-only, multi-plane and dual-ToR networks, and split ports, against papers, closed forms and maximum flows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError, InfeasibleError, WeftError
from weft.fabric import Cluster, Fabric, Kind, build_fabric, load_cluster

sys.path.insert(0, str(Path(__file__).parent))
from flows import components, max_flow_Bps

Make = Callable[..., Fabric]


def switches(fabric: Fabric) -> np.ndarray[Any, Any]:
    return np.flatnonzero(np.isin(fabric.nodes.kind, (Kind.LEAF, Kind.SPINE, Kind.CORE)))


def test_a_rail_is_one_switch_up_to_its_radix(make: Make) -> None:
    fabric = make("rail_only", nodes=64, protocol="infiniband", radix=64)
    assert (fabric.switches, fabric.cables(between_switches=True), fabric.cables()) == (8, 0, 512)
    assert components(fabric, switches(fabric)) == fabric.network.planes == 8


# Switches of rail-only networks by hand: domains of 256 GPUs, one network a rail. 128 ports a rail take 4 + 2 switches
# of radix 64 or one of 128 ports; 256 take 8 + 4, 4 + 2, or one of 256.
@pytest.mark.parametrize(
    ("gpus", "radix", "switch", "each"),
    [
        (32_768, 64, "bcm_tomahawk4", 6),
        (32_768, 128, "bcm_tomahawk5", 1),
        (65_536, 64, "bcm_tomahawk4", 12),
        (65_536, 128, "bcm_tomahawk5", 6),
        (65_536, 256, "bcm_tomahawk6", 1),
    ],
)
def test_rail_only_at_scale(make: Make, gpus: int, radix: int, switch: str, each: int) -> None:
    fabric = build_fabric(
        Cluster.model_validate(
            {
                "nodes": gpus // 256,
                "node": {
                    "accelerator": "h100_sxm",
                    "accelerators": 256,
                    "nic": "cx7",
                    "nics": 256,
                    "scale_up": {"kind": "nvswitch", "switches": 1},
                },
                "scale_out": {"topology": "rail_only", "protocol": "roce", "switch": switch, "radix": radix},
            }
        )
    )
    assert fabric.switches == 256 * each
    assert fabric.bisection_Bps == gpus // 2 * 50e9


@pytest.mark.parametrize("planes", [1, 2, 4, 8])
@pytest.mark.parametrize("radix", [8, 16, 64])
def test_full_planes_are_so_many_fat_trees(make: Make, planes: int, radix: int) -> None:
    """P planes at radix k: P k²/2 ports, 3 P k/2 switches, P k²/2 cables between switches; DeepSeek's is 8 and 64."""
    fabric = make("multi_plane", nodes=radix * radix // 2, gpus=planes, planes=planes, radix=radix)
    assert fabric.endpoints == planes * radix * radix // 2
    assert fabric.switches == 3 * planes * radix // 2
    assert fabric.cables(between_switches=True) == fabric.endpoints
    assert fabric.bisection_Bps == fabric.endpoints * 50e9 / 2
    assert components(fabric, switches(fabric)) == planes


def test_deepseek_multi_plane(root: Path) -> None:
    fabric = build_fabric(load_cluster(root / "examples/topologies/multi-plane.yaml"))
    assert (fabric.endpoints, fabric.switches, fabric.cables(between_switches=True)) == (16_384, 768, 16_384)


def test_a_split_nic_is_in_every_plane(make: Make) -> None:
    """Radix 8 at 200 Gb/s: leaves of 4 ports, 32 NICs in two tiers, each with two cables to two planes."""
    fabric = make("multi_plane", nodes=32, gpus=1, split=True, planes=2, switch="nv_sn5600", radix=8)
    nics = fabric.rows(Kind.NIC)
    assert fabric.cables() - fabric.cables(between_switches=True) == 2 * len(nics)
    assert fabric.switches == 2 * (8 + 4)
    assert fabric.network.rate_Bps == 50e9
    for nic in nics.tolist():
        leaves = fabric.node(nic).neighbors
        assert sum(view.kind == Kind.LEAF for view in leaves) == 2
    assert fabric.bisection_Bps == 16 * 50e9 == pytest.approx(max_flow_Bps(fabric))


def test_hpn_pods(root: Path) -> None:
    """SIGCOMM 2024: 1,024 GPUs a segment of 16 leaves, 15 segments a pod, 60 uplinks a leaf, cores 15:1."""
    fabric = build_fabric(load_cluster(root / "examples/topologies/dual-tor.yaml"))
    _, segment, pod, core = fabric.locality.levels()
    assert (segment.accelerators, pod.accelerators, pod.units) == (1024, 15 * 1024, 2)
    kinds = fabric.by_kind
    assert (kinds["leaf"], kinds["spine"]) == (2 * 15 * 16, 2 * 2 * 60)
    assert core.oversubscription == pytest.approx(15 * 128 * 200 / (60 * 400))


@pytest.mark.parametrize("planes", [True, False])
@pytest.mark.parametrize("rails", [1, 4])
def test_no_leaf_cuts_a_node_off(make: Make, planes: bool, rails: int) -> None:
    fabric = make("dual_tor", nodes=8, gpus=4, planes=planes, rails=rails, unit_nodes=4, switch="nv_sn5600")
    for nic in fabric.rows(Kind.NIC).tolist():
        leaves = [view.row for view in fabric.node(nic).neighbors if view.kind == Kind.LEAF]
        assert len(leaves) == 2
        above = [{v.row for v in fabric.node(leaf).neighbors if v.kind == Kind.SPINE} for leaf in leaves]
        assert above[0].isdisjoint(above[1]) == planes
    assert components(fabric, switches(fabric)) == (2 if planes else 1)


# DGX SuperPOD with DGX B300, its table: spines of 64 ports reach 128 and 256 leaves by splitting ports in 2 and 4.
@pytest.mark.parametrize(("units", "split"), [(1, 1), (4, 1), (8, 2), (16, 4)])
def test_split_uplinks_count_as_the_cables_they_are(units: int, split: int) -> None:
    scale_out = {"topology": "rail_optimised", "unit_nodes": 64, "switch": "nv_sn5600", "breakout": 4}
    fabric = build_fabric(
        Cluster.model_validate({"nodes": 64 * units, "node": {"system": "dgx_b300"}, "scale_out": scale_out})
    )
    assert (fabric.by_kind["leaf"], fabric.by_kind["spine"]) == (16 * units, 8 * units)
    (uplinks,) = [link for link in fabric.link_classes if link.name == "leaf-spine"]
    assert (uplinks.breakout, uplinks.cables, uplinks.whole_cables) == (split, 512 * units * split, 512 * units)
    assert uplinks.rate_Bps * split == 100e9
    assert fabric.bisection_Bps == 512 * units / 2 * 100e9


@settings(max_examples=40, deadline=None)
@given(
    topology=st.sampled_from(["rail_only", "multi_plane", "dual_tor"]),
    nodes=st.integers(1, 12),
    gpus=st.sampled_from([2, 4]),
    radix=st.sampled_from([4, 6, 8]),
    oversubscription=st.sampled_from([1, 2, 3]),
    flag=st.booleans(),
)
def test_ports_and_bisection(
    make: Make, topology: str, nodes: int, gpus: int, radix: int, oversubscription: float, flag: bool
) -> None:
    options: dict[str, Any] = {"multi_plane": {"split": flag}, "dual_tor": {"planes": flag}}.get(topology, {})
    if topology != "rail_only":
        options["switch"] = "nv_sn5600"
    try:
        fabric = make(topology, nodes=nodes, gpus=gpus, radix=radix, oversubscription=oversubscription, **options)
    except WeftError:
        return
    assert np.bincount(fabric.links.src, minlength=len(fabric.nodes))[switches(fabric)].max() <= radix
    assert fabric.bisection_Bps == pytest.approx(max_flow_Bps(fabric), rel=1e-9)


@pytest.mark.parametrize(
    ("topology", "options", "says"),
    [
        ("rail_only", {"rails": 3}, "scale_out.rails: 3 rails do not divide 4 NICs"),
        ("multi_plane", {"planes": 3}, "scale_out.planes: 3 planes do not divide 4 NICs"),
        ("dual_tor", {"rails": 3}, "scale_out.rails: 3 rails do not divide 4 NICs"),
        ("multi_plane", {"leaf_nodes": 99}, "scale_out.leaf_nodes: 99 nodes with 1 ports"),
        ("rail_optimised", {"breakout": 3}, "scale_out.breakout"),
        ("rail_only", {"radix": {"leaf": 999}}, "scale_out.radix"),
    ],
)
def test_refusals(make: Make, topology: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(topology, nodes=100, gpus=4, **options)
    assert says in str(caught.value)


def test_a_plane_too_large_for_its_switches(make: Make) -> None:
    with pytest.raises((ConfigError, InfeasibleError)):
        make("rail_only", nodes=1000, gpus=2, radix=8)


def test_rails_meet_in_a_scale_up_network(make: Make) -> None:
    node = {"accelerator": "h100_sxm", "accelerators": 4, "nic": "cx7", "nics": 4, "scale_up": {"kind": "none"}}
    for topology in ("rail_only", "multi_plane"):
        with pytest.raises(ConfigError, match="scale-up"):
            build_fabric(Cluster.model_validate({"nodes": 8, "node": node, "scale_out": {"topology": topology}}))
