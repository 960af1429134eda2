"""Exports: what another tool reads back is what the fabric holds."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest

from weft.errors import ConfigError, UnknownName
from weft.export import FORMATS, export
from weft.export.columns import node_names
from weft.export.grouping import MOST_MARKS, grouped
from weft.fabric import Cluster, Fabric, build_fabric

Run = Callable[..., Any]


def build(nodes: int, topology: str = "rail_optimised", **more: Any) -> Fabric:
    spec = {"name": "a <b> & c", "nodes": nodes, "node": {"system": "dgx_h100"}, "scale_out": {"topology": topology}}
    return build_fabric(Cluster.model_validate({**spec, **more}))


@pytest.mark.parametrize("topology", ["leaf_spine", "fat_tree", "rail_optimised", "dragonfly", "torus"])
def test_graphml_round_trip(topology: str, tmp_path: Path) -> None:
    options = {"dims": [2, 2]} if topology == "torus" else {}
    fabric = build(8, scale_out={"topology": topology, **options})
    (path,) = export(fabric, "graphml", tmp_path / "net.graphml")
    graph = nx.read_graphml(path, force_multigraph=True)
    assert graph.number_of_nodes() == len(fabric.nodes)
    assert graph.number_of_edges() == len(fabric.links) // 2
    for row in (0, len(fabric.nodes) // 2, len(fabric.nodes) - 1):
        view = fabric.node(row)
        assert graph.nodes[view.name]["kind"] == view.kind.label
        assert sorted(graph.neighbors(view.name)) == sorted(near.name for near in view.neighbors)
    rates = sorted(data["rate_Bps"] for _, _, data in graph.edges(data=True))
    assert rates == pytest.approx(sorted(fabric.links.rate_Bps[::2].tolist()))


def test_names_are_those_of_the_views() -> None:
    fabric = build(40)
    names = node_names(fabric)
    assert len(set(names.tolist())) == len(names)
    for row in np.linspace(0, len(names) - 1, 60).astype(int):
        assert names[row] == fabric.node_name(int(row))


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_tables_hold_every_node_and_cable(to: str, tmp_path: Path) -> None:
    fabric = build(6)
    nodes_file, links_file = export(fabric, to, tmp_path / f"net.{to}")
    assert [nodes_file.name, links_file.name] == [f"net.nodes.{to}", f"net.links.{to}"]
    if to == "csv":
        nodes: Any = list(csv.DictReader(nodes_file.read_text().splitlines()))
        links: Any = list(csv.DictReader(links_file.read_text().splitlines()))
    else:
        nodes, links = pq.read_table(nodes_file).to_pylist(), pq.read_table(links_file).to_pylist()
    assert len(nodes) == len(fabric.nodes)
    assert len(links) == len(fabric.links) // 2
    known = {row["name"] for row in nodes}
    assert all(row["a"] in known and row["b"] in known for row in links)
    assert all(row["parent"] in known | {""} for row in nodes)
    total = sum(float(row["rate_Bps"]) for row in links)
    assert total == pytest.approx(float(fabric.links.rate_Bps.sum()) / 2)


def cells(path: Path) -> tuple[list[ET.Element], list[ET.Element]]:
    found = list(ET.parse(path).getroot().iter("mxCell"))
    return [c for c in found if c.get("vertex")], [c for c in found if c.get("edge")]


def test_a_small_picture_draws_every_node(tmp_path: Path) -> None:
    fabric = build(2)
    (path,) = export(fabric, "drawio", tmp_path / "net.drawio")
    boxes, trunks = cells(path)
    assert len(boxes) == len(fabric.nodes)
    ids = {box.get("id") for box in boxes}
    assert all(trunk.get("source") in ids and trunk.get("target") in ids for trunk in trunks)
    corners = [(box[0].get("x"), box[0].get("y")) for box in boxes]
    assert len(set(corners)) == len(corners)


@pytest.mark.parametrize("topology", ["leaf_spine", "fat_tree", "rail_optimised"])
def test_a_large_picture_is_drawn_by_place(topology: str, tmp_path: Path) -> None:
    fabric = build(1000, scale_out={"topology": topology, "protocol": "roce"})
    assert len(fabric.nodes) > 2000
    marks, trunks = grouped(fabric)
    assert len(marks) <= MOST_MARKS
    assert sum(mark.nodes for mark in marks) == len(fabric.nodes)
    inside = len(fabric.links) // 2 - sum(trunk.links for trunk in trunks)
    assert inside >= 0
    (path,) = export(fabric, "drawio", tmp_path / "net.drawio")
    assert len(cells(path)[0]) == len(marks)


def test_a_picture_never_splits_a_trunk() -> None:
    marks, trunks = grouped(build(1000, topology="rail_optimised"))
    ends = [(trunk.a, trunk.b) for trunk in trunks]
    assert len(set(ends)) == len(ends)
    assert all(0 <= a < b < len(marks) for a, b in ends)


def test_a_format_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="graphml"):
        export(build(1, scale_out=None), "grahpml", tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", FORMATS)
def test_nothing_is_left_half_written(to: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        export(build(1, scale_out=None), to, tmp_path / "no" / "such" / "net.x")
    assert not list(tmp_path.iterdir())


def test_the_command(weft: Run, root: Path, tmp_path: Path) -> None:
    cluster = root / "examples/small/cluster.yaml"
    ran = weft("fabric", "export", cluster, "--to", "csv", "-o", tmp_path / "net.csv", "--json")
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.export/1"
    assert all(Path(file).exists() for file in answer["files"])
    bad = weft("fabric", "export", cluster, "--to", "svg", "-o", tmp_path / "net.svg")
    assert (bad.code, bad.out) == (2, "")
    assert len(bad.err.strip().splitlines()) == 1
