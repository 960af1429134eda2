"""What expert parallelism moves, computes and holds, worked out by hand and by conservation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from fixed_engine import FixedEngine
from handmade_jobs import TINY, job, planned
from hypothesis import given
from hypothesis import strategies as st

from weft.engines.executor import breakdown, execute
from weft.errors import ConfigError
from weft.workload.block import Block, block_of
from weft.workload.chunks import Chunk, split_layers
from weft.workload.experts import distinct_places
from weft.workload.layer import layer_backward, layer_forward
from weft.workload.mapping import Mapping, resolve
from weft.workload.memory import memory_of
from weft.workload.program import Category, Stream
from weft.workload.spec import Experts, Parallelism
from weft.workload.training import Plan, step_program

S, B, H = 512, 2, 1024
SPARSE = TINY.model_copy(update={"gated": True, "moe": Experts(experts=32, top_k=4, ffn=512)})
LAYER = Chunk(1, sparse=(True,))


def plan(nodes: int = 4, how: str = "all_to_all", dispatch: dict[str, Any] | None = None, **more: Any) -> Plan:
    return planned(
        nodes=nodes,
        **{"model": SPARSE, "micro_batch": B, "batch": 64, "dispatch": {"how": how, **(dispatch or {})}, **more},
    )


def moved(block: Block) -> Counter[tuple[str, float, tuple[int, ...]]]:
    """How often each (kind, bytes, ranks) of expert traffic happens."""
    found: Counter[tuple[str, float, tuple[int, ...]]] = Counter()
    for each in block.traffic:
        if each.category == Category.EP:
            for one in filter(None, (each.communication, each.also)):
                found[one.kind, one.size_bytes, tuple(one.ranks)] += one.repeat
    return found


@pytest.mark.parametrize("backward", [False, True])
def test_a_copy_for_each_expert_goes_out_and_comes_back(backward: bool) -> None:
    block = block_of(plan(ep=8), 0, LAYER, backward=backward)
    assert moved(block) == {("all_to_all", 2.0 * B * S * H * 4, tuple(range(8))): 2}


def test_tensor_parallel_ranks_send_their_own_part_of_the_tokens() -> None:
    """With sequence parallelism each of 4 has a quarter; folding puts the experts on the same ranks, 8 in a group."""
    block = block_of(plan(tp=4, ep=8), 0, LAYER, backward=False)
    assert moved(block) == {("all_to_all", 2.0 * B * S * H * 4 / 4, tuple(range(8))): 2}
    # Attention alone is split over tensor-parallel ranks: one gather and one scatter, where a dense layer has two.
    kinds = Counter(each.communication.kind for each in block.traffic if each.category == Category.TP)
    repeats = {each.communication.repeat for each in block.traffic if each.category == Category.TP}
    assert (kinds, repeats) == ({"all_gather": 1, "reduce_scatter": 1}, {1})


def test_ranks_that_share_an_expert_gather_its_tokens() -> None:
    block = block_of(plan(tp=2, ep=4, etp=2), 0, LAYER, backward=False)
    sent = 2.0 * B * S * H * 4 / 2
    assert moved(block) == {
        ("all_to_all", sent, (0, 2, 4, 6)): 2,
        ("all_gather", 2 * sent, (0, 1)): 1,
        ("reduce_scatter", 2 * sent, (0, 1)): 1,
    }


def test_deduplicated_tokens_cross_to_a_node_once_and_there_to_a_rank_once() -> None:
    block = block_of(plan(how="deduplicated", ep=32), 0, LAYER, backward=False)
    nodes, ranks = distinct_places((32, 4, 1, 1), 4), distinct_places((32, 4, 1, 1), 32)
    assert ranks == pytest.approx(4)  # an expert a rank: every copy goes to another
    far = ("all_to_all", 2.0 * B * S * H * nodes, (0, 8, 16, 24))
    near = ("all_to_all", 2.0 * B * S * H * ranks, tuple(range(8)))
    assert moved(block) == {far: 2, near: 2}


def test_eight_bit_dispatch_halves_what_goes_out() -> None:
    block = block_of(plan(ep=8, dispatch={"fp8": True}), 0, LAYER, backward=False)
    assert sorted(size for _, size, _ in moved(block)) == [B * S * H * 4.0, 2.0 * B * S * H * 4]


def test_the_busiest_rank_is_waited_for() -> None:
    even, uneven = (plan(ep=8, dispatch={"imbalance": factor}) for factor in (1.0, 1.5))
    (size,), (larger,) = ({size for _, size, _ in moved(block_of(p, 0, LAYER, backward=False))} for p in (even, uneven))
    assert larger == pytest.approx(1.5 * size)
    assert layer_forward(uneven.shard, uneven.kernels, uneven.stack, True).gemm_s > (
        layer_forward(even.shard, even.kernels, even.stack, True).gemm_s
    )


@given(
    tp=st.sampled_from([1, 2, 4]),
    cp=st.sampled_from([1, 2]),
    dp=st.sampled_from([1, 2, 4]),
    pp=st.integers(1, 3),
    data=st.data(),
)
def test_expert_groups_partition_a_stage(tp: int, cp: int, dp: int, pp: int, data: st.DataObject) -> None:
    columns = tp * cp * dp
    ep = data.draw(st.sampled_from([n for n in (1, 2, 4, 8) if columns % n == 0]))
    etp = data.draw(st.sampled_from([n for n in (1, 2, 4) if columns % (ep * n) == 0]))
    mapping = Mapping(tp, cp, dp, pp, ep, etp)
    assert mapping.ep * mapping.etp * mapping.expert_replicas == columns
    for stage in range(pp):
        for group, size in (
            (mapping.expert_group(stage), ep),
            (mapping.expert_tensor_group(stage), etp),
            (mapping.expert_data_group(stage), mapping.expert_replicas),
        ):
            assert len(group) == size
            family = mapping.family(group) - stage * columns if stage == 0 else mapping.family(group)
            assert sorted(family.ravel() % columns) == list(range(columns))
            assert family.shape == (columns // size, size)
        # Two of a block's coordinates and a replica's number name every rank once.
        named = {
            e + x + r - 2 * stage * columns
            for e in mapping.expert_group(stage)
            for x in mapping.expert_tensor_group(stage)
            for r in mapping.expert_data_group(stage)
        }
        assert named == set(range(stage * columns, (stage + 1) * columns))


@pytest.mark.parametrize(
    ("degrees", "rail"),
    [
        ({"ep": 32}, range(0, 32, 8)),
        ({"ep": 8}, range(1)),  # one node
        ({"ep": 16, "etp": 2}, range(0, 32, 8)),
        ({"ep": 16}, range(0, 16, 8)),
    ],
)
def test_which_ranks_speak_for_their_nodes(degrees: dict[str, int], rail: range) -> None:
    assert resolve(job(model=SPARSE, **degrees), 32).expert_rail(8) == rail


def test_experts_add_up_over_their_ranks() -> None:
    """32 experts of 3 x 1024 x 512, in 16 layers: an eighth on each rank, once in every four blocks of eight."""
    found = plan(ep=8)
    whole = Chunk(16, sparse=(True,) * 16)
    assert found.expert_parameters(whole) * 8 == 16 * 32 * 3 * 1024 * 512
    assert found.expert_shards == 4
    halved = plan(ep=8, etp=2)
    assert halved.expert_parameters(whole) * 16 == 16 * 32 * 3 * 1024 * 512


def test_gradients_of_experts_are_summed_over_those_that_hold_them() -> None:
    found = plan(tp=2, ep=8)
    dense, experts = found.gradient_reductions(0, LAYER)
    assert dense.ranks == range(0, 32, 2)
    assert experts.ranks == range(0, 32, 8)
    assert experts.size_bytes == found.stack.reduce_bytes * 4 * 3 * 1024 * 512
    alone = plan(ep=32).gradient_reductions(0, LAYER)
    assert [each.ranks for each in alone] == [range(32)]  # each rank has experts of its own


def test_optimizer_state_of_experts_is_sharded_over_their_replicas() -> None:
    for ep in (1, 8, 32):
        found = plan(ep=ep, zero=1)
        parameters = 16 * 32 * 3 * 1024 * 512
        dense = found.transformer.parameters() - parameters - 1024  # but for the last norm
        # However they are spread, all ranks together hold every state once.
        assert found.held_states(0) == pytest.approx(dense / 32 + parameters / 32)
        held = memory_of(found, 1e12)
        assert held.optimizer_bytes == pytest.approx(12 * found.held_states(0))
        assert held.weights_bytes == pytest.approx(2 * (dense + parameters / ep))


def test_activations_of_experts_are_those_of_the_copies() -> None:
    """What reaches the experts, both halves of the first product and the activation: 2 h + 6 f bytes a copy."""
    dense = planned(model=TINY.model_copy(update={"gated": True, "ffn": 512}), micro_batch=B, batch=64)
    found, plain = memory_of(plan(ep=8), 1e12), memory_of(dense, 1e12)
    copies, tokens = B * S * 4, B * S
    routed, replaced = copies * (2 * H + 6 * 512), tokens * 6 * 512
    assert found.activations_bytes - plain.activations_bytes == pytest.approx(16 * (routed - replaced))


def test_small_experts_fill_tiles_badly() -> None:
    """The same FLOPs in more and narrower experts take longer, never less."""
    times = []
    for experts, top_k, ffn in ((4, 2, 2048), (16, 8, 512), (64, 32, 128)):
        model = SPARSE.model_copy(update={"moe": Experts(experts=experts, top_k=top_k, ffn=ffn)})
        found = plan(nodes=1, model=model)
        forward = layer_forward(found.shard, found.kernels, found.stack, True)
        backward = layer_backward(found.shard, found.kernels, found.stack, True)
        times.append(forward.gemm_s + backward.gemm_s)
        flops = 6 * B * S * (found.transformer.attention_matrix_parameters + 3 * H * top_k * ffn)
        assert times[-1] > flops / found.kernels.peak
    assert times == sorted(times)


def test_a_pass_waits_for_both_halves_of_an_exchange() -> None:
    """Near and far run at the same time: a step takes the longer of the two, each way, in each layer and direction."""
    found = replace(plan(how="deduplicated", ep=32, zero=0), overlaps=frozenset())
    program = step_program(found)
    ran = {rate: execute(program, FixedEngine(rate)) for rate in (0.0, 1e-9)}
    each = [program.communications[index] for index in program.communication if index >= 0]
    near, far, sums = (
        1e-9 * sum(c.size_bytes * c.repeat for c in each if (c.kind, len(c.ranks)) == kind)
        for kind in (("all_to_all", 8), ("all_to_all", 4), ("all_reduce", 32))
    )
    assert near > far > 0
    assert ran[1e-9].span_s - ran[0.0].span_s == pytest.approx(near + sums)
    parts = breakdown(ran[1e-9])
    assert parts["exposed_ep"] == pytest.approx(near)
    assert sum(parts.values()) == pytest.approx(ran[1e-9].span_s)


def test_overlap_hides_what_the_stack_hides() -> None:
    shown = []
    for hidden in (0.0, 0.5, 1.0):
        found = plan(ep=8, zero=0, overlap={"ep": True})
        found = replace(found, stack=replace(found.stack, ep_hidden_frac=hidden), overlap_slowdown=0.0)
        shown.append(breakdown(execute(step_program(found), FixedEngine(1e-12)))["exposed_ep"])
    assert shown[1] == pytest.approx(shown[0] / 2)
    assert shown[2] == pytest.approx(0.0)


def test_the_host_holds_up_small_layers_in_8_bits_only() -> None:
    """Where issuing takes longer than the kernels, a pass takes as long as issuing, and that counts as compute."""
    for precision, issues in (("bf16", False), ("fp8", True)):
        found = plan(ep=8, precision=precision, zero=0)
        program = step_program(found)
        assert (Stream.HOST in program.stream) == issues
        ran = execute(program, FixedEngine(0.0))
        parts = breakdown(ran)
        assert sum(parts.values()) == pytest.approx(ran.span_s)
        if issues:
            passes = 2 * 16 * found.micro_batches
            assert ran.span_s >= passes * found.stack.fp8_expert_host_s
            assert parts["compute"] == pytest.approx(ran.span_s)


def test_layers_of_multi_token_prediction_stay_with_the_head() -> None:
    """DeepSeek-V3 in 8 x 4 stages: embedding and one layer, thirty of two, prediction and head."""
    kinds = (False,) * 3 + (True,) * 58
    chunks = split_layers(61, 8, 4, sparse=kinds, predicts=(True,))
    slots = [chunks[slot % 8][slot // 8] for slot in range(32)]
    assert [chunk.layers for chunk in slots] == [1] + [2] * 30 + [0]
    assert slots[-1] == Chunk(0, heads=True, predicts=(True,))
    assert sum(chunk.of_kind(True) for chunk in slots) == 59
    assert sum(chunk.of_kind(False) for chunk in slots) == 3
    assert sum((chunk.sparse for chunk in slots), ()) == kinds


def test_multi_token_prediction_costs_a_layer_and_a_head() -> None:
    ends = Chunk(0, heads=True)
    with_one = replace(ends, predicts=(True,))
    found = plan(ep=8)
    plain, more = (block_of(found, 0, chunk, backward=False).compute_s for chunk in (ends, with_one))
    layer = block_of(found, 0, LAYER, backward=False).compute_s
    joining = found.kernels.gemm(B * S, H, 2 * H)
    assert more == pytest.approx(2 * plain + layer + joining)
    assert found.chunk_parameters(with_one) - found.chunk_parameters(ends) == (
        found.transformer.sparse_layer_parameters + 2 * H * H + 3 * H
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"model": TINY, "ep": 8}, "the model has none"),
        ({"ep": 3}, "does not divide the tp x cp x dp = 32"),
        ({"ep": 32, "model": SPARSE.model_copy(update={"moe": Experts(experts=48, top_k=2, ffn=64)})}, "48 experts"),
        ({"etp": 8, "model": SPARSE.model_copy(update={"moe": Experts(experts=8, top_k=2, ffn=100)})}, "width 100"),
        ({"tp": 2, "ep": 8, "sequence_parallel": False}, "need sequence parallelism"),
        ({"etp": 16}, "wider than the scale-up domain"),
        ({"ep": 8, "how": "deduplicated", "dispatch": {"capacity_factor": 1.0}}, "cannot be deduplicated"),
    ],
)
def test_experts_that_cannot_be_spread_are_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        plan(**asked)


def test_experts_need_not_be_spread() -> None:
    assert not moved(block_of(plan(), 0, LAYER, backward=False))
    assert Parallelism().ep == 1
