"""What one rank computes and communicates for one transformer layer and one micro-batch.

Times come from the roofline; sizes are what Megatron-style tensor, sequence and context parallelism move
(Shoeybi et al., arXiv 1909.08053; Korthikanti et al., arXiv 2205.05198; ring attention for context parallelism).
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.workload import expert_layer
from weft.workload.experts import ExpertShard
from weft.workload.roofline import Kernels
from weft.workload.stack import Stack
from weft.workload.transformer import Transformer


@dataclass(frozen=True)
class Shard:
    """One rank's share of a micro-batch: sequences, tokens per sequence on this rank, and its split of the weights.

    Weights that are ``frozen`` have no gradients.
    """

    transformer: Transformer
    sequence: int
    micro_batch: int
    tp: int
    cp: int
    sequence_parallel: bool
    experts: ExpertShard | None = None
    frozen: bool = False

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
        """(inputs k, outputs n) of a dense layer's weight matrices on this rank, in forward order."""
        return [(k, n) for _, k, n in self.products()]

    def products(self, sparse: bool = False) -> list[tuple[int, int, int]]:
        """(tokens m, inputs k, outputs n) of one layer's matrix products on this rank, in forward order.

        Args:
            sparse: the layer has experts; the routed ones are not among the products, the shared ones are.
        """
        model, moe = self.transformer, self.transformer.spec.moe
        shared = moe.shared_ffn if moe is not None else 0
        return self._attention_products() + self._ffn_products(shared if sparse else model.ffn)

    def widening(self) -> list[tuple[int, int, int]]:
        """Of those, the products from latent vectors up to all heads of the rank."""
        model, mla = self.transformer, self.transformer.spec.mla
        if mla is None:
            return []
        keys_values = (self.tokens, mla.kv_lora, model.spec.heads * (mla.nope_dim + mla.v_dim) // self.tp)
        if mla.q_lora is None:
            return [keys_values]
        return [(self.tokens, mla.q_lora, model.q_width // self.tp), keys_values]

    def _attention_products(self) -> list[tuple[int, int, int]]:
        model, mla, tp, tokens = self.transformer, self.transformer.spec.mla, self.tp, self.tokens
        out = (tokens, model.o_width // tp, model.hidden)
        if mla is None:
            kv_width = max(model.kv_width // tp, model.head_dim)
            return [(tokens, model.hidden, model.q_width // tp + 2 * kv_width), out]
        # Each rank narrows the tokens it holds.
        held = round(self.element_tokens)
        queries = (held, model.hidden, mla.q_lora) if mla.q_lora else (tokens, model.hidden, model.q_width // tp)
        return [queries, (held, model.hidden, mla.kv_lora + mla.rope_dim), *self.widening(), out]

    def _ffn_products(self, width: int) -> list[tuple[int, int, int]]:
        if not width:
            return []
        h, gate = self.transformer.hidden, 2 if self.transformer.spec.gated else 1
        return [(self.tokens, h, gate * width // self.tp), (self.tokens, width // self.tp, h)]


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


def layer_forward(shard: Shard, kernels: Kernels, stack: Stack, sparse: bool = False) -> PassTime:
    """Forward pass of one layer, dense or with experts."""
    gemm = sum(kernels.gemm(m, n, k) for m, k, n in shard.products(sparse))
    elements = _elements(shard, kernels, stack, stack.forward_passes, sparse)
    if sparse:
        gemm += expert_layer.forward(shard, kernels, stack)
        elements += expert_layer.elements(shard, kernels, stack, backward=False)
    return PassTime(gemm, stack.attention.forward(shard, kernels), elements)


def layer_backward(shard: Shard, kernels: Kernels, stack: Stack, sparse: bool = False) -> PassTime:
    """Backward pass of one layer: input and weight gradients, the latter accumulated in ``stack.gradient_bytes``."""
    gemm = sum(kernels.gemm(m, k, n) for m, k, n in shard.products(sparse))
    elements = _elements(shard, kernels, stack, stack.backward_passes, sparse)
    if sparse:
        gemm += expert_layer.input_gradients(shard, kernels, stack)
        elements += expert_layer.elements(shard, kernels, stack, backward=True)
    return PassTime(
        gemm + weight_gradients(shard, kernels, stack, sparse), stack.attention.backward(shard, kernels), elements
    )


def weight_gradients(shard: Shard, kernels: Kernels, stack: Stack, sparse: bool = False) -> float:
    """The part of a layer's backward pass that nothing before it waits for, seconds."""
    if shard.frozen:
        return 0.0
    # Both operands were quantised for the forward pass and the input gradient.
    out = 2.0 * stack.gradient_bytes
    seconds = sum(kernels.gemm(k, n, m, output_bytes=out, quantised=True) for m, k, n in shard.products(sparse))
    return seconds + (expert_layer.weight_gradients(shard, kernels, stack) if sparse else 0.0)


def recompute(shard: Shard, kernels: Kernels, stack: Stack, mode: str, sparse: bool = False) -> PassTime:
    """What the backward pass runs again: nothing, the attention core (selective), or the whole forward (full).

    Of a layer with latent attention, selective recomputation runs norms, the products up from the latents, and the
    experts' activation again.

    PyTorch's non-reentrant checkpointing stops once every saved tensor is back, which spares the layer's last product.
    """
    if mode == "full":
        again = layer_forward(shard, kernels, stack, sparse)
        m, k, n = shard.products(sparse)[-1]
        spared = kernels.gemm(m, n, k) if stack.recompute_stops_early and not sparse else 0.0
        return PassTime(again.gemm_s - spared, again.attention_s, again.element_s)
    if mode == "selective" and stack.selects_operators:
        # Every second matrix product and the attention core are kept, all else is run again (torchtitan's policy).
        again = layer_forward(shard, kernels, stack, sparse)
        return PassTime(again.gemm_s / 2, 0.0, again.element_s)
    if mode == "selective" and shard.transformer.spec.mla is not None:
        again_s = sum(kernels.gemm(m, n, k) for m, k, n in shard.widening())
        moved = 4.0 * shard.element_tokens * shard.transformer.hidden
        if sparse and shard.experts is not None:
            moved += 3.0 * shard.experts.rows * shard.experts.width
        return PassTime(again_s, 0.0, kernels.stream(2.0 * moved))
    if mode == "selective":
        return PassTime(0.0, stack.attention.recompute(shard, kernels), 0.0)
    return PassTime(0.0, 0.0, 0.0)


def _elements(shard: Shard, kernels: Kernels, stack: Stack, passes: tuple[float, float], sparse: bool = False) -> float:
    """Element-wise kernels: norms, residuals and dropout at hidden width, the activation at feed-forward width.

    ``passes`` counts 16-bit tensors read or written: at hidden width, and at feed-forward width.
    """
    model = shard.transformer
    hidden_bytes = (
        2.0 * shard.element_tokens * model.hidden * (passes[0] + (stack.dropout_passes if model.spec.dropout else 0.0))
    )
    # A gate reads both halves of the first product where a plain activation reads one.
    gate = 1.5 if model.spec.gated else 1.0
    moe = model.spec.moe
    width = (moe.shared_ffn if moe is not None else 0) if sparse else model.ffn
    ffn_bytes = 2.0 * shard.tokens * width / shard.tp * passes[1] * gate
    heads_bytes = 2.0 * shard.tokens * 2 * (model.q_width + model.kv_width) / shard.tp
    # Each rotates, or normalises, queries and keys: read and written.
    rotary_bytes = 0.0 if model.spec.learned_positions else heads_bytes
    norm_bytes = heads_bytes if model.spec.qk_norm else 4.0 * shard.element_tokens * model.latent_width
    moved = hidden_bytes + ffn_bytes + rotary_bytes + norm_bytes
    return stack.element_kernels * kernels.launch_s + moved / kernels.memory_Bps


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
    products = kernels.gemm(shard.tokens, hidden, columns) + head_weight_gradients(shard, kernels, stack)
    return products + kernels.stream(logits * stack.loss_bytes / 2)


def head_weight_gradients(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """The part of the output projection's backward pass that nothing before it waits for, seconds."""
    if shard.frozen:
        return 0.0
    columns = -(-shard.transformer.vocab // shard.tp)
    return kernels.gemm(shard.transformer.hidden, columns, shard.tokens, output_bytes=2.0 * stack.gradient_bytes)


def embedding_time(shard: Shard, kernels: Kernels) -> float:
    """Look-up of the input table (or its gradient's scatter), seconds: two passes over the activations."""
    return kernels.stream(2.0 * shard.activation_bytes)


def joining_forward(shard: Shard, kernels: Kernels) -> float:
    """What a multi-token prediction layer begins with, the product of states and embeddings from 2 h to h, seconds."""
    h = shard.transformer.hidden
    return kernels.gemm(shard.tokens, h // shard.tp, 2 * h)


def joining_backward(shard: Shard, kernels: Kernels, stack: Stack) -> float:
    """Gradients of its input and its weights, seconds."""
    h, out = shard.transformer.hidden, 2.0 * stack.gradient_bytes
    own = h // shard.tp
    return kernels.gemm(shard.tokens, 2 * h, own) + kernels.gemm(2 * h, own, shard.tokens, output_bytes=out)
