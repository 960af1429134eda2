"""How throughput changes with scale and with each optimisation, against published series: order, and size of the steps.

Rows are judged one by one elsewhere; here a series has to bend as it was measured to.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.engines.step import run_step
from weft.fabric import Fabric
from weft.validation.rows import RowFile, read_rows
from weft.validation.training import _fabric as fabric_of
from weft.validation.training import best_run, predict
from weft.validation.training_rows import checked
from weft.workload.spec import Job, Model

MLPERF = "mlperf_v3.1_NVIDIA_eos"
# Slugs of a series, most efficient first as measured, and the most MFU points by which a prediction may be off.
SERIES: dict[str, tuple[list[str], float]] = {
    "Megatron-LM, batch 768": ([f"megascale_Megatron-LM_{n}" for n in (256, 512, 768)], 2),
    "Megatron-LM, batch 6144": ([f"megascale_Megatron-LM_{n}" for n in (3072, 6144, 8192)], 3),
    "MegaScale, batch 768": ([f"megascale_MegaScale_{n}" for n in (256, 512, 768)], 2),
    "MegaScale, batch 6144": ([f"megascale_MegaScale_{n}" for n in (3072, 6144, 8192)], 3),
    "MLPerf GPT-3": (
        [
            f"{MLPERF}_n64_ngc23.09_nemo_gpt3",
            f"{MLPERF}_n96_ngc23.09_nemo_gpt3",
            f"{MLPERF}-dfw_n768_ngc23.09_nemo_gpt3",
            f"{MLPERF}-dfw_n1024_ngc23.09_nemo_gpt3",
            f"{MLPERF}-dfw_n1280_ngc23.09_nemo_gpt3",
        ],
        3,
    ),
    "Llama 3 405B": (["llama3_405b_8192_8192", "llama3_405b_16384_131072"], 3),
}


@lru_cache
def file() -> RowFile:
    return read_rows(Path(weft.__file__).parent / "validation" / "data" / "training.yaml")


@lru_cache
def row(slug: str) -> dict[str, Any]:
    return next(each for each in file().rows if each.get("slug") == slug)


@lru_cache
def mfu(slug: str) -> tuple[float, float]:
    """(predicted, measured) in per cent of the dense 16-bit peak."""
    (found,) = predict(row(slug), file())
    run = best_run(checked(file().conditions(row(slug))))
    assert found.predicted is not None
    assert found.measured is not None
    if found.metric == "mfu_pct":
        return found.predicted, found.measured
    if found.metric == "tflops_per_gpu":
        return found.predicted * 1e14 / run.plan.peak, found.measured * 1e14 / run.plan.peak
    predicted = 100 * run.model_flops_per_s / run.plan.peak
    return predicted, predicted * found.predicted / found.measured


@pytest.mark.parametrize("name", SERIES)
def test_a_series_is_in_the_order_that_was_measured(name: str) -> None:
    predicted, measured = zip(*map(mfu, SERIES[name][0]), strict=True)
    assert list(measured) == sorted(measured, reverse=True)
    assert list(predicted) == sorted(predicted, reverse=True)


@pytest.mark.parametrize("name", SERIES)
def test_a_series_is_no_further_off_than_the_docs_say(name: str) -> None:
    slugs, points = SERIES[name]
    assert max(abs(predicted - measured) for predicted, measured in map(mfu, slugs)) <= points


@pytest.mark.parametrize("gpus", [256, 512, 768, 3072, 6144, 8192])
def test_megascale_beats_megatron_at_every_size(gpus: int) -> None:
    ours, theirs = (mfu(f"megascale_{who}_{gpus}") for who in ("MegaScale", "Megatron-LM"))
    assert ours[1] > theirs[1]
    assert ours[0] > theirs[0]


# The two ends of MegaScale's table 2 (arXiv 2402.15627) that are no rows of the file: seconds a step.
ENDS = {
    ("Megatron-LM", 1024): ("megascale_Megatron-LM_512", 11.9),
    ("MegaScale", 1024): ("megascale_MegaScale_512", 8.9),
    ("Megatron-LM", 12_288): ("megascale_Megatron-LM_6144", 8.57),
    ("MegaScale", 12_288): ("megascale_MegaScale_6144", 6.34),
}


@lru_cache
def end(who: str, gpus: int) -> tuple[float, float]:
    """(predicted, measured) MFU in per cent of a run whose neighbour in the table is a row."""
    slug, measured_s = ENDS[who, gpus]
    run = best_run(checked(file().conditions(row(slug)) | {"n_gpus": gpus, "dp": gpus // 64}))
    predicted = 100 * run.model_flops_per_s / run.plan.peak
    return predicted, predicted * run.step_s / measured_s


@pytest.mark.parametrize(("who", "gpus"), ENDS)
def test_the_ends_of_megascales_table_are_within_three_points(who: str, gpus: int) -> None:
    predicted, measured = end(who, gpus)
    assert predicted == pytest.approx(measured, abs=3)


@pytest.mark.parametrize("gpus", [1024, 12_288])
def test_megascale_beats_megatron_at_the_ends_too(gpus: int) -> None:
    assert end("MegaScale", gpus)[0] > end("Megatron-LM", gpus)[0]
    assert end("Megatron-LM", gpus)[0] < mfu(ENDS["Megatron-LM", gpus][0])[0]
    assert end("MegaScale", gpus)[0] < mfu(ENDS["MegaScale", gpus][0])[0]


WEAK = [2240, 4480, 11_200]


@pytest.mark.parametrize(("who", "points"), [("Megatron-LM", 3), ("MegaScale", 6)])
def test_weak_scaling_of_530b_stays_nearly_flat(who: str, points: float) -> None:
    """Figure 9 loses a point at most from 2,240 to 11,200 GPUs; MegaScale's level is missed (docs/training.md)."""
    predicted, measured = zip(*(mfu(f"megascale_530b_{who}_{gpus}") for gpus in WEAK), strict=True)
    assert max(abs(ours - theirs) for ours, theirs in zip(predicted, measured, strict=True)) <= points
    assert 0 < predicted[0] - predicted[-1] < 1.5


def test_llama3_loses_as_much_from_8k_to_128k_tokens() -> None:
    (short, short_was), (long, long_was) = (mfu(slug) for slug in SERIES["Llama 3 405B"][0])
    assert short - long == pytest.approx(short_was - long_was, rel=0.5)


def test_llama3_loses_as_much_from_8k_to_16k_gpus() -> None:
    """The same batch on twice the replicas: 430 and 400 TFLOP/s (arXiv 2407.21783, table 4)."""
    case = checked(file().conditions(row("llama3_405b_8192_8192")))
    job = best_run(case).plan.job
    twice = replace(case.machine, accelerators=2 * case.machine.accelerators)
    parallelism = job.parallelism.model_copy(update={"dp": 128})
    larger = job.model_copy(update={"accelerators": None, "parallelism": parallelism})
    before, after = _points(fabric_of(case.machine), job), _points(fabric_of(twice), larger)
    assert 1 - after / before == pytest.approx(1 - 400 / 430, rel=0.5)


@lru_cache
def ablation() -> dict[str, float]:
    """MFU points that each optimisation of MegaScale adds to those before it, where its size is stated."""
    case = checked(file().conditions(row("megascale_abl_baseline_Megatron_LM")))
    job, fabric = best_run(case).plan.job, _fabric(case)
    assert isinstance(job.model, Model)
    found, before = {}, _points(fabric, job)
    for name, change in {
        "parallel block": {"model": job.model.model_copy(update={"parallel_block": True})},
        "tp": {"overlap": weft.Overlap(tp=True)},
        "pp": {"overlap": weft.Overlap(tp=True, pp=True)},
        "dp": {"overlap": weft.Overlap(tp=True, pp=True, dp=True)},
        "batch": {"global_batch": 3 * job.global_batch},
    }.items():
        job = job.model_copy(update=change)
        after = _points(fabric, job)
        found[name], before = after - before, after
    return found


def _fabric(case: Any) -> Fabric:
    return fabric_of(case.machine)


def _points(fabric: Fabric, job: Job) -> float:
    run = run_step(fabric, job)
    return 100 * run.model_flops_per_s / run.plan.peak


# MegaScale (arXiv 2402.15627), table 3: points on top of the row before.
ADDED = {"parallel block": 4.6, "tp": 2.2, "pp": 2.5, "dp": 1.5, "batch": 3.0}


@pytest.mark.parametrize("name", ADDED)
def test_every_optimisation_of_megascale_helps(name: str) -> None:
    assert ablation()[name] > 0


@pytest.mark.parametrize("name", ADDED)
def test_optimisations_of_megascale_help_within_half_of_what_they_did(name: str) -> None:
    assert ablation()[name] == pytest.approx(ADDED[name], rel=0.5)
