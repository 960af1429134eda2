"""Rows of other papers and stacks, with fields changed, missing or nonsense: each is predicted, or says why not."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.validation import RowFile, read_rows, run_file
from weft.validation.training_rows import case_of

PUBLISHED = read_rows(str(files("weft.validation") / "data" / "training.yaml"))
SMALL = [row for row in PUBLISHED.rows if isinstance(row.get("n_gpus"), int) and row["n_gpus"] <= 512]
NONSENSE = st.sampled_from([None, "", "x", 0, -1, 7, 1.5, True, [1], {"x": 1}])
COUNTS = st.sampled_from([1, 2, 3, 4, 8, 16, 64, 96, 1000])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "accel": st.sampled_from(["H100", "A100-40GB", "DGX-GB300", "B200", "H200", "MI300X", "TPU v5p", "DGX-B300"]),
    "model": st.sampled_from(["Llama 3 8B", "Mixtral 8x7B", "DeepSeekV3", "GPT-3 175B", "7B", "gpt-oss-120b"]),
    "stack": st.sampled_from(["Megatron-Core", "torchtitan", "NeMo", "Megatron Bridge", "MaxText", "deepspeed-zero2"]),
    "source": st.sampled_from(["mbridge", "torchtitan", "foundry", "mlperf", "misc", "someone", "megascale"]),
    "precision": st.sampled_from(["bf16", "fp16", "fp8", "MXFP8", "NVFP4", "fp32", "int8"]),
    "schedule": st.sampled_from(["1F1B", "gpipe", "ZB-1p", "ZB-2p", "dualpipe", "chimera", "interleaved"]),
    "recompute": st.sampled_from(["none", "selective", "full", "attention"]),
    "moe": st.sampled_from([{"experts": 8, "top_k": 2, "ffn": 14336}, {"experts": 8, "top_k": 9, "ffn": 64}]),
    "seq": st.sampled_from([128, 1000, 4096, 131072]),
    "zero": st.integers(0, 4),
    **dict.fromkeys(
        ["n_gpus", "global_batch", "micro_batch", "tp", "pp", "cp", "ep", "etp", "dp", "interleave"], COUNTS
    ),
    **dict.fromkeys(["layers", "h", "heads", "kv_heads", "ffn", "vocab", "fsdp", "per_node"], COUNTS),
}
MEASURED = st.sampled_from(
    ["tokens_per_s_per_gpu", "step_time_s", "mfu_pct", "tflops_per_gpu", "fwd_ms", "training_GFLOP_per_token", "other"]
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    row = dict(draw(st.sampled_from(SMALL)), id="training-1")
    for field in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=8, unique=True)):
        row[field] = draw(st.one_of(FIELDS[field], FIELDS[field], NONSENSE))
    for field in draw(st.lists(st.sampled_from(sorted(row)), max_size=2)):
        if field not in ("id", "measured"):
            row.pop(field, None)
    if draw(st.booleans()):
        row["measured"] = {draw(MEASURED): draw(st.sampled_from([1.0, 500, "5", None, True]))}
    return row


@given(rows())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_row_is_predicted_or_says_why_not(row: dict[str, Any]) -> None:
    report = run_file(RowFile("training", PUBLISHED.sources, PUBLISHED.series, [row], "rows.yaml"))
    assert report.internal_errors == 0, report.predictions
    for each in report.predictions:
        if each.status == "ok":
            assert each.predicted is not None
            assert math.isfinite(each.predicted)
            assert each.predicted > 0
        else:
            assert each.reason
            assert "\n" not in each.reason


@pytest.mark.parametrize(
    ("fields", "tp", "pp", "dp"),
    [
        ({"tp": 8, "dp": 4}, 8, 2, 4),
        ({"pp": 4, "dp": 2}, 8, 4, 2),
        ({"dp": 64}, 1, 1, 64),
        ({"fsdp": 64}, 1, 1, 64),
        ({"tp": 4, "cp": 2, "dp": 8}, 4, 1, 8),
    ],
)
def test_replicas_tell_the_degree_that_is_left_over(fields: dict[str, int], tp: int, pp: int, dp: int) -> None:
    row = {"id": "training-1", "model": "llama3-70b", "accel": "H100", "n_gpus": 64, "seq": 4096, "global_batch": 256}
    parallelism = case_of({**row, "stack": "Megatron-Core", "source": "someone", **fields}).jobs[0].parallelism
    assert (parallelism.tp, parallelism.pp, parallelism.dp) == (tp, pp, dp)
