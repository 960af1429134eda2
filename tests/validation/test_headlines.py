"""Headlines are predicted from models or said not to be: every row, every figure, with a reason or a number."""

from __future__ import annotations

import pytest

from weft.catalog import load_catalog
from weft.validation import Prediction, Report, run_suite
from weft.validation.headlines_networks import rail_only_all_to_all


@pytest.fixture(scope="module")
def report() -> Report:
    return run_suite("headlines")


def values(report: Report, row: str) -> dict[str, Prediction]:
    return {p.metric: p for p in report.predictions if p.id == f"headlines-{row}"}


def test_every_row_has_an_answer_and_every_refusal_a_reason(report: Report) -> None:
    assert report.internal_errors == 0
    assert len({p.id for p in report.predictions}) == 28
    for p in report.predictions:
        assert p.source in report.sources
        assert p.predicted is not None if p.status == "ok" else p.reason and "no study" not in p.reason


def test_what_the_catalog_copies_is_no_prediction(report: Report) -> None:
    for row in ("0003", "0004", "0005"):
        assert {p.reason.split(":")[0] for p in values(report, row).values()} == {"an input, not a prediction"}


def test_ranges_are_two_values(report: Report) -> None:
    found = values(report, "0008")
    assert (found["cost_reduction_pct_low"].measured, found["cost_reduction_pct_high"].measured) == (38, 77)
    for name in ("cost_reduction_pct", "power_reduction_pct", "moe_alltoall_overhead_pct"):
        assert found[f"{name}_low"].predicted < found[f"{name}_high"].predicted  # type: ignore[operator]


def test_rail_only_forwards_at_the_ratio_of_the_two_networks() -> None:
    """All but 1/g of the bytes cross the domain first: (g-1)/g / scale-up over (n-g)/n / NIC, g of n accelerators."""
    g, n = 256, 32_768
    for overhead, name, nic_Bps in zip(rail_only_all_to_all(), ("a100_sxm_80", "h100_sxm"), (25e9, 50e9), strict=True):
        scale_up_Bps = load_catalog().get("accelerators", name).si("scale_up_gBps_uni")
        expected = ((g - 1) / g / scale_up_Bps) / ((n - g) / n / nic_Bps)
        assert overhead / 100 == pytest.approx(expected, rel=0.01)


def test_an_nvl72_over_modules_draws_what_their_number_says(report: Report) -> None:
    """72 GPUs of 900 GB/s one way, in modules of 800 Gb/s at both ends."""
    module_w = load_catalog().get("media", "optic_800g_dr8_dsp").si("power_w_per_end")
    expected = 72 * 900e9 * 8 / 800e9 * 2 * module_w / 1e3
    assert values(report, "0007")["optics_power_kW_per_NVL72"].predicted == pytest.approx(expected, rel=0.01)


def test_predictions_from_models_are_near(report: Report) -> None:
    near = {
        "0008": 0.10,  # rail-only: cost, power, all-to-all
        "0013": 0.10,  # HammingMesh at its own prices
        "0020": 0.10,  # MFU of Llama 3
        "0023": 0.10,  # MFU of Megatron-Core
        "0027": 0.05,  # in-network reduction
    }
    for row, most in near.items():
        assert max(abs(p.relative_error or 0) for p in values(report, row).values()) <= most, row
    assert abs(values(report, "0019")["mfu_pct"].relative_error or 1) <= 0.05
