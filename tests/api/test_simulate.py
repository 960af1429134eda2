"""`weft.simulate` from Python on the published cluster and job: one answer, told the same in every form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.result import Result

EXAMPLE = "examples/llama3-405b"
CLUSTER = weft.Cluster(nodes=2, node=weft.Node(system="dgx_h100"), scale_out={"topology": "leaf_spine"})
JOB = weft.Job(
    model="llama3-8b",
    sequence=4096,
    global_batch=32,
    parallelism=weft.Parallelism(tp=2, pp=2),
    stack="megatron-core",
)


@pytest.fixture(scope="module")
def result(root: Path) -> Result:
    return weft.simulate(root / EXAMPLE / "cluster.yaml", root / EXAMPLE / "job.yaml")


@pytest.fixture(scope="module")
def answer(result: Result) -> dict[str, Any]:
    return result.to_dict()


def test_the_published_step_is_met(answer: dict[str, Any]) -> None:
    """Table 4 of "The Llama 3 Herd of Models" (arXiv 2407.21783): 400 TFLOP/s a GPU on 16,384 GPUs at 8,192 tokens."""
    assert answer["tflops_per_gpu"] == pytest.approx(400, rel=0.10)
    assert answer["mfu"] == pytest.approx(0.41, rel=0.10)
    assert answer["memory"]["fits"]  # as it did


def test_machines_read_these_keys(answer: dict[str, Any]) -> None:
    assert answer["schema"] == "weft.simulate/1"
    assert {
        "schema", "engine", "step_time_s", "breakdown_s", "tflops_per_gpu", "mfu", "tokens_per_s",
        "memory_bytes_per_gpu", "bottleneck", "capital_cost_usd", "network_power_w", "wall_s", "peak_rss_bytes",
    } <= set(answer)  # fmt: skip
    assert list(answer["breakdown_s"]) == [
        "compute", "exposed_tp", "exposed_pp", "exposed_dp", "exposed_ep", "exposed_cp", "bubble",
    ]  # fmt: skip
    money = answer["capital_cost_usd"]
    assert 0 < money["low"] <= money["typical"] <= money["high"]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_figures_of_one_answer_agree(result: Result, answer: dict[str, Any]) -> None:
    assert sum(answer["breakdown_s"].values()) == pytest.approx(answer["step_time_s"], rel=1e-9)
    assert answer["tokens_per_s"] == pytest.approx(2048 * 8192 / answer["step_time_s"])
    # Per token: 6 FLOPs a matrix parameter (tables' look-up and norms are none) and 12 L h s for attention.
    flops = 6 * (answer["job"]["parameters"] - 128256 * 16384 - 253 * 16384) + 12 * 126 * 16384 * 8192
    assert answer["tflops_per_gpu"] == pytest.approx(flops * answer["tokens_per_s"] / 16384 / 1e12)
    assert answer["mfu"] == pytest.approx(answer["tflops_per_gpu"] / 989.4, rel=1e-3)
    held = answer["memory"]
    parts = [held[f"{name}_bytes"] for name in ("weights", "gradients", "optimizer", "activations")]
    assert sum(parts) == pytest.approx(answer["memory_bytes_per_gpu"])
    assert held["fits"] is (answer["memory_bytes_per_gpu"] <= held["capacity_bytes"])
    assert 0 < answer["bottleneck_exposed_s"] <= answer["breakdown_s"][answer["bottleneck_cause"]] * (1 + 1e-9)
    assert answer["bottleneck"] in result.tables()["communications"]["link_class"]
    degrees = {"tp": 8, "cp": 1, "pp": 16, "dp": 128, "ep": 1, "etp": 1}
    assert answer["job"]["parallelism"] == {**degrees, "interleave": 8, "schedule": "1f1b", "zero": 2}
    assert (answer["cluster"]["accelerators"], answer["job"]["micro_batches"]) == (16384, 16)


def test_attributes_are_the_answers(result: Result, answer: dict[str, Any]) -> None:
    for name in ("step_time_s", "breakdown_s", "tflops_per_gpu", "mfu", "tokens_per_s"):
        assert getattr(result, name) == answer[name]
    assert result.bottleneck == tuple(answer[f"bottleneck{x}"] for x in ("", "_cause", "_exposed_s"))


def test_tables_tell_what_the_timeline_shows(result: Result) -> None:
    tables = result.tables()
    for name, columns in tables.items():
        assert len({len(column) for column in columns.values()}) == 1, name
    operations = tables["operations"]
    rows = zip(operations["stage"], operations["stream"], operations["start_s"], operations["end_s"], strict=True)
    told = [(f"stage {stage}", stream, start, end - start) for stage, stream, start, end in rows if end > start]
    shown = [(each.group, each.track, each.start_s, each.duration_s) for each in result.slices()]
    assert told == shown
    assert max(operations["end_s"]) == pytest.approx(
        result.step_time_s
    )  # nothing is folded: 16 micro-batches, 16 stages
    assert sum(tables["breakdown"]["time_s"]) == pytest.approx(result.step_time_s)


def test_a_table_of_communications_says_how_long_each_takes(result: Result) -> None:
    tables = result.tables()
    operations, communications = tables["operations"], tables["communications"]
    for start, end, index in zip(operations["start_s"], operations["end_s"], operations["communication"], strict=True):
        if index >= 0:
            assert end - start == pytest.approx(communications["time_s"][index], abs=1e-9)
    assert set(communications["kind"]) == {"all_gather", "reduce_scatter", "send_recv"}


def test_no_track_is_in_two_places(result: Result) -> None:
    busy_until: dict[tuple[str, str], float] = {}
    for each in result.slices():
        track = (each.group, each.track)
        assert each.start_s >= busy_until.get(track, 0.0) - 1e-9
        busy_until[track] = each.start_s + each.duration_s
    assert {group for group, _ in busy_until} == {f"stage {stage}" for stage in range(16)}


def timeless(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in ("wall_s", "peak_rss_bytes")}


def test_the_same_question_has_the_same_answer() -> None:
    first, second = (weft.simulate(CLUSTER, JOB).to_dict() for _ in range(2))
    assert timeless(first) == timeless(second)


def test_files_and_objects_are_the_same_question(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text("nodes: 2\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine}\n")
    (tmp_path / "job.yaml").write_text(
        "model: llama3-8b\nsequence: 4096\nglobal_batch: 32\nparallelism: {tp: 2, pp: 2}\nstack: megatron-core\n"
    )
    read = weft.simulate(tmp_path / "cluster.yaml", tmp_path / "job.yaml").to_dict()
    assert timeless(read) == timeless(weft.simulate(CLUSTER, JOB).to_dict())


def test_provenance_tells_inputs_apart() -> None:
    def inputs(cluster: weft.Cluster, job: weft.Job) -> str:
        return str(weft.simulate(cluster, job).provenance()["inputs_sha256"])

    asked = [
        inputs(CLUSTER, JOB),
        inputs(CLUSTER, JOB.model_copy(update={"sequence": 2048})),
        inputs(CLUSTER, JOB.model_copy(update={"parallelism": weft.Parallelism(tp=2, pp=2, zero=0)})),
        inputs(CLUSTER.model_copy(update={"nodes": 4}), JOB),
    ]
    assert len(set(asked)) == len(asked)
    kept = weft.simulate(CLUSTER, JOB).provenance()
    assert kept["version"] == weft.__version__
    assert kept["engine"] == "analytic"
    assert kept["catalog_revision"] == weft.load_catalog().revision


def test_another_catalog_is_another_revision(tmp_path: Path) -> None:
    overlay = tmp_path / "parts.yaml"
    overlay.write_text("kind: switches\nparts:\n- {id: mine, name: Mine, protocol: ethernet, ports: 64x400G}\n")
    with_overlay = CLUSTER.model_copy(update={"catalog": [str(overlay)]})
    revisions = [weft.simulate(each, JOB).provenance()["catalog_revision"] for each in (CLUSTER, with_overlay)]
    assert revisions[0] != revisions[1]


def test_notebooks_show_a_card(result: Result, answer: dict[str, Any]) -> None:
    card = result._repr_html_()
    assert "llama3-405b-8k on llama3-405b" in card
    assert f"{answer['mfu']:.1%}".rstrip("%")[:4] in card
    assert "<script" not in card
    assert repr(result).startswith("<Result 'llama3-405b-8k' on 'llama3-405b': step ")


def test_accelerators_left_over_are_mentioned() -> None:
    few = JOB.model_copy(update={"parallelism": weft.Parallelism(tp=2, pp=2, dp=1)})
    assert any(
        "12 of the cluster's 16 accelerators are not used" in each for each in weft.simulate(CLUSTER, few).warnings()
    )


def test_more_memory_than_there_is_is_a_warning_and_a_verdict() -> None:
    big = JOB.model_copy(update={"model": "llama3-70b"})
    found = weft.simulate(CLUSTER, big).to_dict()
    assert not found["memory"]["fits"]
    assert found["memory"]["verdict"] in found["warnings"]


def test_public_names_are_those_that_can_be_had() -> None:
    assert weft.__all__ == sorted(weft.__all__)
    assert set(weft.__all__) == set(weft._HOMES)
    for name in weft.__all__:
        assert getattr(weft, name).__name__ == name
    assert set(weft.__all__) <= set(dir(weft))
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = weft.simulat


def test_public_names_are_imported_when_asked_for() -> None:
    code = "import sys, weft; a = 'weft.api' in sys.modules; weft.simulate; print(a, 'weft.api' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True"]
    code = "from weft import *; print(sorted(n for n in globals() if not n.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == str(weft.__all__)
