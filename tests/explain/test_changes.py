"""What would help is what runs say: each gain is that of a run by itself, and what cannot be is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.engines.step import memory_on, run_step
from weft.explain import explain
from weft.explain.faster_network import faster_network, next_rate_Bps
from weft.explain.neighbours import neighbours
from weft.fabric import Fabric, build_fabric
from weft.fabric.routing_options import Routing
from weft.report.explanation import drawn, explanation_text
from weft.workload.memory import Memory

NODE = {"system": "dgx_h100"}
CLUSTER = weft.Cluster.model_validate({"nodes": 4, "node": NODE, "scale_out": {"topology": "leaf_spine"}})
JOB = weft.Job(
    model="llama3-8b", sequence=4096, global_batch=64, parallelism=weft.Parallelism(tp=2, pp=2), recompute="full"
)


@pytest.fixture(scope="module")
def result() -> weft.Result:
    return weft.simulate(CLUSTER, JOB)


def test_every_gain_is_that_of_a_run_by_itself(result: weft.Result) -> None:
    tried = {each.change: each for each in explain(result.run, result.fabric).changes.tried}
    for each in neighbours(result.run.plan):
        if each.change in tried:
            alone = weft.simulate(CLUSTER, weft.Job.model_validate(each.job.model_dump()))
            assert tried[each.change].step_s == pytest.approx(alone.step_time_s, rel=1e-12)
            assert tried[each.change].gain == pytest.approx(1 - alone.step_time_s / result.step_time_s, abs=1e-12)
            assert alone.run.memory.fits


def test_changes_are_ranked_and_counted(result: weft.Result) -> None:
    changes = explain(result.run, result.fabric).changes
    gains = [each.gain for each in changes.tried]
    assert gains == sorted(gains, reverse=True)
    assert changes.count == len(changes.tried) + sum(changes.left_out.values())
    named = {each.change for each in changes.tried}
    assert "recompute none (now full)" in named
    assert "scale-out links of 800 Gb/s (now 400 Gb/s)" in named


def test_mappings_keep_every_rank_and_the_job(result: weft.Result) -> None:
    mapped = [each.job for each in neighbours(result.run.plan) if each.job.parallelism.dp is not None]
    assert len(mapped) > 4
    for job in mapped:
        shape = job.parallelism
        assert shape.tp * shape.cp * shape.pp * (shape.dp or 0) == 32
        assert (job.model, job.global_batch, job.precision, job.stack) == (JOB.model, 64, JOB.precision, JOB.stack)


def test_what_does_not_fit_is_left_out(result: weft.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(fabric: Fabric, job: weft.Job) -> Memory:
        memory = memory_on(fabric, job)
        return Memory(
            memory.weights_bytes, memory.gradients_bytes, memory.optimizer_bytes, memory.activations_bytes, 25e9
        )

    monkeypatch.setattr("weft.explain.changes.memory_on", small)
    changes = explain(result.run, result.fabric).changes
    assert changes.left_out["too large for memory"] > 0
    assert all(each.memory_bytes <= 25e9 for each in changes.tried)


def test_a_network_made_faster_is_the_network_built_faster() -> None:
    fabrics = {
        rate: build_fabric(
            weft.Cluster.model_validate(
                {"nodes": 4, "node": {**NODE, "nic": "cx7"}, "scale_out": {"topology": "leaf_spine", "rate": rate}}
            )
        )
        for rate in ("200Gb/s", "400Gb/s")
    }
    slow, fast = fabrics["200Gb/s"], fabrics["400Gb/s"]
    assert next_rate_Bps(slow) == pytest.approx(50e9)
    made = faster_network(slow, 2.0)
    for ranks in (range(0, 32, 8), range(32)):
        ours, built = made.group(ranks), fast.group(ranks)
        assert [level.rate_Bps for level in ours.levels] == pytest.approx([level.rate_Bps for level in built.levels])
    assert made.bisection_Bps == pytest.approx(2 * slow.bisection_Bps)
    sums = JOB.model_copy(update={"parallelism": weft.Parallelism(zero=0), "overlap": weft.Overlap(dp=False)})
    for engine in ("analytic", "fluid"):
        exposed = [run_step(f, sums, engine=engine).breakdown_s["exposed_dp"] for f in (slow, made)]
        assert 0.45 < exposed[1] / exposed[0] < 0.6


def test_a_network_without_a_faster_nic_is_left_as_it_is() -> None:
    one = weft.Cluster.model_validate({"nodes": 1, "node": NODE, "scale_out": None})
    assert next_rate_Bps(build_fabric(one)) is None


def test_the_fluid_engine_tries_routing_and_links_itself() -> None:
    hashed = CLUSTER.model_copy(update={"routing": Routing(policy="ecmp")})
    result = weft.simulate(hashed, JOB, engine="fluid")
    changes = explain(result.run, result.fabric).changes
    engines = {each.about: each.engine for each in changes.tried}
    assert engines == {"job": "analytic", "network": "fluid"}
    named = {each.change: each for each in changes.tried}
    assert "adaptive routing" in named
    again = weft.simulate(hashed, JOB, engine="fluid", routing=Routing(policy="adaptive"))
    assert named["adaptive routing"].step_s == pytest.approx(again.step_time_s, rel=1e-9)


def test_forced_algorithms_are_those_that_the_library_would_not_take() -> None:
    sums = JOB.model_copy(update={"parallelism": weft.Parallelism(tp=4, zero=0), "overlap": weft.Overlap(dp=False)})
    result = weft.simulate(CLUSTER, sums)
    forced = {each.change: each for each in explain(result.run, result.fabric).changes.tried if " by " in each.change}
    assert "all_reduce by hierarchical" in forced
    assert not {"all_reduce by ring", "all_reduce by tree"} & forced.keys()
    alone = run_step(result.fabric, sums, algorithms={"all_reduce": "hierarchical"})
    assert forced["all_reduce by hierarchical"].step_s == alone.step_s


def test_told_in_text_and_to_machines(result: weft.Result, tmp_path: Path, weft_cli: Callable[..., Any]) -> None:
    for name, model in (("cluster", CLUSTER), ("job", JOB)):
        (tmp_path / f"{name}.yaml").write_text(json.dumps(model.model_dump(exclude_defaults=True, mode="json")))
    files = tmp_path / "cluster.yaml", tmp_path / "job.yaml"
    answer = json.loads(weft_cli("simulate", *files, "--explain", "--json").out)
    found = answer["explanation"]
    assert sum(bar["seconds"] for bar in found["waterfall"]) == pytest.approx(answer["step_time_s"])
    assert found["what_would_help"]["changes"][0]["gain"] > 0
    text = weft_cli("simulate", *files, "--explain").out
    assert f"{found['what_would_help']['tried']} changes tried" in text
    assert text.index("1. recompute none") < text.index("What it rests on") < text.index("Sources")
    assert max(map(len, text.split("Sources")[0].splitlines())) <= 125
    assert json.loads(json.dumps(found)) == found
    assert explanation_text(found) in text
    assert "explanation" not in json.loads(weft_cli("simulate", *files, "--json").out)


@pytest.mark.parametrize(
    ("begin", "end", "marks"),
    [
        (0.0, 1.0, "█" * 24),
        (0.0, 0.5, "█" * 12),
        (0.5, 0.501, " " * 12 + "█"),
        (0.999, 1.0, " " * 23 + "█"),
        (0.5, 0.5, " " * 12),
    ],
)
def test_bars_stand_where_they_begin(begin: float, end: float, marks: str) -> None:
    assert drawn(begin, end) == marks


@pytest.fixture
def weft_cli(request: pytest.FixtureRequest) -> Callable[..., Any]:
    run: Callable[..., Any] = request.getfixturevalue("weft")
    return run
