"""``weft fabric show`` and ``weft fabric bom``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
EXAMPLES = ["llama3-405b", "dgx-h100-superpod", "small", "gb200-nvl72", "dgx-a100"]


@pytest.fixture
def superpod(root: Path) -> Path:
    return root / "examples/dgx-h100-superpod/cluster.yaml"


def test_show_json_has_its_keys_and_the_published_counts(weft: Run, superpod: Path) -> None:
    ran = weft("fabric", "show", superpod, "--json")
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.fabric/1"
    assert answer["accelerators"] == answer["endpoints"] == 1016
    assert answer["switches"] == 48
    assert answer["by_kind"]["leaf"] == 32
    assert answer["links_switch_to_switch"] == 1024
    assert answer["links_total"] == 1024 + 1016 == sum(answer["by_medium"].values())
    assert answer["bisection_Bps"] == pytest.approx(1016 / 2 * 50e9)
    assert set(answer["capital_cost_usd"]) == {"low", "typical", "high"}
    assert answer["power_w"] > 0
    assert [tier["name"] for tier in answer["tiers"]] == ["nvlink4", "leaf", "spine"]


def test_bom_json_adds_up(weft: Run, superpod: Path) -> None:
    answer = json.loads(weft("fabric", "bom", superpod, "--json").out)
    assert answer["schema"] == "weft.bom/1"
    for bound in ("low", "typical", "high"):
        total = sum(line["cost_usd"][bound] for line in answer["lines"])
        assert total == pytest.approx(answer["capital_cost_usd"][bound])
    assert sum(line["power_w"]["typical"] for line in answer["lines"]) == pytest.approx(answer["network_power_w"])
    assert all(line["sources"] for line in answer["lines"])


def test_bom_csv(weft: Run, superpod: Path, tmp_path: Path) -> None:
    ran = weft("fabric", "bom", superpod, "--csv", tmp_path / "bom.csv")
    assert ran.code == 0
    rows = list(csv.DictReader((tmp_path / "bom.csv").read_text().splitlines()))
    assert {row["kind"] for row in rows} == {"switch", "nic", "module", "fibre"}
    assert sum(int(row["count"]) for row in rows if row["kind"] == "switch") == 48


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("command", ["show", "bom"])
def test_text_is_plain_and_fits(weft: Run, root: Path, name: str, command: str) -> None:
    ran = weft("fabric", command, root / "examples" / name / "cluster.yaml")
    assert ran.code == 0
    assert max(len(line) for line in ran.out.splitlines()) <= 100
    assert "\x1b" not in ran.out


def test_wrong_input_is_one_line_and_exit_2(weft: Run, tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("nodes: 64\nnode: {system: dgx_h100}\nscale_out: {topology: fat_tree, radix: 9999}\n")
    for args in ((path,), (tmp_path / "none.yaml",)):
        ran = weft("fabric", "show", *args)
        assert ran.code == 2
        assert len(ran.err.strip().splitlines()) == 1
        assert ran.out == ""
    assert "scale_out.radix" in weft("fabric", "bom", path, "--json").err


def test_too_large_is_exit_1(weft: Run, tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("nodes: 64000\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine}\n")
    ran = weft("fabric", "show", path)
    assert ran.code == 1
    assert "fat_tree" in ran.err
