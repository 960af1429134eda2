"""``weft fabric cable``, ``check`` and ``plan``, and bad floor plans and media through the command line."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Weft = Callable[..., Any]
CLUSTER = "nodes: 4\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine}\n"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def placed(root: Path) -> Path:
    return root / "examples/placed/cluster.yaml"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Write a cluster file: the small one and some lines more."""

    def write(more: str, cluster: str = CLUSTER) -> Path:
        path = tmp_path / "cluster.yaml"
        path.write_text(cluster + more + "\n", encoding="utf-8")
        return path

    return write


def test_cable_json_and_csv_agree(weft: Weft, placed: Path, tmp_path: Path) -> None:
    ran = weft("fabric", "cable", placed, "--json", "--csv", tmp_path / "cables.csv")
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.cable/1"
    with (tmp_path / "cables.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == answer["columns"]
    assert len(rows) == answer["rows"] == sum(group["rows"] for group in answer["groups"])
    assert sum(int(row["links"]) for row in rows) == answer["links"] == 2048
    assert len({row["label"] for row in rows}) == len(rows)
    assert answer["placement"]["racks"] == 33
    modules = sum(part["count"] for part in answer["parts"] if part["kind"] == "module")
    fibres = sum(part["links"] for part in answer["parts"] if part["kind"] == "fibre")
    assert modules == fibres  # two links a twin-port module, two modules a link


def test_cable_for_people(weft: Weft, placed: Path) -> None:
    ran = weft("fabric", "cable", placed)
    assert ran.code == 0
    assert "33 (32 with nodes, 1 network)" in ran.out
    assert "4 nodes, power binds" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_show_says_where_it_stands(weft: Weft, placed: Path, root: Path) -> None:
    answer = json.loads(weft("fabric", "show", placed, "--json").out)
    assert answer["placement"]["racks_by_use"] == {"nodes": 32, "network": 1}
    assert sum(answer["by_medium"].values()) == answer["links_total"] == 2048
    bare = json.loads(weft("fabric", "show", root / "examples/small/cluster.yaml", "--json").out)
    assert bare["placement"] is None


def test_check_passes_a_sound_cluster(weft: Weft, placed: Path) -> None:
    ran = weft("fabric", "check", placed, "--json")
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.check/1"
    assert (answer["errors"], answer["warnings"], answer["findings"]) == (0, 0, [])
    assert {"connected", "rack_power", "single_points_of_failure"} <= set(answer["rules"])


def test_check_ends_with_1_on_an_error_and_0_on_warnings(weft: Weft, written: Callable[..., Path]) -> None:
    ran = weft("fabric", "check", written("floor_plan: {}"))
    assert ran.code == 0
    assert "warning single_points_of_failure: leaf0" in ran.out
    # 4 nodes of 8 links below and 32 above fill 32 cages twice; single-port optics take 64 of them
    overlay = "catalog: [parts.yaml]\nfloor_plan: {}\nmedia: {host: [aoc]}"
    path = written(overlay, "nodes: 40\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine, protocol: roce}\n")
    (path.parent / "parts.yaml").write_text(
        "kind: switches\nparts:\n- id: arista_7060x6_64pe\n  cages_count: {value: 20, src: own_est, conf: estimate}\n"
        "  cage_gbps: {value: 800, src: own_est, conf: estimate}\n",
        encoding="utf-8",
    )
    ran = weft("fabric", "check", path, "--json", "--rule", "cages_and_modules")
    assert ran.code == 1
    finding = json.loads(ran.out)["findings"][0]
    assert finding["severity"] == "error"
    assert finding["rule"] == "cages_and_modules"
    assert all(finding[key] for key in ("where", "what", "fix"))


def test_an_unknown_rule_is_refused(weft: Weft, placed: Path) -> None:
    ran = weft("fabric", "check", placed, "--rule", "rack_powr")
    assert ran.code == 2
    assert "did you mean 'rack_power'?" in ran.err


@pytest.mark.parametrize("name", ["placed", "small", "llama3-405b"])
def test_the_plan_is_a_picture_of_every_rack(weft: Weft, root: Path, tmp_path: Path, name: str) -> None:
    ran = weft("fabric", "plan", root / f"examples/{name}/cluster.yaml", "-o", tmp_path / "plan.svg", "--json")
    assert ran.code == 0
    answer = json.loads(ran.out)
    picture = ET.parse(tmp_path / "plan.svg").getroot()
    assert picture.tag == f"{SVG}svg"
    words = [text.text or "" for text in picture.iter(f"{SVG}text")]
    tips = [tip.text or "" for tip in picture.iter(f"{SVG}title")]
    assert words[0] == name
    if answer["placement"]:
        assert sum("/rack" in tip for tip in tips) == answer["placement"]["racks"]
    else:
        assert any("No floor_plan" in text for text in words)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for shape in picture.iter(f"{SVG}rect"):
        assert 0 <= float(shape.attrib["x"]) <= width
        assert float(shape.attrib["x"]) + float(shape.attrib["width"]) <= width + 1
        assert float(shape.attrib["y"]) <= height


def test_a_large_plan_stays_small(weft: Weft, written: Callable[..., Path], tmp_path: Path) -> None:
    path = written(
        "floor_plan: {}",
        "nodes: 8192\nnode: {system: dgx_h100}\nscale_out: {topology: fat_tree, switch: nv_sn5600}\n",
    )
    assert weft("fabric", "plan", path, "-o", tmp_path / "plan.svg").code == 0
    assert (tmp_path / "plan.svg").stat().st_size < 200_000


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ("floor_plan: {rack_power: 40}", 2, "floor_plan.rack_power: the power 40 has no unit"),
        ("floor_plan: {rack_powr: 40kW}", 2, "did you mean 'rack_power'?"),
        ("floor_plan: {rack_units: 0}", 2, "floor_plan.rack_units"),
        ("floor_plan: {leaf: tor}", 2, "'top_of_rack'"),
        ("floor_plan: {row_pitch: 3kg}", 2, "unknown unit 'kg'"),
        ("floor_plan: {site_distance: 1e300km}", 2, "floor_plan.site_distance"),
        ("floor_plan: {cooling: water}", 2, "'air' or 'liquid'"),
        ("floor_plan: 3", 2, "floor_plan"),
        ("floor_plan: {rack_power: 8kW}", 1, "one NVIDIA DGX H100 draws 10.2 kW"),
        ("media: cheepest", 2, "did you mean 'cheapest'?"),
        ("media: []", 2, "expected a policy, class or medium"),
        ("media: {spine: [lpo, 4]}", 2, "expected a policy, class or medium"),
        ("media: {spin: lpo}", 2, "did you mean 'spine'?"),
        ("media: {leaf: d2d}", 2, "media.leaf"),
        ("floor_plan: {}\nmedia: passive_dac", 1, "dac_800g_osfp_100g_pam4 reaches 2 m"),
    ],
)
def test_bad_places_and_media(weft: Weft, written: Callable[..., Path], more: str, code: int, says: str) -> None:
    ran = weft("fabric", "show", written(more))
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err
