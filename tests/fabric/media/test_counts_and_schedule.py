"""What is ordered and how it is installed: parts cover every link once, cages hold them, the schedule is complete."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.cli.places_views import cable_csv
from weft.economics import bill_of_materials
from weft.fabric import Cluster, Fabric, Kind, build_fabric
from weft.fabric.cabling import cages_used, link_parts
from weft.fabric.cabling.schedule import COLUMNS, cable_schedule
from weft.fabric.checks import check

Placed = Callable[..., Fabric]
CASES: list[dict[str, Any]] = [
    {"topology": "rail_optimised", "nodes": 96, "unit_nodes": 32},
    {"topology": "leaf_spine", "nodes": 64},
    {"topology": "leaf_spine", "nodes": 31, "media": "lowest_power"},
    {"topology": "fat_tree", "nodes": 96, "leaf_nodes": 4, "pod_nodes": 32},
    {"topology": "rail_optimised", "nodes": 8, "node": {"system": "gb200_nvl72_rack"}, "unit_nodes": 8},
    {"topology": "dragonfly", "nodes": 40},
    {"topology": "leaf_spine", "nodes": 40, "media": {"spine": "microled"}},
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case['topology']}-{case['nodes']}")
def fabric(placed: Placed, request: pytest.FixtureRequest) -> Fabric:
    return placed(**request.param)


def test_cables_and_fibres_serve_every_link_once(fabric: Fabric) -> None:
    parts = link_parts(fabric)
    assert sum(part.links for part in parts if part.kind != "module") == fabric.cables()
    for part in parts:
        assert 0 < part.count <= part.links


def test_the_bill_is_what_the_schedule_orders(fabric: Fabric) -> None:
    bill = bill_of_materials(fabric)
    assert bill.cables == fabric.cables()
    ordered: Counter[tuple[str, str]] = Counter()
    for part in link_parts(fabric):
        ordered[part.kind, "passives_mpo" if part.kind == "fibre" else part.medium] += part.count
    billed: Counter[tuple[str, str]] = Counter()
    for line in bill.lines:
        if line.kind in ("cable", "module", "fibre"):
            billed[line.kind, line.part] += line.count
    assert billed == ordered


def test_modules_are_as_many_as_the_cages_they_stand_in(fabric: Fabric) -> None:
    """By walking: at every device, modules of a name and medium are the links over the share, rounded up."""
    expected: Counter[str] = Counter()
    cages: Counter[int] = Counter()
    groups: dict[tuple[Any, ...], int] = defaultdict(int)
    pairs: dict[tuple[Any, ...], int] = defaultdict(int)
    for cable in range(len(fabric.links) // 2):
        link = fabric.link_classes[int(fabric.links.link_class[2 * cable])]
        if link.domain.label != "scale-out":
            continue
        ends = [fabric.node(int(side[2 * cable])) for side in (fabric.links.src, fabric.links.dst)]
        rows = [end.parent.row if end.kind == Kind.NIC and end.parent else end.row for end in ends]
        media = (link.medium, link.upper_medium or link.medium)
        shares = (link.lower_share, link.upper_share)
        whole = fabric.catalog.get("media", link.medium).text("price_unit") == "cable"
        if whole and shares[0] == shares[1]:
            pairs[rows[0], rows[1], fabric.links.link_class[2 * cable], shares[0]] += 1
            continue
        for row, medium, share in zip(rows, media, shares, strict=True):
            length = link.length_m if whole else 0.0
            groups[row, link.name, medium, share, length, whole] += 1
    for (a, b, _, share), links in pairs.items():
        cages[a] += -(-links // share)
        cages[b] += -(-links // share)
    for (row, _, medium, share, _, whole), links in groups.items():
        cages[row] += -(-links // share)
        if not whole:
            expected[medium] += -(-links // share)
    found: Counter[str] = Counter()
    for part in link_parts(fabric):
        if part.kind == "module":
            found[part.medium] += part.count
    assert found == expected
    used = cages_used(fabric)
    assert {row: int(used[row]) for row in np.flatnonzero(used).tolist()} == dict(cages)


def test_a_full_qm9700_fills_its_32_cages_with_64_links(placed: Placed) -> None:
    fabric = placed(nodes=128, unit_nodes=32)
    used, leaves = cages_used(fabric), fabric.rows(Kind.LEAF)
    assert (used[leaves] == 32).all()
    assert (used[fabric.rows(Kind.HOST)] == 4).all()  # four twin-port cages for eight NICs
    assert all(len(fabric.node(int(leaf)).links) == 64 for leaf in leaves)


def test_the_schedule_has_every_link_once_and_no_port_twice(fabric: Fabric) -> None:
    schedule = cable_schedule(fabric)
    columns = schedule.columns
    assert int(schedule.links.sum()) == fabric.cables()
    assert len(set(columns["label"])) == len(schedule)
    for end in ("from", "to"):
        boxes = [str(name).rpartition("/nic")[0] or name for name in columns[f"{end}_device"]]
        ports = list(zip(boxes, columns[f"{end}_port"], strict=True))
        assert len(set(ports)) == len(ports)
    rows = len(schedule)
    parts = link_parts(fabric)
    straight = sum(part.count for part in parts if part.kind != "module")
    assert rows >= straight  # a splitter is one cable with a row for each leg
    assert all(len(columns[name]) == rows for name in COLUMNS)


def test_ports_stay_within_the_cages_of_their_switch(placed: Placed) -> None:
    schedule = cable_schedule(placed(nodes=128, unit_nodes=32))
    cages = [int(str(port).partition(".")[0]) for port in schedule.columns["to_port"]]
    assert (min(cages), max(cages)) == (1, 32)


def test_the_csv_says_what_the_schedule_says(fabric: Fabric) -> None:
    schedule = cable_schedule(fabric)
    rows = list(csv.DictReader(io.StringIO(cable_csv(schedule))))
    assert len(rows) == len(schedule)
    for name in COLUMNS:
        assert [row[name] for row in rows] == [str(value) for value in schedule.columns[name]]


def test_places_in_the_schedule_are_those_of_the_devices(placed: Placed) -> None:
    fabric = placed(nodes=32, unit_nodes=32)
    columns = cable_schedule(fabric).columns
    placement = fabric.placement
    assert placement is not None
    for row in range(0, len(columns["label"]), 97):
        leaf = fabric.node(str(columns["to_device"][row]))
        assert columns["to_rack"][row] == placement.rack_name(int(placement.rack[leaf.row]))
        assert columns["to_unit"][row] == placement.unit[leaf.row]


def test_labels_stay_as_a_cluster_grows(placed: Placed) -> None:
    """The cables of nodes that were there keep label and switch; lengths may not, where network racks move."""

    def hosts(nodes: int) -> dict[Any, Any]:
        columns = cable_schedule(placed(nodes=nodes, unit_nodes=32, floor={"network": "end"})).columns
        rows = zip(columns["label"], columns["to_device"], columns["link_class"], strict=True)
        return {label: to for label, to, name in rows if name == "nic-leaf"}

    small, grown = hosts(64), hosts(128)
    assert small.items() <= grown.items()


def test_links_without_places_are_scheduled_too() -> None:
    fabric = build_fabric(
        Cluster.model_validate({"nodes": 4, "node": {"system": "dgx_h100"}, "scale_out": {"topology": "leaf_spine"}})
    )
    schedule = cable_schedule(fabric)
    assert len(schedule) == fabric.cables()
    assert set(schedule.columns["from_rack"]) == {""}


@pytest.mark.parametrize("topology", ["rail_only", "dual_tor", "multi_plane", "dragonfly", "flattened_butterfly"])
@pytest.mark.parametrize("policy", ["cheapest", "lowest_power", "most_reliable"])
@pytest.mark.parametrize("per_row", [2, 20])
def test_what_is_best_for_each_length_fits_the_cages_of_every_box(
    placed: Placed, topology: str, policy: str, per_row: int
) -> None:
    fabric = placed(topology, nodes=45, media=policy, floor={"racks_per_row": per_row, "rows_per_hall": 50})
    used = cages_used(fabric)
    assert (used[fabric.rows(Kind.HOST)] <= 4).all()
    assert not [finding for finding in check(fabric, ["cages_and_modules"]) if finding.severity == "error"]
