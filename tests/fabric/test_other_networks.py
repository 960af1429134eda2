"""Front-end and storage networks: beside the compute network, never mixed with it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from weft.economics import bill_of_materials
from weft.errors import ConfigError, InfeasibleError, WeftError
from weft.fabric import Cluster, Domain, Fabric, Kind, build_fabric


def build(nodes: int = 16, **networks: Any) -> Fabric:
    scale_out = {"topology": "rail_optimised"}
    return build_fabric(
        Cluster.model_validate({"nodes": nodes, "node": {"system": "dgx_h100"}, "scale_out": scale_out, **networks})
    )


BOTH = {
    "front_end": {"topology": "leaf_spine", "nics": 1, "rate": "200Gb/s"},
    "storage": {"topology": "fat_tree", "nics": 2, "nic": "cx7", "servers": 10},
}


def test_the_compute_network_is_as_without_them() -> None:
    alone, both = build(), build(**BOTH)
    assert both.by_kind == alone.by_kind
    for name in ("endpoints", "switches", "bisection_Bps", "by_medium"):
        assert getattr(both, name) == getattr(alone, name)
    assert both.cables() == alone.cables()
    assert both.group(range(64)) == alone.group(range(64))


def test_counts_of_each() -> None:
    front, storage = build(**BOTH).others
    assert (front.endpoints, front.servers) == (16, 0)
    assert (storage.endpoints, storage.servers) == (2 * 16 + 2 * 10, 10)
    fabric = build(**BOTH)
    for other in (front, storage):
        hosts = [c for c in fabric.link_classes if c.domain == other.domain and c.name == "nic-leaf"]
        assert sum(c.cables for c in hosts) == other.endpoints


def test_no_cable_joins_two_networks() -> None:
    fabric = build(**BOTH)
    bounds = [other.rows[0] for other in fabric.others]
    network = np.searchsorted(bounds, np.arange(len(fabric.nodes)), side="right")
    src, dst = fabric.links.src, fabric.links.dst
    assert (network[src] == network[dst]).all()
    domains = {0: {Domain.SCALE_UP, Domain.HOST, Domain.SCALE_OUT}, 1: {Domain.FRONT_END}, 2: {Domain.STORAGE}}
    for number, allowed in domains.items():
        assert set(np.unique(fabric.links.domain[network[src] == number])) == allowed


def test_names_tell_the_networks_apart() -> None:
    fabric = build(**BOTH)
    leaf = fabric.node("storage0/pod0/leaf0")
    assert leaf.kind == Kind.LEAF
    assert fabric.node("frontend0/leaf0").row != leaf.row != fabric.node("unit0/leaf0").row
    assert fabric.node("unit0/host3/nic9").neighbors[0].name.startswith("storage0/")
    assert fabric.node("storage0/server9/nic1").kind == Kind.NIC
    assert len({fabric.node_name(row) for row in range(len(fabric.nodes))}) == len(fabric.nodes)


def test_each_has_its_lines_in_the_bill() -> None:
    bill = bill_of_materials(build(**BOTH))
    alone = bill_of_materials(build())
    nics = {line.domain: (line.part, line.count) for line in bill.lines if line.kind == "nic"}
    assert nics == {"scale-out": ("cx7", 128), "front-end": ("bf3_dpu", 16), "storage": ("cx7", 52)}
    own = sum(line.cost.typical for line in bill.lines if line.domain == "scale-out")
    assert own == pytest.approx(alone.capital_cost.typical)


def test_show_has_an_entry_for_each(weft: Any, tmp_path: Any) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "nodes: 16\nnode: {system: dgx_h100}\nscale_out: {topology: rail_optimised}\n"
        "storage: {topology: leaf_spine, servers: 4}\n"
    )
    shown = json.loads(weft("fabric", "show", path, "--json").out)
    assert shown["networks"].keys() == {"scale_out", "storage"}
    assert shown["networks"]["scale_out"]["switches"] == shown["switches"]
    assert shown["networks"]["storage"]["servers"] == 4
    costs = [network["capital_cost_usd"]["typical"] for network in shown["networks"].values()]
    assert sum(costs) == pytest.approx(shown["capital_cost_usd"]["typical"])


@pytest.mark.parametrize(
    ("networks", "error", "says"),
    [
        ({"storage": {"nics": 2}}, ConfigError, "storage: name a topology"),
        ({"storage": {"topology": "ring"}}, ConfigError, "storage.topology: unknown topology 'ring'"),
        ({"storage": {"topology": "leaf_spine", "nic": "cx77"}}, ConfigError, "storage.nic: unknown"),
        ({"storage": {"topology": "leaf_spine", "nics": 0}}, ConfigError, "storage.nics"),
        ({"storage": {"topology": "leaf_spine", "rate": "9Tb/s"}}, ConfigError, "storage.rate"),
        ({"front_end": {"topology": "leaf_spine", "speed": 1}}, ConfigError, "front_end"),
        ({"front_end": {"topology": "leaf_spine", "length": "90km"}}, InfeasibleError, "front_end.medium"),
    ],
)
def test_refusals(networks: dict[str, Any], error: type[WeftError], says: str) -> None:
    with pytest.raises(error) as caught:
        build(**networks)
    assert says in str(caught.value)
    assert "scale_out" not in str(caught.value)
