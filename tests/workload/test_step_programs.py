"""What a step's program moves and does in total: gradients, parameters, activations, every pass once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from handmade_jobs import TINY, planned
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.workload.block import block_of
from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.spec import Model
from weft.workload.training import Plan, step_program

TIED = TINY.model_copy(update={"tied_embeddings": True})


def communications(program: Program, category: Category, stage: int | None = None) -> list[Communication]:
    return [
        program.communications[index]
        for op, index in enumerate(program.communication)
        if index >= 0 and program.category[op] == category and stage in (None, program.rank[op])
    ]


def moved(program: Program, category: Category, stage: int | None = None) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in communications(program, category, stage):
        found[each.kind] += each.size_bytes * each.repeat  # type: ignore[assignment]
    return found


def layouts() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "pp": st.sampled_from([1, 2, 4]),
            "tp": st.sampled_from([1, 2]),
            "cp": st.sampled_from([1, 2]),
            "interleave": st.sampled_from([1, 2]),
            "zero": st.integers(0, 3),
            "model": st.sampled_from([TINY, TIED, TINY.model_copy(update={"layers": 14})]),
            "batch": st.sampled_from([128, 256]),
            "overlap": st.fixed_dictionaries({name: st.booleans() for name in ("tp", "pp", "dp", "cp")}),
            "shard_within": st.sampled_from([None, 2, 4]),
            "stack": st.sampled_from(["megatron-core", "megatron-lm-2022"]),
            "recompute": st.sampled_from(
                [("none", None), ("selective", None), ("full", None), ("full", 1), ("full", 3)]
            ),
        }
    ).map(_spread_recompute)


def _spread_recompute(layout: dict[str, Any]) -> dict[str, Any]:
    mode, layers = layout["recompute"]
    return {**layout, "recompute": mode, "recompute_layers": layers}


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_a_pipelined_step_sums_each_gradient_once(layout: dict[str, Any]) -> None:
    plan = planned(**layout)
    program = step_program(plan)
    for stage in range(plan.mapping.pp):
        parameters = plan.stage_parameters(stage)
        gradients, gathered = plan.stack.reduce_bytes * parameters, 2.0 * parameters
        shards = min(layout["shard_within"] or plan.shard_replicas, plan.shard_replicas)
        if plan.shard_replicas == 1:
            expected = {}
        elif layout["zero"] == 0:
            expected = {"all_reduce": gradients}
        else:
            expected = {"reduce_scatter": gradients, "all_gather": gathered}
            if shards < plan.shard_replicas:
                expected["all_reduce"] = gradients / shards
        assert moved(program, Category.DP, stage) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_a_pipelined_step_hands_each_micro_batch_on(layout: dict[str, Any]) -> None:
    """p v - 1 hand-overs in each direction, of a tensor rank's share of s b h."""
    plan = planned(**layout)
    sent = communications(step_program(plan), Category.PP)
    v = layout["interleave"]
    hops = plan.mapping.pp * v - 1 if plan.mapping.pp > 1 else 0
    assert len(sent) == 2 * plan.micro_batches * hops
    share = 2.0 * 512 / plan.mapping.cp * 1024 / plan.mapping.tp
    assert {(each.kind, each.size_bytes, each.repeat) for each in sent} <= {("send_recv", share, 1)}
    assert all(abs(a - b) % (plan.mapping.ranks // plan.mapping.pp) == 0 for a, b in (each.ranks for each in sent))


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_a_pipelined_step_computes_each_pass_and_moves_each_activation_once(layout: dict[str, Any]) -> None:
    plan = planned(**layout)
    program = step_program(plan)
    for stage in range(plan.mapping.pp):
        work, tensor, context = plan.optimizer_s(stage), 0.0, 0.0
        for chunk in plan.chunks[stage]:
            for backward in (False, True):
                block = block_of(plan, stage, chunk, backward=backward)
                work += plan.micro_batches * block.compute_s
                for each in block.traffic:
                    size = plan.micro_batches * each.communication.size_bytes * each.communication.repeat
                    tensor += size * (each.category == Category.TP)
                    context += size * (each.category == Category.CP)
        ours = [op for op, rank in enumerate(program.rank) if rank == stage]
        computing = [op for op in ours if program.category[op] == Category.COMPUTE]
        assert sum(program.seconds[op] for op in computing) == pytest.approx(work)
        # What the host takes to hand a pass on, once each.
        sent = sum(program.category[op] == Category.PP and program.communication[op] >= 0 for op in ours)
        waited = sum(program.seconds[op] for op in ours if program.category[op] == Category.PP)
        assert waited == pytest.approx(sent * plan.stack.handover_s)
        assert sum(moved(program, Category.TP, stage).values()) == pytest.approx(tensor)
        assert sum(moved(program, Category.CP, stage).values()) == pytest.approx(context)


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_dependencies_come_first_and_the_optimizer_last(layout: dict[str, Any]) -> None:
    plan = planned(**layout)
    program = step_program(plan)
    for op, dependencies in enumerate(program.dependencies):
        assert all(0 <= dependency < op for dependency in dependencies)
    for stage in range(plan.mapping.pp):
        (optimizer,) = [
            op for op, name in enumerate(program.label) if name == "optimizer" and program.rank[op] == stage
        ]
        last = max(op for op, r in enumerate(program.rank) if r == stage and program.stream[op] == Stream.COMPUTE)
        assert optimizer == last
        reductions = {
            op for op, name in enumerate(program.label) if name == "reduce gradients" and program.rank[op] == stage
        }
        assert reductions <= {*program.dependencies[optimizer], *range(optimizer)}


@pytest.mark.parametrize(("stack", "pieces"), [("megatron-lm-2022", 2), ("megascale", 1)])
def test_replicas_exchange_in_as_many_pieces_as_their_stack_says(stack: str, pieces: int) -> None:
    """Two stages of four chunks of two layers: gradients layer by layer, or a whole chunk at once (MegaScale)."""
    plan = planned(pp=2, interleave=4, dp=2, tp=8, batch=8, overlap={"dp": True}, stack=stack)
    kinds = Counter(each.kind for each in communications(step_program(plan), Category.DP))
    assert kinds == {"all_gather": 2 * 4 * pieces, "reduce_scatter": 2 * 4 * pieces}


def fsdp(**more: Any) -> Plan:
    return planned(**{"model": TINY, "stack": "torchtitan", "zero": 3, "batch": 64, **more})


@pytest.mark.parametrize("shape", [TINY, TIED])
@pytest.mark.parametrize("micro_batch", [1, 2])
def test_fsdp_moves_its_parameters_three_times_a_micro_batch(shape: Model, micro_batch: int) -> None:
    """Zhao et al. (arXiv 2304.11277): gathered forward, gathered backward, gradients reduce-scattered."""
    plan = fsdp(model=shape, micro_batch=micro_batch)
    held = plan.transformer.parameters() - 1024  # less the final norm
    m = 64 // 32 // micro_batch
    assert moved(step_program(plan), Category.DP) == pytest.approx(
        {"all_gather": m * 2 * 2.0 * held, "reduce_scatter": m * plan.stack.reduce_bytes * held}
    )


def test_zero_2_gathers_once_a_micro_batch() -> None:
    plan = fsdp(zero=2)
    held = plan.transformer.parameters() - 1024
    assert moved(step_program(plan), Category.DP)["all_gather"] == pytest.approx(2 * 2.0 * held)


def test_hybrid_shards_gather_within_and_sum_across() -> None:
    plan = fsdp(shard_within=8)
    program, held = step_program(plan), plan.transformer.parameters() - 1024
    groups = {(each.kind, tuple(each.ranks)) for each in communications(program, Category.DP)}
    assert groups == {
        ("all_gather", tuple(range(8))),
        ("reduce_scatter", tuple(range(8))),
        ("all_reduce", (0, 8, 16, 24)),
    }
    assert moved(program, Category.DP)["all_reduce"] == pytest.approx(2 * plan.stack.reduce_bytes * held / 8)


def test_fsdp_on_one_rank_moves_nothing() -> None:
    plan = fsdp(dp=1, batch=2)
    assert communications(step_program(plan), Category.DP) == []


def test_fsdp_gathers_at_most_two_layers_ahead() -> None:
    program = step_program(fsdp())
    gathers = [op for op, name in enumerate(program.label) if name == "gather F0"]
    passes = [op for op, name in enumerate(program.label) if name == "F0"]
    assert len(gathers) == len(passes) == TINY.layers
    for i, gather in enumerate(gathers):
        needs = program.dependencies[gather]
        assert tuple(needs) == ((passes[i - 2],) if i >= 2 else ())
        assert gather in program.dependencies[passes[i]]


@pytest.mark.parametrize("layers", [0, 1, 5, 16, 40])
@pytest.mark.parametrize("stack", ["megatron-core", "torchtitan"])
def test_as_many_layers_are_recomputed_as_asked_for(stack: str, layers: int) -> None:
    """Written whole, in pieces beside reductions, or layer by layer: the extra work is that of so many layers."""
    layout = {"stack": stack, "zero": 3, "tp": 2, "batch": 64}

    def work(**more: Any) -> float:
        return sum(step_program(planned(**layout, **more)).seconds)

    none, some, whole = work(), work(recompute="full", recompute_layers=layers), work(recompute="full")
    assert (some - none) == pytest.approx((whole - none) * min(layers, 16) / 16)
