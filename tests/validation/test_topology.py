"""The topology suite: counts exactly as published, costs and savings by a stated method, a reason for all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weft.validation import Report, run_rows, run_suite
from weft.validation.topology_prices import hx_lines_usd, hx_torus_usd, rail_only_savings
from weft.validation.topology_studies import even_factors

COUNTS = (
    "endpoints",
    "switches",
    "routers",
    "links_switch_to_switch",
    "leaf",
    "spine",
    "core",
    "gpus",
    "ocs_count",
    "planes",
    "racks",
    "nvswitch_chips",
    "nvlink_pairs_total",
)


@pytest.fixture(scope="module")
def report() -> Report:
    return run_suite("topology")


def rows(tmp_path: Path, text: str) -> Report:
    path = tmp_path / "rows.yaml"
    path.write_text("file: topology\nrows:\n" + text)
    return run_rows(path)


def test_every_measured_value_is_answered(report: Report) -> None:
    from weft.validation.rows import read_rows

    packaged = Path(__file__).parents[2] / "src/weft/validation/data/topology.yaml"
    expected = sorted((row["id"], metric) for row in read_rows(packaged).rows for metric in row["measured"])
    assert sorted((p.id, p.metric) for p in report.predictions) == expected
    assert report.internal_errors == 0
    assert all(p.reason for p in report.predictions if p.status != "ok")


def test_counts_are_exactly_as_published(report: Report) -> None:
    """All but Fire-Flyer's, whose paper does not say how many switches join its zones."""
    found = [
        p for p in report.predictions if p.status == "ok" and (p.metric in COUNTS or p.metric.startswith("cables"))
    ]
    assert len(found) > 60
    assert [(p.id, p.metric) for p in found if p.predicted != p.measured] == [("topology-0034", "switches")]


# Tables that are not in the package: the same papers and reference architectures, other sizes.
@pytest.mark.parametrize(
    ("conditions", "measured"),
    [
        ("topology: FT2, switch_radix: 36, port_Gbps: 200", {"endpoints": 648, "switches": 54}),
        ("topology: FT3, switch_radix: 32", {"endpoints": 8192, "switches": 1280, "links_switch_to_switch": 16384}),
        ("topology: FT2, switch_radix: 144, port_Gbps: 800", {"endpoints": 10368, "switches": 216}),
        ("topology: MPFT, switch_radix: 32, planes: 4", {"endpoints": 2048, "switches": 192}),
        (
            "topology: SF, switch_radix: 64",
            {"endpoints": 32928, "switches": 1568, "links_switch_to_switch": 32928},
        ),
        ("topology: SF, switch_radix: 36, port_Gbps: 200", {"endpoints": 6144, "switches": 512}),
        (
            "topology: DF, switch_radix: 64, params: 'g=511'",
            {"endpoints": 261632, "switches": 16352, "links_switch_to_switch": 384272},
        ),
        ("topology: DF, switch_radix: 15", {"switches": 264, "links_switch_to_switch": 264 * 7 // 2 + 264 * 4 // 2}),
        ("system: DGX H100, su: 3, nodes: 95", {"leaf": 24, "spine": 16, "cables_compute_and_ufm": 764}),
        ("system: DGX H100, su: 8", {"leaf": 64, "spine": 32, "nodes": 255}),
        ("system: DGX B200, su: 8", {"leaf": 64, "spine": 32, "cables_leaf_spine": 2048}),
        ("system: DGX B200, su: 32", {"leaf": 256, "spine": 256, "core": 128, "cables_spine_core": 8192}),
        ("system: DGX B300, su: 16", {"leaf": 256, "spine": 128, "cables_leaf_spine": 8192, "cables_node_leaf": 8192}),
        ("system: DGX A100, su: 4, nodes: 80", {"leaf": 32, "spine": 20}),
        ("topology: NVLink5, slug: gb300_nvl72", {"gpus": 72, "nvswitch_chips": 18, "nvlinks_per_gpu": 18}),
    ],
)
def test_rows_of_other_sizes(tmp_path: Path, conditions: str, measured: dict[str, int]) -> None:
    for p in rows(tmp_path, f"- {{id: x, {conditions}, measured: {str(measured).replace(chr(39), '')}}}\n").predictions:
        assert (p.status, p.predicted) == ("ok", measured[p.metric]), p.metric


def test_a_dragonfly_is_as_large_as_its_endpoints_say(tmp_path: Path) -> None:
    found = rows(tmp_path, "- {id: x, topology: DF, measured: {endpoints: 261632, switches: 16352}}\n").predictions
    assert [p.predicted for p in found] == [261632, 16352]


def test_rail_only_saves_about_what_its_paper_says(tmp_path: Path) -> None:
    """38 to 77 % of cost and 37 to 75 % of power: whole tiers of switches and their modules go."""
    saved = rail_only_savings()
    assert saved == {
        "cost_min": pytest.approx(38, abs=4),
        "cost_max": pytest.approx(77, abs=6),
        "power_min": pytest.approx(37, abs=4),
        "power_max": pytest.approx(75, abs=6),
    }
    text = "- {id: x, topology: rail-only, measured: {cost_reduction_pct_low: 38, power_saving_pct_high: 75}}\n"
    assert [p.predicted for p in rows(tmp_path, text).predictions] == [saved["cost_min"], saved["power_max"]]


def test_costs_by_the_hammingmesh_papers_prices() -> None:
    """64 lines of 64 ports: 64 switches, 4,096 cables, half of them optical, in four planes; and so on."""
    assert hx_lines_usd(1024, 1) == 4 * (64 * 14_280 + 2048 * 272 + 2048 * 603)
    assert hx_lines_usd(16_384, 4) == 4 * (256 * 14_280 + 8192 * 272 + 8192 * 603)
    assert hx_torus_usd(16_384) == 4 * 16_384 * 603


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("topology: FT2, switch_radix: many", "switch_radix: expected a whole number, read 'many'"),
        ("topology: FT2, switch_radix: 0", "switch_radix: expected 4 to 100,000, read 0"),
        ("topology: FT2, switch_radix: 5000", "no priced switch of 5000 ports"),
        ("system: DGX H100, su: -1", "su: expected"),
        ("system: DGX X900, su: 2", "unknown"),
        ("topology: ring", "does not describe a network"),
        ("topology: 5", "does not describe a network"),
        ("topology: SF, params: q=7919", "q = 7919: a Slim Fly has"),
        ("topology: SF, params: q=6", "q = 6: a Slim Fly has"),
        ("topology: DF, params: 'a=3, h=1, g=999999'", "g"),
        ("topology: HPN, nics_per_host: 99999", "nics"),
    ],
)
def test_what_cannot_be_built_says_why(tmp_path: Path, text: str, says: str) -> None:
    found = rows(tmp_path, f"- {{id: x, {text}, measured: {{endpoints: 5, note: words}}}}\n")
    assert found.internal_errors == 0
    first, second = found.predictions
    assert first.status == second.status == "unsupported"
    assert says in first.reason


@pytest.mark.parametrize(
    ("number", "count", "factors"), [(10648, 3, [22] * 3), (10368, 5, [6, 6, 6, 6, 8]), (13, 2, [1, 13])]
)
def test_even_factors(number: int, count: int, factors: list[Any]) -> None:
    assert even_factors(number, count) == factors
