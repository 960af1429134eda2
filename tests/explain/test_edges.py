"""Explanations of runs out of the ordinary: jobs that do not fit, slow hosts, whole runs, one accelerator."""

from __future__ import annotations

import pytest

import weft
from weft.engines.scenario import Scenario, Slow
from weft.explain import explain

NODE = {"system": "dgx_h100"}
CLUSTER = weft.Cluster.model_validate({"nodes": 2, "node": NODE, "scale_out": {"topology": "leaf_spine"}})
JOB = weft.Job(model="llama3-8b", sequence=4096, global_batch=32, parallelism=weft.Parallelism(tp=4))


def test_a_job_that_does_not_fit_is_told_what_would() -> None:
    result = weft.simulate(CLUSTER, JOB.model_copy(update={"parallelism": weft.Parallelism(zero=0)}))
    assert not result.run.memory.fits
    changes = explain(result.run, result.fabric).changes
    assert changes.tried
    assert all(each.memory_bytes <= result.run.memory.capacity_bytes for each in changes.tried)


def test_a_slow_host_is_in_the_bars_and_its_absence_among_the_changes() -> None:
    scenario = Scenario(slow=[Slow(node="host1", factor=1.5)])
    result = weft.simulate(CLUSTER, JOB, engine="fluid", scenario=scenario)
    found = result.explanation()
    bars = {bar.name: bar.seconds for bar in found.bars}
    assert sum(bars.values()) == pytest.approx(result.step_time_s, rel=1e-9)
    assert bars["beside"] > 0.1 * result.step_time_s
    best = next(each for each in found.changes.tried if each.about == "network")
    assert best.change == "no slow hosts"
    assert best.gain > 0.2


def test_every_rank_run_by_itself_gives_the_same_bars() -> None:
    folded, whole = (weft.simulate(CLUSTER, JOB, fold=fold).explanation() for fold in (True, False))
    for ours, theirs in zip(folded.bars, whole.bars, strict=True):
        assert (ours.name, ours.seconds) == (theirs.name, pytest.approx(theirs.seconds, rel=1e-6))


def test_one_accelerator_computes_and_nothing_else() -> None:
    one = weft.Cluster.model_validate({"nodes": 1, "node": NODE, "scale_out": None})
    alone = {"accelerators": 1, "global_batch": 1, "recompute": "full", "optimizer": "sgd"}
    job = JOB.model_copy(update={**alone, "parallelism": weft.Parallelism()})
    result = weft.simulate(one, job)
    found = result.explanation()
    assert {bar.name for bar in found.bars} <= {
        "peak", "clock", "products", "attention", "memory", "overheads", "recomputation",
    }  # fmt: skip
    assert all(each.about == "job" for each in found.changes.tried)
