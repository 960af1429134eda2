"""Names are computed both ways; views show rows; tables hold everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError, WeftError
from weft.fabric import Cluster, Fabric, Kind, build_fabric

Make = Callable[..., Fabric]


@pytest.mark.parametrize(
    ("topology", "options"),
    [
        ("leaf_spine", {}),
        ("fat_tree", {}),
        ("rail_optimised", {}),
        ("rail_optimised", {"planes": True}),
        ("rail_optimised", {"unit_nodes": 2, "tiers": 3}),
    ],
)
def test_every_node_has_its_own_name_and_is_found_by_it(make: Make, topology: str, options: dict[str, Any]) -> None:
    fabric = make(topology, nodes=9, gpus=2, radix=8, **options)
    names = [fabric.node_name(row) for row in range(len(fabric.nodes))]
    assert len(set(names)) == len(names)
    assert [fabric.node(name).row for name in names] == list(range(len(names)))


def test_names_follow_places(make: Make) -> None:
    fabric = make("fat_tree", nodes=16, gpus=1, radix=4)
    gpu = fabric.node("pod3/host3/gpu0")
    assert gpu.kind == Kind.ACCELERATOR
    assert gpu.row == fabric.rows(Kind.ACCELERATOR)[15]
    assert gpu.parent is not None
    assert gpu.parent.name == "pod3/host3"
    assert [child.name for child in gpu.parent.children] == ["pod3/host3/gpu0", "pod3/host3/nic0"]
    assert gpu.part is not None
    assert gpu.part.id == "h100_sxm"
    rails = make("rail_optimised", nodes=4, gpus=2, radix=4)
    assert rails.node("unit1/leaf1").kind == Kind.LEAF
    assert rails.nodes.rail[rails.node("unit1/leaf1").row] == 1


def test_views_walk_the_graph(make: Make) -> None:
    fabric = make("leaf_spine", nodes=4, gpus=2, radix=4)
    nic = fabric.node("host2/nic1")
    assert {other.name for other in nic.neighbors} == {"host2/gpu1", "leaf2"}
    link = next(link for link in nic.links if link.link_class.name == "nic-leaf")
    assert (link.src.name, link.dst.name) == ("host2/nic1", "leaf2")
    assert link.link_class.rate_Bps == 50e9
    assert link.cable == link.row // 2
    for view in (nic, link):
        assert "host2/nic1" in repr(view)
    assert len(fabric.node("leaf2").links) == 4


def test_csr_lists_the_links_out_of_every_node(make: Make) -> None:
    fabric = make("fat_tree", nodes=8, gpus=2, radix=4)
    indptr, links = fabric.csr
    assert indptr[-1] == len(links) == len(fabric.links)
    owner = np.repeat(np.arange(len(fabric.nodes)), np.diff(indptr))
    assert np.array_equal(fabric.links.src[links], owner)


def test_tables_have_one_row_a_node_and_a_link(make: Make) -> None:
    fabric = make("rail_optimised", nodes=3)
    tables = fabric.to_tables()
    assert {len(column) for column in tables["nodes"].values()} == {len(fabric.nodes)}
    assert {len(column) for column in tables["links"].values()} == {len(fabric.links)}
    assert {len(column) for column in tables["link_classes"].values()} == {len(fabric.link_classes)}
    kinds, counts = np.unique(tables["nodes"]["kind"], return_counts=True)
    assert dict(zip(kinds.tolist(), counts.tolist(), strict=True)) == fabric.by_kind
    links = tables["links"]
    assert links["rate_Bps"][0] == fabric.node(int(links["src"][0])).links[0].link_class.rate_Bps


def test_latency_is_directed_and_counts_each_switch_once(make: Make) -> None:
    fabric = make("leaf_spine", nodes=8, gpus=1, radix=8)
    classes = {c.name: c for c in fabric.link_classes}
    leaf_s = fabric.catalog.get("switches", "arista_7060x6_64pe").si("latency_ns")
    up, down = classes["nic-leaf"].latency_up_s, classes["nic-leaf"].latency_down_s
    assert up - down == pytest.approx(leaf_s)
    index = fabric.link_classes.index(classes["nic-leaf"])
    rows = np.flatnonzero(fabric.links.link_class == index)
    assert fabric.links.latency_s[rows[0]] == up
    assert fabric.links.latency_s[rows[1]] == down


def test_looks(make: Make) -> None:
    fabric = make("fat_tree", nodes=16, gpus=1, radix=4)
    assert "16 accelerator" in repr(fabric)
    assert "8 leaf" in repr(fabric)
    html = fabric._repr_html_()
    assert "<table>" in html
    named = build_fabric(Cluster.model_validate({"name": "<b>", "nodes": 1, "node": {"system": "dgx_h100"}}))
    assert "&lt;b&gt;" in named._repr_html_()


@pytest.mark.parametrize(
    "name", ["leaf99", "host0/gpu8", "pod0", "switch3", "", "host", "host0/gpu0/gpu0", "host0//gpu0"]
)
def test_an_unknown_name_is_an_error_that_says_what_there_is(make: Make, name: str) -> None:
    fabric = make("leaf_spine", nodes=2)
    with pytest.raises(WeftError):
        fabric.node(name)
    with pytest.raises(ConfigError, match="host0 to host1"):
        fabric.node("host2")
    with pytest.raises(ConfigError, match="rows are 0"):
        fabric.node(10**6)
