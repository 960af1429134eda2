"""Memory against Korthikanti et al. (arXiv 2205.05198) and Rajbhandari et al. (ZeRO, arXiv 1910.02054)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from handmade_jobs import LLAMA_SHAPE, fabric, job, planned

from weft.engines.step import memory_on
from weft.workload.attention import Unfused
from weft.workload.memory import Memory, memory_of
from weft.workload.spec import Model
from weft.workload.stack import activation_bytes_per_layer
from weft.workload.training import Plan

GIB = 2.0**30
GPT = {"learned_positions": True, "bias": True, "dropout": True, "vocab": 51200}
# Table 3 of Korthikanti et al.: heads a, hidden size h, layers L, tensor t, pipeline p, interleaving, batch, micro b.
RUNS = {
    "22B": (64, 6144, 48, 8, 1, 1, 4, 4),
    "175B": (96, 12288, 96, 8, 8, 3, 64, 1),
    "530B": (128, 20480, 105, 8, 35, 3, 280, 1),
    "1T": (160, 25600, 128, 8, 64, 1, 512, 1),
}
S = 2048


def of_the_paper(name: str, **more: Any) -> Plan:
    a, h, L, t, p, v, batch, b = RUNS[name]
    return planned(
        nodes=t * p // 8,
        system="dgx_a100",
        model=Model(layers=L, hidden=h, heads=a, **GPT),
        sequence=S,
        batch=batch,
        micro_batch=b,
        tp=t,
        pp=p,
        interleave=v,
        stack="megatron-lm-2022",
        precision="fp16",
        **more,
    )


def per_layer(plan: Plan, *, tp: int, sequence_parallel: bool, mode: str, cp: int = 1) -> float:
    return activation_bytes_per_layer(
        plan.transformer,
        plan.stack,
        sequence=S,
        micro_batch=plan.job.micro_batch,
        tp=tp,
        cp=cp,
        sequence_parallel=sequence_parallel,
        mode=mode,
    )


@pytest.mark.parametrize("t", [1, 2, 8])
@pytest.mark.parametrize("name", RUNS)
def test_activations_of_a_layer_follow_table_2(name: str, t: int) -> None:
    """The five rows of table 2, by their printed formulae."""
    a, h, *_, b = RUNS[name]
    plan, sbh, scores = of_the_paper(name), S * b * h, 5 * a * S / h
    table: list[tuple[bool, str, float]] = [
        (False, "none", sbh * (10 + 24 / t + scores / t)),
        (True, "none", sbh * (34 / t + scores / t)),
        (False, "selective", sbh * (10 + 24 / t)),
        (True, "selective", sbh * (34 / t)),
        (False, "full", sbh * 2),
    ]
    for sequence_parallel, mode, expected in table:
        assert per_layer(plan, tp=t, sequence_parallel=sequence_parallel, mode=mode) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "sequence_parallel", "recompute", "gib"),
    [
        # Figure 1, the first stage's activations.
        ("22B", False, "none", 59.25),
        ("175B", False, "none", 66.84375),
        ("530B", False, "none", 114.0234375),
        ("1T", False, "none", 131.25),
        ("22B", True, "selective", 9.5625),
        ("175B", True, "selective", 12.3515625),
        ("530B", True, "selective", 23.076171875),
        ("1T", True, "selective", 26.5625),
    ],
)
def test_activations_of_the_first_stage_are_those_of_figure_1(
    name: str, sequence_parallel: bool, recompute: str, gib: float
) -> None:
    plan = of_the_paper(name, sequence_parallel=sequence_parallel, recompute=recompute)
    *_, t, p, _v, _batch, b = RUNS[name]
    found = memory_of(plan, 80e9).activations_bytes
    logits = 4 * S * b * 51200 / t if p == 1 else 0.0  # in 32 bits; the paper leaves them out of this figure
    assert (found - logits) / GIB == pytest.approx(gib, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "gib"), [("22B", 45.5625), ("175B", 45.5625), ("530B", 31.640625), ("1T", 32.958984375)]
)
def test_eighteen_bytes_a_parameter(name: str, gib: float) -> None:
    """Figure 1's parameters and optimizer state are 18 bytes for each of 12 L h²/(t p), without tables and vectors."""
    _, h, L, t, p, *_ = RUNS[name]
    assert 18 * 12 * L * h**2 / (t * p) / GIB == pytest.approx(gib)
    plan = of_the_paper(name, zero=0)
    held = memory_of(plan, 80e9)
    tables, vectors = (51200 + S) * h, L / p * 13 * h
    assert held.total_bytes - held.activations_bytes == pytest.approx(gib * GIB + 18 * (tables + vectors) / t, rel=1e-9)


def test_fused_attention_keeps_no_scores() -> None:
    plan = of_the_paper("175B", flash_attention=True)
    none, selective = (per_layer(plan, tp=8, sequence_parallel=False, mode=mode) for mode in ("none", "selective"))
    assert none == selective
    assert isinstance(of_the_paper("175B").stack.attention, Unfused)


def test_activations_of_a_llama_layer_by_hand() -> None:
    plan = planned(model=LLAMA_SHAPE, sequence=S, stack="megatron-core")
    bs, h, q, kv, f = S, 2048, 2048, 1024, 5632
    # 16-bit norm inputs and product inputs (4 h), Q, K, V and the attention output, gate, up and their product.
    by_hand = 2 * bs * (4 * h + (q + 2 * kv) + q + 3 * f)
    assert per_layer(plan, tp=1, sequence_parallel=False, mode="none") == by_hand
    assert per_layer(plan, tp=1, sequence_parallel=False, mode="none", cp=4) == by_hand / 4


# Figure 1 of the ZeRO paper: 7.5 B parameters on 64 ranks, K = 12: 120, 31.4, 16.6 and 1.9 GB of model state.
@pytest.mark.parametrize(("zero", "gb"), [(0, 120.0), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_zero_holds_the_bytes_of_its_paper(zero: int, gb: float) -> None:
    shape = Model(layers=36, hidden=4096, heads=32, **GPT)
    plan = planned(
        nodes=8,
        system="dgx_a100",
        model=shape,
        sequence=S,
        batch=64,
        zero=zero,
        stack="deepspeed-zero3",
        precision="fp16",
    )
    assert plan.stack.gradient_bytes == 2.0  # the paper keeps gradients in 16 bits
    held = memory_of(plan, 80e9)
    state = held.weights_bytes + held.gradients_bytes + held.optimizer_bytes
    parameters, working = plan.stage_parameters(0), 0.0
    if zero == 3:
        working = 2 * 2 * plan.transformer.layer_parameters  # two layers gathered in 16 bits, beside the paper's count
    by_stage = {0: 16, 1: 4 + 12 / 64, 2: 2 + 14 / 64, 3: 16 / 64}
    assert state - working == pytest.approx(by_stage[zero] * parameters)
    assert (state - working) * 7.5e9 / parameters / 1e9 == pytest.approx(gb, abs=0.051)


def test_sharding_goes_over_context_parallel_ranks_too_and_stops_at_the_shard_group() -> None:
    def optimizer(**degrees: Any) -> float:
        return memory_of(planned(model=LLAMA_SHAPE, **degrees), 80e9).optimizer_bytes

    assert optimizer(cp=4, zero=1) == optimizer(zero=1) == optimizer(zero=0) / 32
    assert optimizer(zero=1, shard_within=8) == optimizer(zero=0) / 8
    assert optimizer(zero=1, shard_within=64) == optimizer(zero=1)


def test_sgd_keeps_and_moves_one_moment_less() -> None:
    adam, sgd = (planned(model=LLAMA_SHAPE, zero=0, optimizer=name) for name in ("adam", "sgd"))
    saved = memory_of(adam, 80e9).optimizer_bytes - memory_of(sgd, 80e9).optimizer_bytes
    assert saved == pytest.approx(4 * adam.stage_parameters(0))
    sooner = adam.optimizer_s(0) - sgd.optimizer_s(0)
    assert sooner == pytest.approx(2 * saved / adam.plain_kernels.memory_Bps)


@pytest.mark.parametrize("layers", [0, 3, 8, 100])
def test_recomputing_some_layers_keeps_the_others_whole(layers: int) -> None:
    plan = planned(model=LLAMA_SHAPE, recompute="full", recompute_layers=layers, sequence=S, micro_batch=2, batch=64)
    whole = per_layer(plan, tp=1, sequence_parallel=False, mode="none")
    recomputed = min(layers, 8)
    again = whole if recomputed else 0.0  # the layer being recomputed is whole while its backward runs
    kept = recomputed * 2.0 * 2 * S * 2048 + (8 - recomputed) * whole
    logits = 4.0 * 2 * S * 32000
    assert memory_of(plan, 80e9).activations_bytes == pytest.approx(kept + again + logits)


@pytest.mark.parametrize("stage", range(4))
def test_earlier_stages_hold_more_activations(stage: int) -> None:
    """1F1B: stage i of p holds p - i micro-batches, and so the first is the fullest."""
    plan = planned(model=Model(layers=8, hidden=1024, heads=16, vocab=1000), pp=4, dp=1, batch=8, zero=0)
    only = replace(plan, chunks=tuple(each if i == stage else () for i, each in enumerate(plan.chunks)))
    layer = 2.0 * 512 * (4 * 1024 + 4 * 1024 + 2 * 4096)
    logits = 4.0 * 512 * 1000 if stage == 3 else 0.0
    assert memory_of(only, 80e9).activations_bytes == pytest.approx((4 - stage) * 2 * layer + logits)


def memory(total: float, activations: float, capacity: float = 80e9) -> Memory:
    return Memory(total - activations, 0.0, 0.0, activations, capacity)


@pytest.mark.parametrize(
    ("held", "fits", "says"),
    [
        (memory(80e9, 1e9), True, "fits: 74.51 GiB of 74.51 GiB"),
        (memory(80e9 + 1, 1e9), False, "raise tp or pp"),
        (memory(90e9, 80e9), False, "recompute more"),
    ],
)
def test_the_verdict_says_what_to_change(held: Memory, fits: bool, says: str) -> None:
    assert held.fits is fits
    assert says in held.verdict()
    assert held.verdict().startswith("fits" if fits else "does not fit")


CHANGES: list[tuple[str, Callable[[], Any]]] = [
    ("more tensor parallelism", lambda: job(model="llama3-70b", tp=8, stack="nemo")),
    ("a pipeline", lambda: job(model="llama3-70b", tp=4, pp=4, stack="nemo")),
    ("full sharding", lambda: job(model="llama3-70b", zero=3, stack="torchtitan")),
]


@pytest.mark.parametrize("change", [c for _, c in CHANGES], ids=[name for name, _ in CHANGES])
def test_what_the_verdict_advises_helps(change: Callable[[], Any]) -> None:
    too_big = memory_on(fabric(), job(model="llama3-70b", stack="nemo"))
    assert not too_big.fits
    assert "raise tp or pp" in too_big.verdict()
    assert memory_on(fabric(), change()).total_bytes < too_big.total_bytes / 2
