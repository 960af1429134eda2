"""How good the predictions are, held as a bar: a change that makes them worse than this fails here."""

from __future__ import annotations

import statistics

import pytest

from weft.validation import Report, run_suite
from weft.validation.baseline import compare, packaged_path, read_baseline


@pytest.fixture(scope="module")
def training() -> Report:
    return run_suite("training")


@pytest.fixture(scope="module")
def nccl() -> Report:
    return run_suite("nccl")


def _errors(report: Report, **wanted: object) -> list[float]:
    rows = (p for p in report.predictions if all(getattr(p, name) == value for name, value in wanted.items()))
    return [error for p in rows if (error := p.relative_error) is not None]


def test_no_row_fails_by_a_fault_of_ours(training: Report, nccl: Report) -> None:
    assert training.internal_errors == nccl.internal_errors == 0


def test_training_runs_are_predicted_within_the_bar(training: Report) -> None:
    # Memory rows are exact and would flatter the figures: only times and rates count here.
    errors = [
        error
        for p in training.predictions
        if (error := p.relative_error) is not None and "GiB" not in p.metric and "pct_of" not in p.metric
    ]
    magnitudes = sorted(abs(error) for error in errors)
    assert len(errors) >= 300
    assert statistics.median(magnitudes) <= 0.05
    assert magnitudes[int(0.9 * len(magnitudes))] <= 0.15
    assert abs(statistics.median(errors)) <= 0.02


@pytest.mark.parametrize(
    "stack",
    [
        "megatron-lm-2021",
        "megatron-lm-2022",
        "megatron-core",
        "megatron-bridge",
        "megascale",
        "llm-foundry",
        "llm-foundry-pure",
        "torchtitan",
        "nemo",
    ],
)
def test_every_stack_is_predicted_and_not_only_the_largest(training: Report, stack: str) -> None:
    assert statistics.median(abs(error) for error in _errors(training, stack=stack)) <= 0.10


@pytest.mark.parametrize("accelerator", ["a100_sxm_80", "h100_sxm", "h200_sxm", "b200_hgx", "gb200_nvl72"])
def test_every_accelerator_is_predicted_and_not_only_the_commonest(training: Report, accelerator: str) -> None:
    errors = _errors(training, accelerator=accelerator)
    assert len(errors) >= 4
    assert statistics.median(map(abs, errors)) <= 0.10


def test_published_memory_is_met(training: Report) -> None:
    gib = [p for p in training.predictions if p.metric in ("activation_GiB", "param_opt_GiB")]
    assert len(gib) == 16
    for p in gib:
        assert p.predicted == pytest.approx(p.measured, rel=2e-3), p.id


def test_large_collectives_on_nvidia_are_predicted_within_the_bar(nccl: Report) -> None:
    large = [
        abs(error)
        for p in nccl.predictions
        if (error := p.relative_error) is not None
        and (p.size_bytes or 0) >= 64e6
        and not p.accelerator.startswith("mi")
    ]
    assert len(large) >= 300
    assert statistics.median(large) <= 0.08
    assert sorted(large)[int(0.9 * len(large))] <= 0.20


def test_no_prediction_is_worse_than_the_stored_baseline(training: Report, nccl: Report) -> None:
    """Where a change is meant to move predictions: ``weft validate --suite all --update-baseline``, and say why."""
    reports = [training, nccl, run_suite("topology"), run_suite("headlines")]
    baseline = read_baseline(packaged_path())
    assert baseline.keys() == {*(report.kind for report in reports), "congestion"}
    compared = compare(reports, baseline, whole=True)
    assert compared.worse == ()
    assert compared.new == 0, "predictions that the baseline does not hold yet"


def test_the_quick_packet_simulations_are_no_worse_than_the_stored_baseline() -> None:
    """Messages of a few packets, to the nanosecond; CI runs more, and all take minutes."""
    report = run_suite("congestion", only="uet_htsim_uec_connreuse_*")
    assert max(abs(p.relative_error) for p in report.predictions if p.relative_error is not None) < 1e-4
    compared = compare([report], read_baseline(packaged_path()), whole=False)
    assert compared.worse == () and compared.new == 0
