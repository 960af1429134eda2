"""The simulate card: verdict first, every figure with its unit, no line wider than a piped page."""

from __future__ import annotations

from typing import Any

import pytest

from weft.report.simulation import fits, headline, simulation_card


@pytest.fixture
def answer() -> dict[str, Any]:
    money = {"low": 80e6, "typical": 100e6, "high": 140e6}
    return {
        "schema": "weft.simulate/1",
        "engine": "analytic",
        "step_time_s": 5.0,
        "breakdown_s": {
            "compute": 4.0,
            "exposed_tp": 0.5,
            "exposed_pp": 0.1,
            "exposed_dp": 0.2,
            "exposed_ep": 0.0,
            "exposed_cp": 0.0,
            "bubble": 0.2,
        },
        "tflops_per_gpu": 400.0,
        "mfu": 0.404,
        "tokens_per_s": 3.2e6,
        "memory_bytes_per_gpu": 60e9,
        "bottleneck": "nvlink4",
        "capital_cost_usd": money,
        "network_power_w": 2.1e6,
        "wall_s": 0.42,
        "peak_rss_bytes": 1e8,
        "memory": {
            "weights_bytes": 7e9,
            "gradients_bytes": 14e9,
            "optimizer_bytes": 1e9,
            "activations_bytes": 38e9,
            "capacity_bytes": 80e9,
            "fits": True,
        },
        "cost_usd_per_trillion_tokens": money,
        "energy_J_per_trillion_tokens": 3.6e13,
        "warnings": ["TP 16 crosses nodes, " * 12],
        "provenance": {"version": "0.1.0", "inputs_sha256": "ab" * 32, "seed": 0, "catalog_revision": "cd" * 6},
        "cluster": {"name": "c", "accelerators": 16384, "accelerator": "h100_sxm"},
        "job": {
            "name": "j",
            "model": "m",
            "parameters": 405e9,
            "parallelism": {"tp": 8, "pp": 16, "dp": 128, "zero": 1},
        },
    }


def test_says_everything_with_units(answer: dict[str, Any]) -> None:
    text = simulation_card(answer)
    for words in (
        "j on c: 16,384 x h100_sxm",
        "405.0 B parameters; TP 8, PP 16, DP 128, ZeRO 1",
        "Fits: 60.0 GB of 80.0 GB a GPU; step 5 s; 400.0 TFLOP/s a GPU (40.4% MFU)",
        "exposed tensor-parallel communication  500 ms   10.0%",
        "3,200,000 tokens/s",
        "100 M USD (80 M USD to 140 M USD)",
        "2.1 MW",
        "10 GWh",
        "warning: TP 16 crosses nodes",
        "engine analytic",
    ):
        assert words in text, words
    assert "expert" not in text
    assert max(map(len, text.split("\n"))) <= 100


def test_a_job_that_does_not_fit_says_so_first(answer: dict[str, Any]) -> None:
    answer["memory"]["fits"] = False
    answer["memory_bytes_per_gpu"] = 123e9
    assert not fits(answer)
    assert "Does not fit: it needs 123.0 GB of 80.0 GB a GPU" in simulation_card(answer)


def test_an_answer_with_only_the_lasting_keys_still_shows(answer: dict[str, Any]) -> None:
    for key in ("memory", "cost_usd_per_trillion_tokens", "energy_J_per_trillion_tokens", "warnings", "provenance"):
        del answer[key]
    del answer["cluster"], answer["job"]
    assert "step 5 s" in simulation_card(answer)
    assert ("step time", "5 s") in headline(answer)
