"""What tensor and context parallelism move inside a layer, against Megatron's counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from handmade_jobs import LLAMA_SHAPE, TINY, planned
from hypothesis import given
from hypothesis import strategies as st

from weft.collectives import busbw_factor
from weft.workload.block import Block, backward_block, forward_block
from weft.workload.program import Category, Communication
from weft.workload.traffic import Traffic

S, B, H = 512, 2, 1024
SBH = 2.0 * S * B * H  # one activation in 16 bits


def blocks(layers: int = 1, **more: Any) -> tuple[Block, Block]:
    plan = planned(**{"model": TINY, "micro_batch": B, "batch": 64, **more})
    return forward_block(plan, 0, layers), backward_block(plan, 0, layers)


def moved(block: Block, category: Category) -> Counter[tuple[str, float]]:
    """How often each (kind, bytes) happens."""
    found: Counter[tuple[str, float]] = Counter()
    for each in block.traffic:
        if each.category == category:
            found[(each.communication.kind, each.communication.size_bytes)] += each.communication.repeat
    return found


def wire_bytes(counts: Counter[tuple[str, float]], ranks: int) -> float:
    """Bytes a rank sends at least, by nccl-tests' bus factors."""
    return sum(times * size * busbw_factor(kind, ranks) for (kind, size), times in counts.items())


@pytest.mark.parametrize("layers", [1, 3])
def test_tensor_parallelism_sums_twice_a_layer_and_direction(layers: int) -> None:
    """Megatron-LM (arXiv 1909.08053, section 3): two all-reduces of s b h forward, two backward."""
    for block in blocks(layers, tp=8, sequence_parallel=False):
        assert moved(block, Category.TP) == {("all_reduce", SBH): 2 * layers}


def test_sequence_parallelism_gathers_and_scatters_instead() -> None:
    """Korthikanti et al., section 4.2.2; the backward gathers each input once more for its weight's gradient."""
    forward, backward = blocks(tp=8)
    assert moved(forward, Category.TP) == {("all_gather", SBH): 2, ("reduce_scatter", SBH): 2}
    assert moved(backward, Category.TP) == {("all_gather", SBH): 4, ("reduce_scatter", SBH): 2}


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_sequence_parallelism_costs_no_more_bandwidth_forward(tp: int) -> None:
    """A ring all-reduce is a reduce-scatter and an all-gather."""
    plain, sharded = (
        wire_bytes(moved(blocks(tp=tp, sequence_parallel=sequence)[0], Category.TP), tp) for sequence in (False, True)
    )
    assert plain == pytest.approx(sharded)
    assert plain == pytest.approx(2 * 2 * (tp - 1) / tp * SBH)


def test_parallel_blocks_need_half_the_collectives() -> None:
    beside = TINY.model_copy(update={"parallel_block": True})
    forward, _ = blocks(tp=8, sequence_parallel=False, model=beside)
    assert moved(forward, Category.TP) == {("all_reduce", SBH): 1}


def test_full_recomputation_repeats_the_forward_pass() -> None:
    forward, backward = blocks(tp=8)
    _, again = blocks(tp=8, recompute="full")
    assert moved(again, Category.TP) == moved(backward, Category.TP) + moved(forward, Category.TP)
    assert again.compute_s == pytest.approx(backward.compute_s + forward.compute_s, rel=0.01)


def test_context_parallelism_gathers_keys_and_values() -> None:
    """K and V (16 bits, their heads' share) are gathered forward and again backward; gradients are scattered."""
    forward, backward = blocks(tp=2, cp=4, model=LLAMA_SHAPE)
    keys_values = 2 * 2.0 * S * B * 1024 / 2
    assert moved(forward, Category.CP) == {("all_gather", keys_values): 1}
    assert moved(backward, Category.CP) == {("all_gather", keys_values): 1, ("reduce_scatter", keys_values): 1}
    # A context-parallel rank holds a quarter of the tokens, and so its tensor group moves a quarter.
    assert {size for _, size in moved(forward, Category.TP)} == {2.0 * S * B * 2048 / 4}


def test_one_rank_moves_nothing() -> None:
    for block in blocks():
        assert block.traffic == ()


@pytest.mark.parametrize("stage", [0, 1])
def test_groups_are_those_of_the_stage(stage: int) -> None:
    plan = planned(model=TINY, tp=4, cp=2, pp=2, dp=2)
    first = 16 * stage
    for each in forward_block(plan, stage, 1).traffic:
        step = {Category.TP: range(first, first + 4), Category.CP: range(first, first + 8, 4)}[each.category]
        assert list(each.communication.ranks) == list(step)


@given(
    size=st.floats(1.0, 1e12),
    degree=st.integers(2, 64),
    repeat=st.integers(1, 100),
    beside=st.booleans(),
    category=st.sampled_from([Category.TP, Category.CP]),
    kind=st.sampled_from(["all_gather", "reduce_scatter", "all_reduce"]),
    overlaps=st.frozensets(st.sampled_from(["tp", "cp", "dp", "pp", "tp-gradients", "cp-gradients"])),
    frac=st.floats(0.0, 1.0),
)
def test_overlap_moves_no_byte_twice_and_loses_none(
    size: float,
    degree: int,
    repeat: int,
    beside: bool,
    category: Category,
    kind: str,
    overlaps: frozenset[str],
    frac: float,
) -> None:
    whole = Communication(kind, size, range(degree), repeat)
    hidden, shown = Traffic(category, whole, beside, frac).split(overlaps)
    parts = [part for part in (hidden, shown) if part is not None]
    assert sum(part.size_bytes * part.repeat for part in parts) == pytest.approx(size * repeat)
    assert all(replace(part, size_bytes=size) == whole for part in parts)
    name = category.name.lower()
    if name in overlaps:
        # A ring of tensor-parallel ranks starts on the piece that each has, and ends on the piece that it keeps. Else
        # the first of `degree` pieces is needed before anything can be computed. Of the others a share is hidden.
        ringed = category == Category.TP and kind != "all_reduce"
        assert hidden is not None
        assert hidden.size_bytes == pytest.approx(frac * size * (1 if ringed else (degree - 1) / degree))
    elif beside and f"{name}-gradients" in overlaps:
        assert shown is None
    else:
        assert hidden is None


def test_compute_of_a_block_adds_up_over_layers_and_ends() -> None:
    plan = planned(model=TINY, tp=2)
    one, five = forward_block(plan, 0, 1).compute_s, forward_block(plan, 0, 5).compute_s
    assert five == pytest.approx(5 * one)
    ends = forward_block(plan, 0, 5, embeds=True, heads=True).compute_s - five
    nothing_else = forward_block(plan, 0, 0, embeds=True).compute_s + forward_block(plan, 0, 0, heads=True).compute_s
    assert ends == pytest.approx(nothing_else)


@pytest.mark.parametrize("shape", [TINY, LLAMA_SHAPE])
@pytest.mark.parametrize("tp", [1, 8])
def test_no_pass_beats_the_peak(shape: Any, tp: int) -> None:
    """Forward and backward of all layers and the head take at least the model's FLOPs at the sustained peak."""
    plan = planned(model=shape, tp=tp, micro_batch=B, batch=64)
    seconds = sum(run(plan, 0, shape.layers, heads=True).compute_s for run in (forward_block, backward_block))
    flops = plan.transformer.flops_per_token(S, causal=True) * S * B / tp
    assert seconds > flops / plan.kernels.peak
