"""Jobs that a cluster cannot run, through the command line: one line and exit code 2, or a verdict and 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Weft = Callable[..., Any]

CLUSTER = "nodes: 4\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine}\n"
JOB = "model: llama3-8b\nsequence: 2048\nglobal_batch: 64\n"
SHAPE = "{layers: 8, hidden: 1024, heads: 16, vocab: 1000}"


def layout(text: str) -> str:
    return f"{JOB}parallelism: {{{text}}}\n"


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (layout("tp: 16"), "job.yaml:4: parallelism.tp: tp 16 is wider than the scale-up domain of 8 accelerators"),
        (layout("tp: 16"), "allow_tp_across_nodes: true"),
        (JOB.replace("llama3-8b", SHAPE) + "parallelism: {tp: 32, allow_tp_across_nodes: true}\n", "heads 16 are not"),
        (JOB.replace("llama3-8b", SHAPE.replace("16", "15")), "hidden 1024 is not divisible by heads 15"),
        (JOB.replace("llama3-8b", SHAPE.replace("vocab", "kv_heads: 5, vocab")), "not a multiple of kv_heads 5"),
        (JOB + "accelerators: 64\n", "asks for 64 accelerators, the cluster has 32"),
        (layout("tp: 8, pp: 4, dp: 2"), "tp x cp x pp x dp = 64, but the cluster has 32 accelerators"),
        (layout("tp: 3"), "not divisible by tp x cp x pp = 3 x 1 x 1"),
        (layout("pp: 64"), "parallelism"),
        (JOB.replace("64", "48"), "global_batch 48 is not divisible by dp x micro_batch = 32 x 1"),
        (JOB.replace("64", "64.5"), "global_batch"),
        (JOB + "micro_batch: 3\n", "not divisible by dp x micro_batch = 32 x 3 = 96"),
        (layout("cp: 32").replace("2048", "2000"), "sequence 2000 is not divisible by cp 32"),
        (layout("pp: 4, tp: 8, interleave: 2").replace("64", "6"), "divisible by pp (4)"),
        (layout("pp: 4, tp: 8, interleave: 20"), "32 layers cannot fill pp x interleave = 4 x 20 stages"),
        (layout("shard_within: 5"), "32 replicas do not divide into shard groups of 5"),
        (JOB.replace("llama3-8b", "llama4-9b"), "unknown part in models 'llama4-9b'; did you mean 'llama3-8b'?"),
        (JOB + "stack: megatron-cor\n", "did you mean 'megatron-core'?"),
        (JOB + "precision: fp32\n", "training in fp32 has no measured kernel efficiencies"),
        (JOB + "precision: fp4\n", "job.yaml:4: precision"),
        (JOB + "offload: {optimizer: 1.5}\n", "job.yaml:4: offload.optimizer"),
        (JOB + "offload: {optimiser: 1}\n", "did you mean 'optimizer'?"),
        (JOB + "offload: {gradients: true}\n", "offload.gradients: gradients go to the host once they are sharded"),
        (JOB + "offload: {gradients: true}\n", "set parallelism.zero to 2 or 3, read 1"),
        (layout("zero: 2") + "offload: {gradients: true, optimizer: 0}\n", "set offload.optimizer above 0"),
        (JOB + "offload: {optimizer: 0}\n", "nothing is offloaded"),
    ],
)
def test_one_line_and_exit_code_2(weft: Weft, tmp_path: Path, job: str, says: str) -> None:
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    (tmp_path / "job.yaml").write_text(job)
    ran = weft("simulate", tmp_path / "cluster.yaml", tmp_path / "job.yaml", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err


def test_an_unknown_engine(weft: Weft, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    (tmp_path / "job.yaml").write_text(JOB)
    ran = weft("simulate", tmp_path / "cluster.yaml", tmp_path / "job.yaml", "--engine", "analytical")
    assert (ran.code, ran.out) == (2, "")
    assert "unknown engine 'analytical'; did you mean 'analytic'?" in ran.err


@pytest.mark.parametrize(
    ("node", "precision", "says"),
    [
        ("{system: dgx_a100}", "fp8", "fp8"),
        ("{accelerator: mi300x, accelerators: 8}", "bf16", "measured kernel efficiencies"),
    ],
)
def test_what_has_not_been_measured_is_not_guessed(
    weft: Weft, tmp_path: Path, node: str, precision: str, says: str
) -> None:
    (tmp_path / "cluster.yaml").write_text(CLUSTER.replace("{system: dgx_h100}", node))
    (tmp_path / "job.yaml").write_text(JOB + f"precision: {precision}\n")
    ran = weft("simulate", tmp_path / "cluster.yaml", tmp_path / "job.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert says in ran.err


def test_a_job_that_does_not_fit_is_answered_with_exit_code_1(weft: Weft, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    (tmp_path / "job.yaml").write_text(JOB.replace("llama3-8b", "llama3-405b"))
    ran = weft("simulate", tmp_path / "cluster.yaml", tmp_path / "job.yaml", "--json")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert not found["memory"]["fits"]
    assert found["memory"]["verdict"].startswith("does not fit: ")
    assert found["step_time_s"] > 0
    ran = weft("simulate", tmp_path / "cluster.yaml", tmp_path / "job.yaml")
    assert ran.code == 1
    assert "does not fit" in ran.out
