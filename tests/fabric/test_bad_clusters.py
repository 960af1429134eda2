"""What cannot be is refused in one line that names the field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weft.errors import ConfigError, InfeasibleError, UnknownName, WeftError
from weft.fabric import Cluster, build_fabric, load_cluster, topologies

H100 = {"system": "dgx_h100"}
ONE = {"accelerator": "h100_sxm", "accelerators": 1}


@pytest.mark.parametrize(
    ("node", "scale_out", "error", "says"),
    [
        (
            {"system": "dgx_h10"},
            None,
            UnknownName,
            "node.system: unknown part in systems 'dgx_h10'; did you mean 'dgx_h100'",
        ),
        ({"accelerator": "h100"}, None, UnknownName, "node.accelerator"),
        ({}, None, ConfigError, "node.accelerator: name one"),
        ({"system": "llama3_16k"}, None, ConfigError, "node.system: llama3_16k is a cluster of 16384"),
        ({"system": "cluster_100k_h100"}, None, ConfigError, "node.accelerator"),
        ({**H100, "nic": "cx77"}, {"topology": "leaf_spine"}, UnknownName, "node.nic"),
        ({**H100, "nics": 0}, {"topology": "leaf_spine"}, ConfigError, "node.nics"),
        ({**H100, "scale_up": {"protocol": "nvlink44"}}, None, UnknownName, "node.scale_up.protocol"),
        ({**H100, "scale_up": {"switch": "nvswitch33"}}, None, UnknownName, "node.scale_up.switch"),
        (H100, None, ConfigError, "scale_out: 2 nodes need a network"),
        (H100, {}, ConfigError, "name a topology: dragonfly, "),
        (H100, {"radix": 4}, ConfigError, "name a topology: dragonfly, "),
        (H100, {"topology": 7}, ConfigError, "scale_out.topology"),
        (H100, {"topology": "leafspine"}, UnknownName, "did you mean 'leaf_spine'"),
        (H100, {"topology": "__init__"}, UnknownName, "scale_out.topology"),
        (
            H100,
            {"topology": "leaf_spine", "raddix": 4},
            ConfigError,
            "scale_out.raddix: unknown field; did you mean 'radix'",
        ),
        (H100, {"topology": "leaf_spine", "radix": 1}, ConfigError, "scale_out.radix"),
        (H100, {"topology": "leaf_spine", "radix": -4}, ConfigError, "scale_out.radix"),
        (H100, {"topology": "leaf_spine", "radix": "many"}, ConfigError, "scale_out.radix"),
        (H100, {"topology": "leaf_spine", "radix": {"lef": 4}}, ConfigError, "scale_out.radix"),
        (H100, {"topology": "leaf_spine", "radix": 4096}, ConfigError, "128 ports of 400 Gb/s, 4096 were asked"),
        (H100, {"topology": "leaf_spine", "oversubscription": 0.5}, ConfigError, "scale_out.oversubscription"),
        (H100, {"topology": "leaf_spine", "rate": "400G"}, ConfigError, "does not say bits or bytes"),
        (H100, {"topology": "leaf_spine", "rate": "-1Gb/s"}, ConfigError, "negative"),
        (H100, {"topology": "leaf_spine", "rate": "0Gb/s"}, ConfigError, "scale_out.rate"),
        (H100, {"topology": "leaf_spine", "rate": "800Gb/s"}, ConfigError, "scale_out.rate: 800 Gb/s is more than"),
        (H100, {"topology": "leaf_spine", "switch": "qm9700"}, UnknownName, "did you mean 'nv_qm9700'"),
        (H100, {"topology": "leaf_spine", "switch": "nv_qm8700"}, ConfigError, "too slow for 400 Gb/s"),
        (H100, {"topology": "leaf_spine", "switch": "astera_scorpio_x"}, ConfigError, "scale_out.radix"),
        (H100, {"topology": "leaf_spine", "protocol": "rocee"}, UnknownName, "did you mean 'roce'"),
        (H100, {"topology": "leaf_spine", "medium": "dac"}, UnknownName, "scale_out.medium"),
        (
            H100,
            {"topology": "leaf_spine", "medium": "dac_400g_qsfpdd_50g_pam4", "length": "30m"},
            InfeasibleError,
            "reaches 3 m",
        ),
        (H100, {"topology": "leaf_spine", "length": "900km"}, InfeasibleError, "set scale_out.medium"),
        (H100, {"topology": "leaf_spine", "leaf_nodes": 99}, ConfigError, "at most 16 nodes fit"),
        (H100, {"topology": "fat_tree", "leaf_nodes": 2, "pod_nodes": 3}, ConfigError, "scale_out.pod_nodes"),
        (
            H100,
            {"topology": "rail_optimised", "rails": 3},
            ConfigError,
            "scale_out.rails: 3 rails do not divide 8 NICs",
        ),
        (H100, {"topology": "rail_optimised", "tiers": 4}, ConfigError, "scale_out.tiers"),
        (H100, {"topology": "none"}, ConfigError, "2 nodes need a network"),
    ],
)
def test_refused(node: dict[str, Any], scale_out: dict[str, Any] | None, error: type[WeftError], says: str) -> None:
    with pytest.raises(error) as caught:
        build_fabric(Cluster.model_validate({"nodes": 2, "node": node, "scale_out": scale_out}))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "scale_out", "error", "says"),
    [
        (33, {"topology": "leaf_spine", "radix": 8}, ConfigError, "scale_out.radix: a spine switch needs 9 ports"),
        (33, {"topology": "leaf_spine", "radix": 8}, ConfigError, "use fat_tree"),
        (129, {"topology": "fat_tree", "radix": 8}, ConfigError, "scale_out.radix: a core switch needs 9 ports"),
        (200, {"topology": "fat_tree", "radix": 8, "pod_nodes": 40}, ConfigError, "scale_out.radix"),
        (16, {"topology": "leaf_spine", "radix": 8, "bundle": 3}, ConfigError, "scale_out.bundle"),
        (8193, {"topology": "leaf_spine"}, InfeasibleError, "scale_out.switch: a spine switch needs 129 ports"),
        (3_000_000, {"topology": "rail_optimised"}, InfeasibleError, "scale_out.switch"),
    ],
)
def test_too_large_says_what_it_needs(nodes: int, scale_out: dict[str, Any], error: type[WeftError], says: str) -> None:
    with pytest.raises(error) as caught:
        build_fabric(Cluster.model_validate({"nodes": nodes, "node": ONE, "scale_out": scale_out}))
    assert says in str(caught.value)


def test_more_accelerators_than_weft_builds() -> None:
    spec = {"nodes": 4_000_000, "node": H100, "scale_out": {"topology": "fat_tree"}}
    with pytest.raises(InfeasibleError, match="more than the 4,000,000"):
        build_fabric(Cluster.model_validate(spec))


@pytest.mark.parametrize(
    "node",
    [
        {"accelerator": "h100_sxm", "accelerators": 100_000, "scale_up": {"kind": "full_mesh"}},
        {"accelerator": "h100_sxm", "accelerators": 1, "nics": 1024},
        {"accelerator": "h100_sxm", "accelerators": 1000, "scale_up": {"kind": "nvswitch", "switches": 10_000}},
    ],
)
def test_more_cables_than_weft_builds_are_refused_before_memory_is(node: dict[str, Any]) -> None:
    spec = {"nodes": 100_000 if node.get("nics") else 30, "node": node, "scale_out": {"topology": "fat_tree"}}
    with pytest.raises(InfeasibleError, match="cables are more than"):
        build_fabric(Cluster.model_validate(spec))


def test_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("nodes: 2\nnode:\n  sytem: dgx_h100\n")
    with pytest.raises(ConfigError) as caught:
        load_cluster(path)
    assert f"{path}:3: node.sytem: unknown field; did you mean 'system'?" in str(caught.value)


def test_what_shows_only_when_building_is_located_too(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("nodes: 2\nnode: {system: dgx_h100}\nscale_out:\n  topology: fat_tree\n  radix: 4096\n")
    with pytest.raises(ConfigError) as caught:
        build_fabric(load_cluster(path))
    assert str(caught.value).startswith(f"{path}:5: scale_out.radix: ")


@pytest.fixture
def ring_topology(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more topology, as one file dropped beside the others."""
    (tmp_path / "ring_of_one.py").write_text(
        """
from weft.fabric.topologies import leaf_spine

class Options(leaf_spine.Options):
    pass

def build(plan, options, graph, ports):
    return leaf_spine.build(plan, options, graph, ports)
"""
    )
    monkeypatch.setattr(topologies, "__path__", [*topologies.__path__, str(tmp_path)])
    yield


@pytest.mark.usefixtures("ring_topology")
def test_a_new_topology_is_one_file() -> None:
    assert "ring_of_one" in topologies.names()
    spec = {"nodes": 4, "node": H100, "scale_out": {"topology": "ring-of-one"}}
    assert build_fabric(Cluster.model_validate(spec)).by_kind["leaf"] == 1
