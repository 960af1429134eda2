"""LoRA: what frozen matrices save, what adapters add, and what a rank then holds."""

from __future__ import annotations

from typing import Any

import pytest

import weft
from weft.errors import ConfigError
from weft.workload.adapters import layer_adapter_parameters
from weft.workload.spec import Lora, Model
from weft.workload.transformer import Transformer

LLAMA2_70B = Transformer(
    Model(layers=80, hidden=8192, heads=64, kv_heads=8, ffn=28672, vocab=32000, gated=True, tied_embeddings=False)
)
SMALL = Model(layers=8, hidden=4096, heads=32, ffn=16384, vocab=32000, tied_embeddings=False)


def _run(lora: Lora | None, stack: str = "nemo", model: Model | str = SMALL, **changes: Any) -> weft.Result:
    cluster = weft.Cluster(nodes=1, node=weft.Node(system="dgx_h100"))
    job = {"sequence": 4096, "global_batch": 64, "parallelism": weft.Parallelism(tp=1, pp=1), "stack": stack} | changes
    return weft.simulate(cluster, weft.Job(model=model, lora=lora, **job))


def _moved(run: weft.Result, kind: str) -> float:
    program = run.run.execution.program
    each = [program.communications[i] for i in program.communication if i >= 0]
    return sum(c.size_bytes for c in each if c.kind == kind)


def test_adapters_of_llama2_70b_have_the_parameters_that_their_shapes_give() -> None:
    # q and o of 8192 x 8192, k and v of 8192 x 1024 as one matrix of 8192 x 10240: r (k + n) each.
    lora = Lora(rank=16, targets=("qkv", "attention_out"))
    assert layer_adapter_parameters(lora, LLAMA2_70B) == 16 * (8192 + 10240) + 16 * (8192 + 8192)
    everywhere = layer_adapter_parameters(Lora(rank=16), LLAMA2_70B)
    assert everywhere == 16 * ((8192 + 10240) + 2 * 8192 + (8192 + 2 * 28672) + (28672 + 8192))


def test_what_a_llama2_70b_step_must_compute_is_near_what_its_benchmark_counts() -> None:
    # MLPerf's implementation states 2,598 TFLOP a sample of 8,192 tokens.
    per_sample = 8192 * LLAMA2_70B.flops_per_token(8192, causal=True, frozen=True)
    assert per_sample == pytest.approx(2598e12, rel=0.04)


def test_frozen_matrices_save_a_third_of_the_products_and_no_attention() -> None:
    full, lora = _run(None), _run(Lora(rank=8, targets=("qkv",)))
    assert 0.64 < lora.step_time_s / full.step_time_s < 0.80


@pytest.mark.parametrize("rank", [4, 16, 64])
def test_adapters_cost_more_the_more_matrices_have_one(rank: int) -> None:
    one = _run(Lora(rank=rank, targets=("qkv",))).step_time_s
    all_four = _run(Lora(rank=rank)).step_time_s
    assert one < all_four < 1.2 * one


def test_only_adapters_have_gradients_and_optimizer_state() -> None:
    lora = Lora(rank=16, targets=("qkv",))
    memory, whole = _run(lora).run.memory, _run(None).run.memory
    trained = 8 * 16 * (4096 + 3 * 4096)
    assert memory.gradients_bytes == 4 * trained
    assert memory.optimizer_bytes == 12 * trained / 8
    assert memory.weights_bytes == whole.weights_bytes
    assert memory.activations_bytes < whole.activations_bytes


def test_sharded_frozen_weights_are_spread_and_still_gathered() -> None:
    zero3 = weft.Parallelism(zero=3)
    lora, full = (_run(each, "torchtitan", parallelism=zero3) for each in (Lora(rank=16), None))
    assert _moved(lora, "all_gather") == _moved(full, "all_gather")
    assert _moved(lora, "reduce_scatter") < 0.01 * _moved(full, "reduce_scatter")
    assert lora.run.memory.weights_bytes == pytest.approx(full.run.memory.weights_bytes, rel=0.02)


def test_gradients_on_the_wire_are_those_of_adapters() -> None:
    lora = _run(Lora(rank=16, targets=("qkv",)))
    # Two bytes each: the stack sums in 16 bits.
    assert _moved(lora, "reduce_scatter") == 2 * 8 * 16 * (4096 + 3 * 4096)


def test_recomputation_runs_adapters_again() -> None:
    lora = Lora(rank=16)
    again = _run(lora, recompute="full").step_time_s - _run(lora).step_time_s
    assert again > _run(None, recompute="full").step_time_s - _run(None).step_time_s


def test_adapters_beside_experts_are_refused() -> None:
    with pytest.raises(ConfigError, match="dense layers"):
        _run(Lora(rank=8), model="mixtral-8x7b")
