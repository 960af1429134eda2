"""What one rank computes for the routed experts of one layer: grouped products, the router, and moving tokens about.

The products of a rank's experts go in one launch (grouped GEMM): their tiles share the multiprocessors, each has its
own m = rows / experts, and small ones fill tiles badly, as the roofline tells. Sorting copies by expert and back, and
weighting results, are passes over memory that the `stacks` part counts by the way tokens are dispatched. Where a stack
fuses experts, their kernels take and leave quantised operands, and apply the activation between their products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import InternalError
from weft.workload.experts import ExpertShard
from weft.workload.roofline import Kernels

if TYPE_CHECKING:
    from weft.workload.layer import Shard
    from weft.workload.stack import Stack


def forward(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """Router and routed experts, seconds."""
    own = _experts(shard)
    router = kernels.gemm(round(shard.element_tokens), own.moe.experts, shard.transformer.hidden)
    fused = stack.fuses_experts
    return router + sum(kernels.gemm(m, n, k, count=own.local, quantised=fused) for m, k, n in _products(shard))


def input_gradients(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """Gradients of what goes into the experts and the router, seconds."""
    own = _experts(shard)
    router = kernels.gemm(round(shard.element_tokens), shard.transformer.hidden, own.moe.experts)
    fused = stack.fuses_experts
    return router + sum(kernels.gemm(m, k, n, count=own.local, quantised=fused) for m, k, n in _products(shard))


def weight_gradients(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """Gradients of the experts' and the router's weights, seconds; the tokens of an expert are the inner length."""
    own, out = _experts(shard), 2.0 * stack.gradient_bytes
    router = kernels.gemm(shard.transformer.hidden, own.moe.experts, round(shard.element_tokens), output_bytes=out)
    return router + sum(
        kernels.gemm(k, n, m, output_bytes=out, count=own.local, quantised=True) for m, k, n in _products(shard)
    )


def elements(shard: Shard, kernels: Kernels, stack: Stack, *, backward: bool) -> float:
    """Routing, sorting, biases and the activation in one direction, and what the host adds, seconds."""
    own, model = _experts(shard), shard.transformer
    sorting = stack.deduplicated_passes if own.deduplicated else stack.all_to_all_passes
    gate = 1.5 if model.spec.gated else 1.0
    wide = (stack.backward_passes if backward else stack.forward_passes)[1] * gate * own.width
    if stack.fuses_experts:
        wide = 0.0
    biases = stack.expert_bias_passes[backward] if model.spec.bias else 0.0
    moved = 2.0 * own.rows * ((sorting + biases) * model.hidden + wide)
    moved += 4.0 * shard.element_tokens * own.moe.experts * stack.router_passes
    return stack.expert_kernels * kernels.launch_s + moved / kernels.memory_Bps + stack.expert_overhead_s


def _products(shard: Shard) -> list[tuple[int, int, int]]:
    """(rows m, inputs k, outputs n) of each of a rank's experts; an expert without tokens still costs a tile."""
    own, h = _experts(shard), shard.transformer.hidden
    rows, gate = max(1, -(-own.rows // own.local)), 2 if shard.transformer.spec.gated else 1
    return [(rows, h, gate * own.width), (rows, own.width, h)]


def _experts(shard: Shard) -> ExpertShard:
    if shard.experts is None:
        raise InternalError("a layer with experts on a rank without")
    return shard.experts
