"""Attention cores: FLOPs by counting masks, the backward's two and a half, and what unfused kernels move."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.catalog import load_catalog
from weft.workload.attention import Fused, Unfused, score_flops
from weft.workload.layer import Shard
from weft.workload.roofline import Kernels, kernels_for
from weft.workload.spec import Model
from weft.workload.stack import load_stack
from weft.workload.transformer import Transformer

A100 = kernels_for(load_catalog(), load_catalog().get("accelerators", "a100_sxm_80"), "bf16")
NO_LAUNCH = replace(A100, launch_s=0.0)
HALF = Fused(fracs=(0.5, 0.5), saturation=0.0)  # half the peak whatever the shape


def shard(s: int, *, b: int = 1, tp: int = 1, cp: int = 1, heads: int = 8, width: int = 64, **model: int) -> Shard:
    shape = Transformer(Model(layers=1, hidden=heads * width, heads=heads, vocab=100, **model))
    return Shard(shape, sequence=s, micro_batch=b, tp=tp, cp=cp, sequence_parallel=False)


def rate(kernels: Kernels) -> float:
    return 0.5 * kernels.attention_peak


@given(s=st.integers(1, 200), window=st.one_of(st.none(), st.integers(1, 250)), b=st.integers(1, 3))
def test_fused_attention_computes_what_the_mask_keeps(s: int, window: int | None, b: int) -> None:
    """2 FLOPs for each kept pair and unit of width in QKᵀ and again in its product with V."""
    some = shard(s, b=b, **({"sliding_window": window} if window else {}))
    kept = sum(1 for query in range(s) for key in range(query + 1) if query - key < (window or s))
    assert HALF.forward(some, NO_LAUNCH) * rate(NO_LAUNCH) == pytest.approx(b * kept * 2 * 2 * 8 * 64)
    every = b * s * min(s, window or s)
    without = replace(HALF, skips_masked=False)
    assert without.forward(some, NO_LAUNCH) * rate(NO_LAUNCH) == pytest.approx(every * 2 * 2 * 8 * 64)


@given(s=st.integers(1, 100_000), b=st.integers(1, 8), width=st.sampled_from([32, 64, 96, 128, 256]))
def test_the_fused_backward_has_five_products_for_two(s: int, b: int, width: int) -> None:
    kernel = Fused(fracs=(0.4, 0.6), saturation=700.0)
    some = shard(s, b=b, width=width)
    forward, backward = (run(some, A100) - A100.launch_s for run in (kernel.forward, kernel.backward))
    assert backward == pytest.approx(2.5 * forward)
    assert kernel.recompute(some, A100) == 0.0


@pytest.mark.parametrize(("width", "fraction"), [(32, 0.4), (64, 0.4), (64 * 2**0.5, 0.5), (128, 0.6), (256, 0.6)])
def test_the_fused_rate_lies_between_those_of_its_measured_widths(width: float, fraction: float) -> None:
    kernel = Fused(fracs=(0.4, 0.6), saturation=0.0)
    some = shard(4096, width=round(width))
    flops = score_flops(some, some.transformer.attended_causal(4096))
    assert kernel.forward(some, NO_LAUNCH) == pytest.approx(flops / (fraction * NO_LAUNCH.attention_peak), rel=5e-3)


@given(cp=st.integers(1, 8), rows=st.integers(1, 20))
def test_unbalanced_context_waits_for_the_last_stretch(cp: int, rows: int) -> None:
    """Stretches in order: the last rank's queries see nearly everything, and the others wait for it."""
    s = cp * rows
    some, unbalanced = shard(s, cp=cp), replace(HALF, balances_context=False)
    last = sum(query + 1 for query in range(s - rows, s))
    exact = last * 2 * 2 * 8 * 64 / rate(NO_LAUNCH)
    assert unbalanced.forward(some, NO_LAUNCH) == pytest.approx(exact, rel=1 / s)
    assert unbalanced.forward(some, NO_LAUNCH) >= HALF.forward(some, NO_LAUNCH)


def test_a_sequence_of_the_saturation_length_reaches_half_the_rate() -> None:
    kernel, some = replace(HALF, saturation=1024.0), shard(1024)
    assert kernel.forward(some, NO_LAUNCH) == pytest.approx(2 * HALF.forward(some, NO_LAUNCH))


@pytest.mark.parametrize("kernel", [HALF, Unfused(2.0, 2.5)])
@pytest.mark.parametrize(("tp", "cp"), [(2, 1), (1, 2), (4, 2)])
def test_ranks_share_the_work_evenly(kernel: Fused | Unfused, tp: int, cp: int) -> None:
    whole = kernel.forward(shard(8192, b=2), NO_LAUNCH)
    assert kernel.forward(shard(8192, b=2, tp=tp, cp=cp), NO_LAUNCH) == pytest.approx(whole / (tp * cp), rel=0.02)


def test_unfused_attention_by_hand() -> None:
    """Two batched products over b a/t heads, and passes over 2 a s² b/t bytes of scores."""
    some, kernel = shard(2048, b=2, tp=4), Unfused(score_passes=2.0, dropout_passes=2.5)
    heads = 2 * 8 // 4
    products = A100.gemm(2048, 2048, 64, count=heads) + A100.gemm(2048, 64, 2048, count=heads)
    scores = A100.launch_s + 2.0 * (2.0 * heads * 2048 * 2048) / A100.memory_Bps
    assert kernel.forward(some, A100) == pytest.approx(products + scores)
    assert kernel.backward(some, A100) == pytest.approx(2 * products + scores)
    assert kernel.recompute(some, A100) == kernel.forward(some, A100)
    assert products >= 4.0 * 2 * 2048 * 2048 * 8 * 64 / 4 / A100.peak


def test_dropout_adds_passes_over_the_scores() -> None:
    plain, dropped = shard(2048), shard(2048, dropout=True)
    kernel = Unfused(score_passes=2.0, dropout_passes=2.5)
    more = kernel.forward(dropped, A100) - kernel.forward(plain, A100)
    assert more == pytest.approx(2.5 * 2.0 * 8 * 2048 * 2048 / A100.memory_Bps)


def test_fused_attention_beats_unfused() -> None:
    """FlashAttention-2 reaches several times the speed of a standard implementation (arXiv 2307.08691, figure 4)."""
    fused = load_stack(load_catalog(), "megatron-lm-2022", "ampere", flash=True).attention
    unfused = load_stack(load_catalog(), "megatron-lm-2022", "ampere", flash=False).attention
    assert isinstance(fused, Fused)
    assert isinstance(unfused, Unfused)
    some = shard(4096, b=4, heads=32, width=64)
    both = [each.forward(some, A100) + each.backward(some, A100) for each in (fused, unfused)]
    assert 2 < both[1] / both[0] < 10


# Dao, arXiv 2307.08691, figure 4 (A100 80 GB, forward and backward, causal, 16k tokens a batch): TFLOP/s.
@pytest.mark.parametrize(
    ("heads", "width", "s", "tflops"),
    [(32, 64, 2048, 140), (32, 64, 16384, 171), (16, 128, 2048, 155), (16, 128, 8192, 182), (16, 128, 16384, 189)],
)
def test_flash_attention_2_reaches_what_its_paper_measured(heads: int, width: int, s: int, tflops: float) -> None:
    kernel = load_stack(load_catalog(), "megatron-lm-2022", "ampere", flash=True).attention
    some = shard(s, b=16384 // s, heads=heads, width=width)
    at_boost = replace(A100, attention_peak=load_catalog().get("accelerators", "a100_sxm_80").si("bf16_dense_tflops"))
    flops = 3.5 * 4 * 16384 * (s / 2) * heads * width
    seconds = kernel.forward(some, at_boost) + kernel.backward(some, at_boost)
    assert flops / seconds / 1e12 == pytest.approx(tflops, rel=0.07)
