"""Headlines about training runs and collectives: runs simulated as the training suite does, collectives timed."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from weft.collectives import estimate, library_for, load_library
from weft.validation import training
from weft.validation.rows import Row, RowFile, read_rows
from weft.validation.topology_fabric import Answer, build, constants
from weft.validation.training_rows import checked

_LARGE_BYTES = 8 * 2.0**30
_MEGASCALE_GPUS = 12_288


def megascale() -> Answer:
    """GPT 175B on 12,288 A100: the published runs on 8,192, with half as many replicas again."""
    ranks = {"n_gpus": _MEGASCALE_GPUS, "dp": _MEGASCALE_GPUS // 64}
    row, other = ({**_row(f"megascale_{name}_8192"), **ranks} for name in ("MegaScale", "Megatron-LM"))
    ours, theirs = training.best_run(checked(row)), training.best_run(checked(other))
    values = {"mfu_pct": training.mfu_pct(ours, row), "speedup_vs_megatron_x": theirs.step_s / ours.step_s}
    note = "as the published run on 8,192 GPUs, with 192 replicas"
    return Answer(constants(values), {"n_gpus": "given: the run is on so many"}, note=note)


def llama3() -> Answer:
    """The least and the most MFU over the published layouts of Llama 3 405B."""
    return _range("llama3", "mfu_pct")


def megatron_core() -> Answer:
    """The least and the most MFU over Megatron-Core's weak scaling."""
    return _range("mcore_table", "mfu_pct")


def deepseek_v3() -> Answer:
    """DeepSeek-V3 on 2,048 H800, attention counted in whole and its causal half."""
    row = _row("dsv3_MRFT")
    run = training.best_run(checked(row))
    per_s = run.tokens_per_s / run.plan.mapping.ranks / run.plan.peak
    flops = run.plan.transformer.flops_per_token
    shares = {
        f"mfu_{name}_pct": 100 * per_s * flops(run.plan.job.sequence, causal=causal)
        for name, causal in (("noncausal", False), ("causal", True))
    }
    return Answer(constants(shares))


def bloom() -> Answer:
    """BLOOM at its full batch, as its authors count: 8 FLOPs a parameter and token."""
    row = {**_row("bloom176_gbs192"), "global_batch": 2048, "micro_batch": 2}
    run = training.best_run(checked(row))
    per_token = 8 * run.plan.transformer.parameters(run.plan.job.sequence)
    tflops = per_token * run.tokens_per_s / run.plan.mapping.ranks / 1e12
    return Answer(constants({"tflops_hw": tflops}), note="2,048 sequences a step, two a micro-batch")


def in_network_gain() -> Answer:
    """All-reduce of 8 GiB on eight GPUs: by the switch against by a ring."""
    gains = {
        f"nvls_gain_x_{name}": _ring_over_switch(part) for name, part in (("h200", "h200_sxm"), ("b200", "b200_hgx"))
    }
    return Answer(constants(gains))


def _ring_over_switch(accelerator: str) -> float:
    group = build(1, {"accelerator": accelerator, "accelerators": 8, "nics": 0}).group(range(8))
    library = load_library(library_for(accelerator))
    ring, switch = (
        estimate("all_reduce", _LARGE_BYTES, group, library=library, algorithm=name).time_s
        for name in ("ring", "in_network")
    )
    return ring / switch


def _range(source: str, metric: str) -> Answer:
    """The least and the most over the training rows of a source."""
    rows = [row for row in _rows().rows if row.get("source") == source]
    found = [training.mfu_pct(training.best_run(checked(row)), row) for row in rows]
    values = {f"{metric}_low": min(found), f"{metric}_high": max(found)}
    return Answer(constants(values), note=f"over {len(found)} published runs")


@lru_cache(maxsize=1)
def _rows() -> RowFile:
    return read_rows(str(files("weft.validation") / "data" / "training.yaml"))


def _row(slug: str) -> Row:
    found: dict[str, Any] = next(row for row in _rows().rows if row.get("slug") == slug)
    return found
