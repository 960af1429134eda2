"""``weft compare``, and the additions to ``weft fabric bom``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
KEYS = {
    "name", "topology", "accelerators", "endpoints", "switches", "links_total", "links_switch_to_switch",
    "bisection_Bps", "oversubscription", "latency_s", "network_cost_usd", "cost_usd_per_endpoint", "network_power_w",
    "total_cost_usd", "network_total_cost_usd", "warnings",
}  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    files = []
    for name, oversubscription in (("flat", 1), ("thin", 4)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"name: {name}\nnodes: 64\nnode: {{system: dgx_h100}}\n"
            f"scale_out: {{topology: leaf_spine, oversubscription: {oversubscription}}}\n"
        )
        files.append(path)
    return files


def test_json_has_every_figure_and_differences_against_the_first(weft: Run, pair: list[Path]) -> None:
    ran = weft("compare", *pair, "--json")
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.compare/1"
    first, second = answer["clusters"]
    assert first.keys() >= KEYS
    (against,) = answer["against_first"]
    assert against["accelerators"] == 0
    assert against["bisection_Bps"] == pytest.approx(second["bisection_Bps"] / first["bisection_Bps"] - 1)
    cost = [cluster["network_cost_usd"]["typical"] for cluster in (first, second)]
    assert against["network_cost_usd"] == pytest.approx(cost[1] / cost[0] - 1)
    assert second["oversubscription"] == pytest.approx(4, rel=0.1)
    assert cost[1] < cost[0]


def test_figures_are_those_of_the_other_commands(weft: Run, pair: list[Path]) -> None:
    (first, _) = json.loads(weft("compare", *pair, "--json").out)["clusters"]
    show = json.loads(weft("fabric", "show", pair[0], "--json").out)
    bom = json.loads(weft("fabric", "bom", pair[0], "--json").out)
    for key in ("accelerators", "endpoints", "switches", "links_total", "links_switch_to_switch", "bisection_Bps"):
        assert first[key] == show[key]
    assert first["network_cost_usd"] == bom["total_cost_usd"]
    assert first["total_cost_usd"] == bom["ownership"]["total_cost_usd"]


def test_a_job_adds_its_figures(weft: Run, root: Path) -> None:
    small = root / "examples/small/cluster.yaml"
    job = root / "examples/small/job.yaml"
    answer = json.loads(weft("compare", small, small, "--job", job, "--json").out)
    simulated = json.loads(weft("simulate", small, job, "--json").out)
    for cluster in answer["clusters"]:
        assert cluster["step_time_s"] == simulated["step_time_s"]
        assert cluster["mfu"] == simulated["mfu"]
        assert cluster["cost_usd_per_trillion_tokens"] == simulated["cost_usd_per_trillion_tokens"]
        exposed = sum(v for k, v in simulated["breakdown_s"].items() if k.startswith("exposed"))
        assert cluster["exposed_communication_s"] == pytest.approx(exposed)
    assert all(value == 0 for value in answer["against_first"][0].values() if value is not None)


def test_text_is_plain_and_fits(weft: Run, pair: list[Path]) -> None:
    ran = weft("compare", *pair)
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "\x1b" not in ran.out
    for word in ("flat", "thin", "bisection", "latency, spine", "cost per endpoint"):
        assert word in ran.out


def test_one_cluster_cannot_be_compared(weft: Run, pair: list[Path], tmp_path: Path) -> None:
    for args in ([pair[0]], [pair[0], tmp_path / "none.yaml"]):
        ran = weft("compare", *args)
        assert (ran.code, ran.out) == (2, "")
        assert len(ran.err.strip().splitlines()) == 1


def test_bom_json_keeps_its_keys_and_adds_up_with_spares(weft: Run, root: Path) -> None:
    answer = json.loads(weft("fabric", "bom", root / "examples/dgx-h100-superpod/cluster.yaml", "--json").out)
    assert answer.keys() >= {"lines", "scale_up_lines", "capital_cost_usd", "power_w", "network_power_w", "missing"}
    assert "explained" not in answer
    for bound in ("low", "typical", "high"):
        spares = sum(line["cost_usd"][bound] for line in answer["spares"])
        assert spares == pytest.approx(answer["spares_cost_usd"][bound])
        whole = answer["capital_cost_usd"][bound] + spares + answer["racks_cost_usd"][bound]
        assert answer["total_cost_usd"][bound] == pytest.approx(whole)


def test_bom_explains_every_line(weft: Run, root: Path) -> None:
    path = root / "examples/dgx-h100-superpod/cluster.yaml"
    answer = json.loads(weft("fabric", "bom", path, "--explain", "--json").out)
    everything = [*answer["lines"], *answer["spares"], *answer["racks"], *answer["rents"]]
    assert len(answer["explained"]) == len(everything) + 5
    for each in answer["explained"]:
        assert each["rows"]
        for row in each["rows"]:
            assert row.keys() == {
                "kind", "part", "fact", "low", "typical", "high", "unit", "sources", "confidence", "flags"
            }  # fmt: skip
    ran = weft("fabric", "bom", path, "--explain")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 100
    for line in everything:
        assert line["part"] in ran.out


def test_bom_csv_has_spares_beside_each_part(weft: Run, root: Path, tmp_path: Path) -> None:
    weft("fabric", "bom", root / "examples/dgx-h100-superpod/cluster.yaml", "--csv", tmp_path / "bom.csv")
    rows = list(csv.DictReader((tmp_path / "bom.csv").read_text().splitlines()))
    assert sum(int(row["spares"]) for row in rows) > 0
    assert all(int(row["spares"]) <= 1 + 0.05 * sum(int(r["count"]) for r in rows) for row in rows)


@pytest.mark.parametrize("years", ["0", "-1", "nan"])
def test_years_are_above_zero(weft: Run, root: Path, years: str) -> None:
    ran = weft("fabric", "bom", root / "examples/small/cluster.yaml", "--years", years)
    assert ran.code == 2
    assert "years" in ran.err
