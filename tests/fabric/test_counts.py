"""Counts against closed forms and published tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.fabric import Cluster, Domain, Fabric, build_fabric, load_cluster

Make = Callable[..., Fabric]


def cluster(nodes: int, system: str, topology: str, **options: Any) -> Fabric:
    scale_out = {"topology": topology, **options}
    return build_fabric(Cluster.model_validate({"nodes": nodes, "node": {"system": system}, "scale_out": scale_out}))


def cables(fabric: Fabric) -> dict[str, int]:
    return {c.name: c.cables for c in fabric.link_classes}


@pytest.mark.parametrize("k", [2, 4, 6, 8, 16])
def test_full_fat_tree_is_the_k_ary_fat_tree(make: Make, k: int) -> None:
    fabric = make("fat_tree", nodes=k**3 // 4, gpus=1, radix=k)
    assert fabric.endpoints == k**3 // 4
    assert fabric.switches == 5 * k**2 // 4
    assert (fabric.by_kind["leaf"], fabric.by_kind["spine"], fabric.by_kind["core"]) == (
        k * k // 2,
        k * k // 2,
        k * k // 4,
    )
    assert fabric.by_kind["pod"] == k
    assert fabric.cables(between_switches=True) == k**3 // 2


@pytest.mark.parametrize("k", [2, 4, 8, 32])
def test_full_leaf_spine(make: Make, k: int) -> None:
    fabric = make("leaf_spine", nodes=k * k // 2, gpus=1, radix=k)
    assert (fabric.by_kind["leaf"], fabric.by_kind["spine"]) == (k, k // 2)
    assert fabric.cables(between_switches=True) == k * k // 2


# Insights into DeepSeek-V3 (ISCA 2025, arXiv:2505.09343), table 3: endpoints, switches, links between switches.
@pytest.mark.parametrize(
    ("topology", "nodes", "gpus", "options", "endpoints", "switches", "links"),
    [
        ("leaf_spine", 2048, 1, {}, 2048, 96, 2048),
        ("rail_optimised", 2048, 8, {"planes": True}, 16384, 768, 16384),
        ("fat_tree", 65536, 1, {}, 65536, 5120, 131072),
    ],
)
def test_published_counts_at_radix_64(
    make: Make, topology: str, nodes: int, gpus: int, options: dict[str, Any], endpoints: int, switches: int, links: int
) -> None:
    fabric = make(topology, nodes=nodes, gpus=gpus, radix=64, **options)
    assert (fabric.endpoints, fabric.switches, fabric.cables(between_switches=True)) == (endpoints, switches, links)


# NVIDIA DGX SuperPOD reference architectures. H100: RA-11333 (one node short, for the fabric manager); B200 and B300:
# their tables of larger counts; A100: the scalable units of the first SuperPOD.
@pytest.mark.parametrize(
    ("nodes", "system", "options", "leaf", "spine", "core", "leaf_spine"),
    [
        (31, "dgx_h100", {}, 8, 4, 0, 256),
        (63, "dgx_h100", {}, 16, 8, 0, 512),
        (95, "dgx_h100", {}, 24, 16, 0, 768),
        (127, "dgx_h100", {}, 32, 16, 0, 1024),
        (64, "dgx_b200", {}, 16, 8, 0, 512),
        (128, "dgx_b200", {}, 32, 16, 0, 1024),
        (256, "dgx_b200", {}, 64, 32, 0, 2048),
        (512, "dgx_b200", {}, 128, 128, 64, 4096),
        (1024, "dgx_b200", {}, 256, 256, 128, 8192),
        (2048, "dgx_b200", {}, 512, 512, 256, 16384),
        (64, "dgx_b300", {"unit_nodes": 64, "switch": "nv_sn5600"}, 16, 8, 0, 512),
        (128, "dgx_b300", {"unit_nodes": 64, "switch": "nv_sn5600"}, 32, 16, 0, 1024),
        (256, "dgx_b300", {"unit_nodes": 64, "switch": "nv_sn5600"}, 64, 32, 0, 2048),
        (20, "dgx_a100", {"rate": "200Gb/s"}, 8, 4, 0, 160),
        (40, "dgx_a100", {"rate": "200Gb/s"}, 16, 10, 0, 320),
        (80, "dgx_a100", {"rate": "200Gb/s"}, 32, 20, 0, 640),
    ],
)
def test_superpods(
    nodes: int, system: str, options: dict[str, Any], leaf: int, spine: int, core: int, leaf_spine: int
) -> None:
    fabric = cluster(nodes, system, "rail_optimised", **options)
    kinds = fabric.by_kind
    assert (kinds["leaf"], kinds["spine"], kinds.get("core", 0)) == (leaf, spine, core)
    assert cables(fabric)["leaf-spine"] == leaf_spine
    assert cables(fabric)["nic-leaf"] == nodes * 8
    assert cables(fabric).get("spine-core", 0) == (leaf_spine if core else 0)


def test_llama3_cluster_is_as_published(root: Any) -> None:
    """16 GPUs a rack, 192 racks a pod, 3,072 GPUs a pod, 1:7 above; 16,384 GPUs are five pods and a third."""
    fabric = build_fabric(load_cluster(root / "examples/llama3-405b/cluster.yaml"))
    assert fabric.accelerators == 16384
    _, leaf, spine, core = fabric.locality.levels()
    assert (leaf.accelerators, spine.accelerators, spine.units) == (16, 3072, 6)
    assert spine.oversubscription == 1
    assert 6.5 < core.oversubscription <= 7


def test_nvl72_has_1296_nvlink_pairs() -> None:
    fabric = build_fabric(Cluster.model_validate({"nodes": 1, "node": {"system": "gb200_nvl72_rack"}}))
    assert fabric.cables(Domain.SCALE_UP) == 72 * 18 == 1296
    assert fabric.by_kind["scale_up_switch"] == 18


def test_dgx_nodes_have_their_nvswitches() -> None:
    counts = {}
    for system in ("dgx_a100", "dgx_h100", "hgx_h100_server", "dgx_b200", "dgx2"):
        fabric = build_fabric(Cluster.model_validate({"nodes": 1, "node": {"system": system}}))
        counts[system] = fabric.by_kind["scale_up_switch"]
    assert counts == {"dgx_a100": 6, "dgx_h100": 4, "hgx_h100_server": 4, "dgx_b200": 2, "dgx2": 12}


def test_a_partial_pod_keeps_its_spines(make: Make) -> None:
    """Radix 8 has 4 leaves of 4 hosts a pod: 20 hosts are one full pod and one leaf of a second."""
    fabric = make("fat_tree", nodes=20, gpus=1, radix=8)
    kinds = fabric.by_kind
    assert (kinds["pod"], kinds["leaf"], kinds["spine"]) == (2, 5, 8)


def test_no_tier_above_what_stands_alone(make: Make) -> None:
    one_leaf = make("fat_tree", nodes=2, gpus=1, radix=4)
    assert one_leaf.switches == 1
    one_pod = make("fat_tree", nodes=4, gpus=1, radix=4)
    assert one_pod.by_kind["pod"] == 1
    assert "core" not in one_pod.by_kind
