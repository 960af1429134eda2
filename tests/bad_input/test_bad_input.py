"""Bad input through the command line: exit code 2, one clear line, no traceback, soon."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Weft = Callable[..., Any]

CLUSTER = "nodes: 4\nnode: {system: dgx_h100}\nscale_out: {topology: leaf_spine}\n"
JOB = "model: llama3-8b\nsequence: 2048\nglobal_batch: 32\n"


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Write a cluster and a job file, replacing either."""

    def write(cluster: str | bytes = CLUSTER, job: str | bytes = JOB) -> tuple[Path, Path]:
        for name, content in (("cluster.yaml", cluster), ("job.yaml", job)):
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / "cluster.yaml", tmp_path / "job.yaml"

    return write


def check(ran: Any, says: str, begun: float) -> None:
    assert ran.code == 2, ran
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err
    assert says in ran.err
    assert len(ran.err) < 500
    assert time.process_time() - begun < 10


def test_the_pair_itself_is_good(weft: Weft, pair: Any) -> None:
    assert weft("simulate", *pair()).code == 0


@pytest.mark.parametrize(
    ("cluster", "says"),
    [
        (CLUSTER.replace("dgx_h100", "dgx_h10"), "did you mean 'dgx_h100'?"),
        (CLUSTER.replace("{system: dgx_h100}", "{accelerator: h100_sxn}"), "did you mean 'h100_sxm'?"),
        (CLUSTER.replace("nodes:", "nodez:"), "cluster.yaml:1: nodez: unknown field; did you mean 'nodes'?"),
        (CLUSTER.replace("system", "sistem"), "cluster.yaml:2: node.sistem: unknown field; did you mean 'system'?"),
        (CLUSTER.replace("leaf_spine", "leaf_spin"), "did you mean 'leaf_spine'?"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, oversubscripton: 2"), "did you mean 'oversubscription'?"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, radix: 1"), "radix"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, radix: -64"), "radix"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, radix: many"), "radix"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, rate: 400G"), "400Gb/s or 400GB/s"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, rate: 400USD"), "unknown unit 'USD'"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, rate: -400Gb/s"), "negative"),
        (CLUSTER.replace("leaf_spine", "leaf_spine, switch: arista_9999"), "unknown"),
        (CLUSTER.replace("nodes: 4", "nodes: 0"), "greater than 0"),
        (CLUSTER.replace("nodes: 4", "nodes: 4.5"), "whole number"),
        (CLUSTER.replace("nodes: 4", "nodes: .inf"), "not a finite number"),
        (CLUSTER.replace("nodes: 4", "nodes: " + "9" * 4000), "digits"),
        (CLUSTER.replace("nodes: 4", "nodes: 99999999999"), "less than or equal"),
        (CLUSTER.replace("{topology: leaf_spine}", "[leaf_spine]"), "scale_out"),
        (CLUSTER.replace("{topology: leaf_spine}", "{topology: [a]}"), "topology"),
        (CLUSTER.replace("{topology: leaf_spine}", "{}"), "topology"),
        (CLUSTER + "catalog: [missing.yaml]\n", "missing.yaml"),
        (CLUSTER + "prices: {energy: 5EUR}\n", "unknown unit 'EUR'"),
        (CLUSTER + "prices: {pue: 0.5}\n", "prices.pue"),
        ("", "the file is empty"),
        ("nonsense", "single value 'nonsense'"),
        (CLUSTER + "nodes: 8\n", "'nodes' is given twice; first on line 1"),
    ],
)
def test_cluster_files(weft: Weft, pair: Any, cluster: str, says: str) -> None:
    begun = time.process_time()
    check(weft("simulate", *pair(cluster=cluster)), says, begun)


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (JOB.replace("llama3-8b", "llama3-8bb"), "did you mean 'llama3-8b'?"),
        (JOB.replace("llama3-8b", "{layers: 4, hiden: 8}"), "job.yaml:1: model.hiden: unknown field"),
        (JOB.replace("sequence", "seqence"), "job.yaml:2: seqence: unknown field; did you mean 'sequence'?"),
        (JOB.replace("2048", "-2048"), "job.yaml:2: sequence"),
        (JOB.replace("32", "-32"), "job.yaml:3: global_batch"),
        (JOB.replace("32", "0"), "job.yaml:3: global_batch"),
        (JOB.replace("32", "32GB"), "unknown unit 'GB'"),
        (JOB + "precision: int3\n", "job.yaml:4: precision"),
        (JOB + "recompute: selectiv\n", "did you mean 'selective'?"),
        (JOB + "stack: megatron\n", "stack"),
        (JOB + "parallelism: {tp: 3}\n", ""),
        (JOB + "parallelism: {tp: 7, pp: 11}\n", ""),
        (JOB + "parallelism: {tp: 0}\n", "parallelism.tp"),
        (JOB + "accelerators: 100000\n", ""),
        (JOB + "extra: 1\n", "job.yaml:4: extra: unknown field"),
    ],
)
def test_job_files(weft: Weft, pair: Any, job: str, says: str) -> None:
    begun = time.process_time()
    check(weft("simulate", *pair(job=job)), says, begun)


def _garbage() -> list[tuple[str, bytes]]:
    rng = random.Random(0)
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return [
        ("random bytes", rng.randbytes(10_000_000)),
        ("10 MB of text", b"all work and no play\n" * 500_000),
        ("10 MB of brackets", b"[" * 10_000_000),
        ("3 MB of brackets", b"a: " + b"[" * 3_000_000),
        ("3 MB of fields", b"\n".join(b"k%d: v" % i for i in range(250_000))),
        ("alias bomb", "\n".join(bomb).encode()),
        ("zero bytes", b"\0" * 1000),
        ("UTF-16", "nodes: 4".encode("utf-16")),
        ("Latin-1", "name: café\n".encode("latin-1")),
        ("object tag", b"!!python/object/apply:os.system [touch pwned]"),
    ]


@pytest.mark.parametrize(("what", "content"), _garbage(), ids=[what for what, _ in _garbage()])
def test_garbage(weft: Weft, pair: Any, what: str, content: bytes) -> None:
    begun = time.process_time()
    check(weft("simulate", *pair(cluster=content)), "cluster.yaml", begun)
    check(weft("fabric", "show", pair(cluster=content)[0]), "cluster.yaml", begun)
    check(weft("validate", "--rows", pair(cluster=content)[0]), "cluster.yaml", begun)
    assert not Path("pwned").exists()


def test_paths(weft: Weft, pair: Any, tmp_path: Path) -> None:
    cluster, job = pair()
    begun = time.process_time()
    check(weft("simulate", tmp_path, job), "is a folder", begun)
    check(weft("simulate", cluster, tmp_path / "missing.yaml"), "no such file", begun)
    check(weft("fabric", "show", tmp_path / "missing.yaml"), "no such file", begun)
    check(weft("bench", "all_reduce", tmp_path / "missing.yaml"), "no such file", begun)
    check(weft("validate", "--rows", tmp_path), "is a folder", begun)
    check(weft("simulate", cluster, job, "--trace", tmp_path / "no" / "t.json"), "cannot be written", begun)
    check(weft("simulate", cluster, job, "--tables", cluster), "cannot be made a folder", begun)
    if os.geteuid() != 0:
        job.chmod(0)
        check(weft("simulate", cluster, job), "cannot be read", begun)


def test_options(weft: Weft, pair: Any) -> None:
    cluster, job = pair()
    begun = time.process_time()
    check(weft("simulate", cluster, job, "--engine", "analytc"), "did you mean 'analytic'?", begun)
    check(weft("simulate", job, cluster), "unknown field", begun)
    check(weft("simulate", cluster, job, "--tables", cluster.parent / "t", "--table-format", "xls"), "xls", begun)
    check(weft("bench", "all_reduc", cluster), "did you mean 'all_reduce'?", begun)
    check(weft("bench", "all_reduce", cluster, "-b", "-5"), "-5", begun)
    check(weft("bench", "all_reduce", cluster, "-b", "eight"), "eight", begun)
    check(weft("catalog", "show", "h100_sxmm"), "did you mean 'h100_sxm'?", begun)
    check(weft("catalog", "list", "switchs"), "did you mean 'switches'?", begun)


@pytest.mark.parametrize("content", [CLUSTER.replace("dgx_h100", "dgx_h10").encode(), b"\0" * 10_000_000])
def test_as_a_user_sees_it(pair: Any, content: bytes) -> None:
    cluster, job = pair(cluster=content)
    begun = time.process_time()
    command = [sys.executable, "-m", "weft", "simulate", str(cluster), str(job)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert time.process_time() - begun < 10
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
