"""Blanks are filled from the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weft.fabric import Cluster, Fabric, build_fabric, load_cluster
from weft.fabric.plan import resolve


def plan(node: dict[str, Any], **more: Any) -> Any:
    return resolve(Cluster.model_validate({"nodes": 2, "node": node, "scale_out": {"topology": "leaf_spine"}, **more}))


@pytest.mark.parametrize(
    ("node", "gpus", "nic", "nics", "kind", "protocol"),
    [
        ({"system": "dgx_h100"}, 8, "cx7", 8, "nvswitch", "nvlink4"),
        ({"system": "dgx_a100"}, 8, "cx6", 8, "nvswitch", "nvlink3"),
        ({"system": "dgx1_v100"}, 8, "cx4", 4, "full_mesh", "nvlink2"),
        ({"system": "dgx2"}, 16, "cx5", 8, "nvswitch", "nvlink2"),
        ({"system": "dgx_b300"}, 8, "cx8", 8, "nvswitch", "nvlink5"),
        ({"system": "gb200_nvl72_rack"}, 72, "cx7", 72, "nvswitch", "nvlink5"),
        ({"system": "gb300_nvl72_rack"}, 72, "cx8", 72, "nvswitch", "nvlink5"),
        ({"system": "vr_nvl72_rack"}, 72, "cx9", 144, "nvswitch", "nvlink6"),
        ({"system": "l40s_server"}, 8, "cx6", 2, "pcie", "pcie4"),
        ({"system": "cloudmatrix384"}, 384, "cx7", 384, "nvswitch", "huawei_ub"),
        ({"accelerator": "v100_sxm2_16"}, 8, "cx5", 4, "full_mesh", "nvlink2"),
        ({"accelerator": "a100_pcie_80"}, 2, "cx5", 2, "full_mesh", "nvlink3"),
        ({"accelerator": "a100_pcie_80", "accelerators": 8}, 8, "cx5", 8, "pcie", "pcie4"),
        ({"system": "mi300x_platform"}, 8, "cx7", 8, "full_mesh", "xgmi_mi300"),
        ({"accelerator": "h100_sxm"}, 8, "cx7", 8, "nvswitch", "nvlink4"),
        ({"accelerator": "h100_sxm", "accelerators": 4}, 4, "cx7", 4, "nvswitch", "nvlink4"),
        ({"accelerator": "h100_sxm", "accelerators": 1}, 1, "cx7", 1, "none", "nvlink4"),
        ({"system": "dgx_h100", "nic": "aws_efav2"}, 8, "aws_efav2", 32, "nvswitch", "nvlink4"),
        ({"system": "dgx_h100", "nic": "cx7", "nics": 4}, 8, "cx7", 4, "nvswitch", "nvlink4"),
    ],
)
def test_node_defaults(node: dict[str, Any], gpus: int, nic: str, nics: int, kind: str, protocol: str) -> None:
    filled = plan(node)
    assert (filled.per_node, filled.nic.id, filled.nics) == (gpus, nic, nics)
    assert (filled.scale_up.kind, filled.scale_up.protocol) == (kind, protocol)


def test_what_is_written_wins() -> None:
    scale_up = {"kind": "pcie", "rate": "25GB/s", "protocol": "pcie4", "in_network_reduction": False}
    filled = plan({"system": "dgx_h100", "scale_up": scale_up})
    assert (filled.scale_up.kind, filled.scale_up.protocol, filled.scale_up.rate_Bps) == ("pcie", "pcie4", 25e9)
    assert plan({"system": "dgx_h100"}).scale_up.reduces
    assert not plan({"system": "dgx_a100"}).scale_up.reduces
    assert not plan({"system": "dgx_h100", "scale_up": {"in_network_reduction": False}}).scale_up.reduces


@pytest.mark.parametrize("kind", ["nvswitch", "full_mesh", "pcie"])
def test_scale_up_links_carry_the_accelerators_bandwidth(kind: str) -> None:
    node = {"accelerator": "h100_sxm", "accelerators": 8, "scale_up": {"kind": kind, "rate": "450GB/s"}}
    fabric = build_fabric(Cluster.model_validate({"nodes": 1, "node": node}))
    for view in (fabric.node("host0/gpu0"), fabric.node("host0/gpu7")):
        assert sum(link.link_class.rate_Bps for link in view.links) == pytest.approx(450e9)


def test_defaults_of_switch_and_protocol_follow_each_other() -> None:
    def network(**options: Any) -> Fabric:
        scale_out = {"topology": "leaf_spine", **options}
        return build_fabric(
            Cluster.model_validate({"nodes": 64, "node": {"system": "dgx_h100"}, "scale_out": scale_out})
        )

    def leaf(fabric: Fabric) -> str:
        part = fabric.node("leaf0").part
        return part.id if part else ""

    assert (network().network.protocol, leaf(network())) == ("eth_400g", "arista_7060x6_64pe")
    infiniband = network(protocol="infiniband")
    assert (infiniband.network.protocol, leaf(infiniband)) == ("ib_ndr", "nv_qm9700")
    assert network(switch="nv_qm9700").network.protocol == "ib_ndr"
    assert network(switch="nv_sn5600").network.protocol == "eth_400g"
    assert network(protocol="infiniband", rate="200Gb/s").network.protocol == "ib_hdr"
    assert network(protocol="ultra_ethernet_1_0").network.protocol == "ultra_ethernet_1_0"


def test_media_follow_length_and_rate() -> None:
    def media(**options: Any) -> dict[str, int]:
        scale_out = {"topology": "leaf_spine", **options}
        spec = {"nodes": 64, "node": {"system": "dgx_h100"}, "scale_out": scale_out}
        return build_fabric(Cluster.model_validate(spec)).by_medium

    assert "dac_400g_qsfpdd_50g_pam4" in media()
    assert "dac_400g_qsfpdd_50g_pam4" not in media(length={"leaf": "4m"})
    assert "optic_400g_dr4_dsp" in media(length={"spine": "300m"})
    assert set(media(medium="lpo_400g_dr4")) == {"lpo_400g_dr4"}
    assert "aec_400g_50g_pam4" in media(medium={"leaf": "aec_400g_50g_pam4"})


def test_overlays_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "parts.yaml").write_text(
        "kind: switches\nparts:\n- {id: mine, name: Mine, ports: 16x400G, protocol: ethernet}\n"
    )
    (tmp_path / "cluster.yaml").write_text(
        "nodes: 2\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine, switch: mine}\ncatalog: [parts.yaml]\n"
    )
    fabric = build_fabric(load_cluster(tmp_path / "cluster.yaml"))
    assert fabric.by_kind["leaf"] == 2


@pytest.mark.parametrize("name", ["llama3-405b", "dgx-h100-superpod", "small", "gb200-nvl72", "dgx-a100"])
def test_examples_build(root: Path, name: str) -> None:
    fabric = build_fabric(load_cluster(root / "examples" / name / "cluster.yaml"))
    assert fabric.name == name
    assert fabric.group(range(fabric.accelerators)).levels[-1].ranks == fabric.accelerators
