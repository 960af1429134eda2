"""What one rank computes and communicates for one transformer layer and one micro-batch.

Times come from the roofline; sizes are what Megatron-style tensor, sequence and context parallelism move
(Shoeybi et al., arXiv 1909.08053; Korthikanti et al., arXiv 2205.05198; ring attention for context parallelism).
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.workload.roofline import Kernels
from weft.workload.stack import Stack
from weft.workload.transformer import Transformer


@dataclass(frozen=True)
class Shard:
    """One rank's share of a micro-batch: sequences, tokens per sequence on this rank, and its split of the weights."""

    transformer: Transformer
    sequence: int
    micro_batch: int
    tp: int
    cp: int
    sequence_parallel: bool

    @property
    def tokens(self) -> int:
        """Tokens this rank computes on (before sequence parallelism splits the element-wise parts)."""
        return self.micro_batch * self.sequence // self.cp

    @property
    def element_tokens(self) -> float:
        """Tokens this rank holds outside tensor-parallel regions."""
        return self.tokens / (self.tp if self.sequence_parallel else 1)

    @property
    def activation_bytes(self) -> float:
        """One 16-bit activation tensor of full hidden width, before sequence parallelism splits it."""
        return 2.0 * self.tokens * self.transformer.hidden

    def matrices(self) -> list[tuple[int, int]]:
        """(inputs k, outputs n) of one layer's weight matrices on this rank, in forward order."""
        model, tp = self.transformer, self.tp
        kv_width = max(model.kv_width // tp, model.head_dim)
        gate = 2 if model.spec.gated else 1
        return [
            (model.hidden, model.q_width // tp + 2 * kv_width),
            (model.q_width // tp, model.hidden),
            (model.hidden, gate * model.ffn // tp),
            (model.ffn // tp, model.hidden),
        ]


@dataclass(frozen=True)
class PassTime:
    """Seconds one pass spends in each kind of kernel."""

    gemm_s: float
    attention_s: float
    element_s: float

    @property
    def total_s(self) -> float:
        """Seconds of the whole pass."""
        return self.gemm_s + self.attention_s + self.element_s


def layer_forward(shard: Shard, kernels: Kernels, stack: Stack) -> PassTime:
    """Forward pass of one layer."""
    gemm = sum(kernels.gemm(shard.tokens, n, k) for k, n in shard.matrices())
    return PassTime(
        gemm, stack.attention.forward(shard, kernels), _elements(shard, kernels, stack, stack.forward_passes)
    )


def layer_backward(shard: Shard, kernels: Kernels, stack: Stack) -> PassTime:
    """Backward pass of one layer: input and weight gradients, the latter accumulated in ``stack.gradient_bytes``."""
    gemm = 0.0
    for k, n in shard.matrices():
        gemm += kernels.gemm(shard.tokens, k, n)
        # Both operands were quantised for the forward pass and the input gradient.
        gemm += kernels.gemm(k, n, shard.tokens, output_bytes=2.0 * stack.gradient_bytes, quantised=True)
    return PassTime(
        gemm, stack.attention.backward(shard, kernels), _elements(shard, kernels, stack, stack.backward_passes)
    )


def recompute(shard: Shard, kernels: Kernels, stack: Stack, mode: str) -> PassTime:
    """What the backward pass runs again: nothing, the attention core (selective), or the whole forward (full).

    PyTorch's non-reentrant checkpointing stops once every saved tensor is back, which spares the layer's last product.
    """
    if mode == "full":
        again = layer_forward(shard, kernels, stack)
        k, n = shard.matrices()[-1]
        spared = kernels.gemm(shard.tokens, n, k) if stack.recompute_stops_early else 0.0
        return PassTime(again.gemm_s - spared, again.attention_s, again.element_s)
    if mode == "selective" and stack.selects_operators:
        # Every second matrix product and the attention core are kept, all else is run again (torchtitan's policy).
        again = layer_forward(shard, kernels, stack)
        return PassTime(again.gemm_s / 2, 0.0, again.element_s)
    if mode == "selective":
        return PassTime(0.0, stack.attention.recompute(shard, kernels), 0.0)
    return PassTime(0.0, 0.0, 0.0)


def _elements(shard: Shard, kernels: Kernels, stack: Stack, passes: tuple[float, float]) -> float:
    """Element-wise kernels: norms, residuals and dropout at hidden width, the activation at feed-forward width.

    ``passes`` counts 16-bit tensors read or written: at hidden width, and at feed-forward width.
    """
    model = shard.transformer
    hidden_bytes = (
        2.0 * shard.element_tokens * model.hidden * (passes[0] + (stack.dropout_passes if model.spec.dropout else 0.0))
    )
    # A gate reads both halves of the first product where a plain activation reads one.
    gate = 1.5 if model.spec.gated else 1.0
    ffn_bytes = 2.0 * shard.tokens * model.ffn / shard.tp * passes[1] * gate
    rotary_bytes = (
        0.0 if model.spec.learned_positions else 2.0 * shard.tokens * 2 * (model.q_width + model.kv_width) / shard.tp
    )
    return stack.element_kernels * kernels.launch_s + (hidden_bytes + ffn_bytes + rotary_bytes) / kernels.memory_Bps


def head_forward(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """Output projection and loss: one GEMM and the passes over the logits that the loss needs, seconds."""
    columns = -(-shard.transformer.vocab // shard.tp)
    logits = float(shard.tokens) * columns
    return kernels.gemm(shard.tokens, columns, shard.transformer.hidden) + kernels.stream(logits * stack.loss_bytes / 2)


def head_backward(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """Backward of the loss and the output projection, seconds."""
    columns = -(-shard.transformer.vocab // shard.tp)
    logits = float(shard.tokens) * columns
    hidden = shard.transformer.hidden
    products = kernels.gemm(shard.tokens, hidden, columns) + kernels.gemm(
        hidden, columns, shard.tokens, output_bytes=2.0 * stack.gradient_bytes
    )
    return products + kernels.stream(logits * stack.loss_bytes / 2)


def embedding_time(shard: Shard, kernels: Kernels) -> float:
    """Look-up of the input table (or its gradient's scatter), seconds: two passes over the activations."""
    return kernels.stream(2.0 * shard.activation_bytes)
