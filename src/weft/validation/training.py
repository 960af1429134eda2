"""The training suite: step times, throughput and memory of published training runs, predicted."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from weft.catalog import load_catalog
from weft.engines.step import StepRun, memory_on, run_step
from weft.fabric import Cluster, Fabric, Node, build_fabric
from weft.validation.rows import Prediction, Row, RowFile, unsupported
from weft.validation.training_fields import with_counts
from weft.validation.training_hardware import Inexpressible, Machine
from weft.validation.training_memory import predict_memory
from weft.validation.training_models import model_of
from weft.validation.training_rows import Case, checked
from weft.workload import presets
from weft.workload.transformer import Transformer


def predict(row: Row, file: RowFile) -> list[Prediction]:
    """Predict one row's most direct measurement: time before throughput before FLOP/s, which need a convention."""
    row = file.conditions(row)
    measured = row.get("measured") or {}
    try:
        if isinstance(measured.get("training_GFLOP_per_token"), int | float):
            return _training_flops(with_counts(row), float(measured["training_GFLOP_per_token"]))
        case = checked(row)
        if row.get("metric") in ("activation memory", "memory per GPU"):
            return predict_memory(row, _fabric(case.machine), case)
        for metric, value_of in _METRICS.items():
            if isinstance(measured.get(metric), int | float):
                run = best_run(case)
                return [_prediction(row, case, metric, value_of(run, row), float(measured[metric]))]
        if isinstance(measured.get("total_ms"), int | float):
            return _layer_times(row, case)
        raise Inexpressible(f"none of its measured values is predicted: {', '.join(measured)}")
    except Inexpressible as reason:
        return [unsupported(row, str(reason))]


def stack_of(row: Row, file: RowFile) -> str:
    """The software stack of a row's run; empty where the row cannot be expressed."""
    try:
        return checked(file.conditions(row)).stack
    except Inexpressible:
        return ""


def best_run(case: Case) -> StepRun:
    """Run the jobs that the row leaves open and that fit in memory (the first, if none does); return the fastest."""
    fabric = _fabric(case.machine)
    fitting = case.jobs if len(case.jobs) == 1 else [job for job in case.jobs if memory_on(fabric, job).fits]
    return min((run_step(fabric, job) for job in fitting or case.jobs[:1]), key=lambda run: run.step_s)


@lru_cache(maxsize=64)
def _fabric(machine: Machine) -> Fabric:
    nodes = math.ceil(machine.accelerators / machine.per_node)
    node = Node(
        accelerator=machine.accelerator, accelerators=machine.per_node, nics=min(machine.nics, machine.per_node)
    )
    network = {"topology": "fat_tree", "protocol": machine.protocol, "rate": f"{machine.nic_gbps:g}Gb/s"}
    return build_fabric(Cluster(nodes=nodes, node=node, scale_out=network if nodes > 1 else None))


def _prediction(row: Row, case: Case, metric: str, predicted: float, measured: float) -> Prediction:
    return Prediction(
        str(row["id"]),
        metric,
        predicted,
        measured,
        source=str(row.get("source", "")),
        stack=case.stack,
        accelerator=case.machine.accelerator,
    )


def _layer_times(row: Row, case: Case) -> list[Prediction]:
    """One layer's forward and backward time: a job of one layer without embedding or head."""
    from weft.workload.block import backward_block, forward_block

    run = best_run(case)
    times = {}
    for name, block in (("fwd_ms", forward_block(run.plan, 0, 1)), ("bwd_ms", backward_block(run.plan, 0, 1))):
        shown = (traffic.split(run.plan.overlaps)[1] for traffic in block.traffic)
        traffic = sum(run.engine.alone_s(c) for c in shown if c is not None)
        times[name] = 1e3 * (block.compute_s + traffic)
    times["total_ms"] = times["fwd_ms"] + times["bwd_ms"]
    return [_prediction(row, case, "total_ms", times["total_ms"], float(row["measured"]["total_ms"]))]


def _training_flops(row: Row, measured: float) -> list[Prediction]:
    """Model FLOPs to train on a token, of which attention counts the causal half."""
    model = Transformer(presets.model_of(model_of(row), load_catalog()))
    sequence = row.get("seq")
    if not isinstance(sequence, int) or sequence < 1:
        raise Inexpressible("the sequence length is not stated")
    predicted = model.flops_per_token(sequence, causal=True) / 1e9
    return [
        Prediction(str(row["id"]), "training_GFLOP_per_token", predicted, measured, source=str(row.get("source", "")))
    ]


def _seconds(run: StepRun, row: Row) -> float:
    return run.step_s


def _tokens_per_gpu(run: StepRun, row: Row) -> float:
    return run.tokens_per_s / run.plan.mapping.ranks


def _tflops(run: StepRun, row: Row) -> float:
    """TFLOP/s per accelerator as the source counts them."""
    return _flops_per_token(run, row) * _tokens_per_gpu(run, row) / 1e12


def mfu_pct(run: StepRun, row: Row) -> float:
    """MFU as the row's source counts FLOPs, per cent."""
    return 100 * _tflops(run, row) * 1e12 / run.plan.peak


def _hardware_tflops(run: StepRun, row: Row) -> float:
    """BLOOM counts 8 FLOPs per parameter and token: forward, backward and a recomputed forward."""
    return 8 * run.plan.transformer.parameters(run.plan.job.sequence) * _tokens_per_gpu(run, row) / 1e12


def _flops_per_token(run: StepRun, row: Row) -> float:
    """FLOPs per token by the source's own convention."""
    model, job = run.plan.transformer, run.plan.job
    if row.get("source") in ("sc21_fig", "sc21_text") or "MT-NLG" in str(row.get("model")):
        return _sc21_flops_per_token(run)
    return model.flops_per_token(job.sequence, causal=row.get("source") == "llama3")


def _sc21_flops_per_token(run: StepRun) -> float:
    """96 L h² (1 + s/6h + V/16Lh): hardware FLOPs with full recomputation (Narayanan et al. SC'21, eq. 3)."""
    model, s = run.plan.transformer, run.plan.job.sequence
    layers, h, vocab = model.layers, model.hidden, model.vocab
    return 96 * layers * h**2 * (1 + s / (6 * h) + vocab / (16 * layers * h))


_METRICS: dict[str, Callable[[StepRun, Row], float]] = {
    "iter_time_s": _seconds,
    "step_time_s": _seconds,
    "step_time_median_s": _seconds,
    "tokens_per_s_per_gpu": _tokens_per_gpu,
    "tflops_per_gpu": _tflops,
    "tflops_per_gpu_hw": _hardware_tflops,
    "mfu_pct": mfu_pct,
    "mfu_pct_bf16": mfu_pct,
}

__all__ = ["best_run", "mfu_pct", "predict", "stack_of"]
