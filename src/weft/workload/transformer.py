"""What a transformer is made of: parameters, matrix multiplications, FLOPs.

Symbols as in the papers: L layers, h hidden, a heads, s sequence, b micro-batch, V vocabulary, t tensor-parallel
degree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from weft.errors import ConfigError
from weft.workload.experts import check_experts, sparse_layers
from weft.workload.spec import Model


@dataclass(frozen=True)
class Transformer:
    """A decoder-only transformer with every default resolved.

    A layer is dense (a feed-forward block of width f) or sparse (routed and shared experts in its place).

    Raises:
        ConfigError: heads, grouped heads and hidden size do not divide, or experts cannot be routed as asked.
    """

    spec: Model

    def __post_init__(self) -> None:
        spec = self.spec
        if spec.head_dim is None and spec.mla is None and spec.hidden % spec.heads:
            raise ConfigError(
                f"hidden {spec.hidden} is not divisible by heads {spec.heads}; give head_dim or change one",
                field="model",
            )
        if spec.heads % self.kv_heads:
            raise ConfigError(
                f"heads {spec.heads} is not a multiple of kv_heads {spec.kv_heads}", field="model.kv_heads"
            )
        if spec.mla is not None and self.kv_heads != spec.heads:
            raise ConfigError("latent attention has as many key and value heads as heads", field="model.kv_heads")
        if spec.moe is not None:
            check_experts(spec.moe)

    @property
    def layers(self) -> int:
        """L."""
        return self.spec.layers

    @property
    def hidden(self) -> int:
        """h."""
        return self.spec.hidden

    @property
    def vocab(self) -> int:
        """V."""
        return self.spec.vocab

    @property
    def kv_heads(self) -> int:
        """Key/value heads; equal to the heads without grouped-query attention."""
        return self.spec.kv_heads or self.spec.heads

    @property
    def head_dim(self) -> int:
        """Width of one query or key head."""
        if self.spec.mla is not None:
            return self.spec.mla.nope_dim + self.spec.mla.rope_dim
        return self.spec.head_dim or self.spec.hidden // self.spec.heads

    @property
    def v_dim(self) -> int:
        """Width of one value head."""
        return self.spec.mla.v_dim if self.spec.mla is not None else self.head_dim

    @property
    def q_width(self) -> int:
        """Width of all query heads together."""
        return self.spec.heads * self.head_dim

    @property
    def o_width(self) -> int:
        """Width of all heads' results together."""
        return self.spec.heads * self.v_dim

    @property
    def kv_width(self) -> int:
        """Width of all key and value heads together, halved."""
        return self.kv_heads * (self.head_dim + self.v_dim) // 2

    @property
    def latent_width(self) -> int:
        """Width of what latent attention narrows a token to: query's, key's and value's, and the shared positions."""
        mla = self.spec.mla
        return 0 if mla is None else (mla.q_lora or 0) + mla.kv_lora + mla.rope_dim

    @property
    def ffn(self) -> int:
        """Feed-forward width of a dense layer."""
        return self.spec.ffn or 4 * self.spec.hidden

    @property
    def ffn_matrices(self) -> int:
        """3 with a gate (SwiGLU), else 2."""
        return 3 if self.spec.gated else 2

    @cached_property
    def sparse(self) -> tuple[bool, ...]:
        """Which layers have experts; empty where none has."""
        return sparse_layers(self.spec)

    @property
    def predicts(self) -> tuple[bool, ...]:
        """The same of multi-token prediction layers, which are of the last layer's kind."""
        return (self.sparse[-1:] or (False,)) * self.spec.mtp_layers

    @cached_property
    def attention_matrix_parameters(self) -> int:
        """h (2q + 2kv), or those of latent attention: down to the latent vectors and up to all heads."""
        h, mla = self.hidden, self.spec.mla
        if mla is None:
            return h * (2 * self.q_width + 2 * self.kv_width)
        queries = mla.q_lora * (h + self.q_width) if mla.q_lora else h * self.q_width
        keys_values = h * (mla.kv_lora + mla.rope_dim) + mla.kv_lora * self.spec.heads * (mla.nope_dim + mla.v_dim)
        return queries + keys_values + self.o_width * h

    @property
    def expert_parameters(self) -> int:
        """Those of one routed expert: (2 or 3) h f, and its biases."""
        moe = self.spec.moe
        if moe is None:
            return 0
        biases = (self.ffn_matrices - 1) * moe.ffn + self.hidden if self.spec.bias else 0
        return self.ffn_matrices * self.hidden * moe.ffn + biases

    @cached_property
    def layer_matrix_parameters(self) -> int:
        """Parameters of one dense layer's weight matrices: attention's and (2 or 3) h f."""
        return self.attention_matrix_parameters + self.ffn_matrices * self.hidden * self.ffn

    @cached_property
    def layer_parameters(self) -> int:
        """All parameters of one dense layer, with norms and biases."""
        biases = (self.ffn_matrices - 1) * self.ffn + self.hidden if self.spec.bias else 0
        return self.layer_matrix_parameters + self._beside_matrices + biases

    @cached_property
    def sparse_layer_parameters(self) -> int:
        """Those of one layer with experts, less the routed ones: attention, router, shared experts, norms, biases."""
        moe = self.spec.moe
        if moe is None:
            return 0
        router = self.hidden * moe.experts + (moe.experts if self.spec.bias else 0)
        shared = self.ffn_matrices * self.hidden * moe.shared_ffn
        return self.attention_matrix_parameters + self._beside_matrices + router + shared

    @property
    def _beside_matrices(self) -> int:
        """Norms of a layer, and the biases of its attention."""
        mla = self.spec.mla
        norms = 2 * self.hidden * (2 if self.spec.bias else 1) + (2 * self.head_dim if self.spec.qk_norm else 0)
        norms += self.spec.heads if self.spec.attention_sinks else 0
        if mla is not None:
            norms += (mla.q_lora or 0) + mla.kv_lora
        return norms + (self.q_width + 2 * self.kv_width + self.hidden if self.spec.bias else 0)

    @property
    def prediction_parameters(self) -> int:
        """What a multi-token prediction layer has beside a layer of the model: norms and the product that joins two."""
        return 2 * self.hidden**2 + 3 * self.hidden

    def embedding_parameters(self, sequence: int = 0) -> int:
        """The input table, with learned positions if the model has them (V h + s h)."""
        return self.vocab * self.hidden + (sequence * self.hidden if self.spec.learned_positions else 0)

    @property
    def head_parameters(self) -> int:
        """The output projection: none of its own when tied to the input table."""
        return 0 if self.spec.tied_embeddings else self.vocab * self.hidden

    def parameters(self, sequence: int = 0) -> int:
        """Total parameter count, without multi-token prediction."""
        final_norm = self.hidden * (2 if self.spec.bias else 1)
        return self._layers_with(self._experts) + self._ends(sequence) + final_norm

    def active_parameters(self) -> int:
        """Parameters that a token meets: of the routed experts its own, of the input table nothing."""
        moe = self.spec.moe
        final_norm = self.hidden * (2 if self.spec.bias else 1)
        return self._layers_with(moe.top_k if moe else 0) + self.vocab * self.hidden + final_norm

    @property
    def _experts(self) -> int:
        return self.spec.moe.experts if self.spec.moe else 0

    def _layers_with(self, experts: int) -> int:
        """Parameters of all layers, with so many routed experts in each that has some."""
        sparse = sum(self.sparse)
        of_sparse = self.sparse_layer_parameters + experts * self.expert_parameters
        return (self.layers - sparse) * self.layer_parameters + sparse * of_sparse

    def _ends(self, sequence: int) -> int:
        return self.embedding_parameters(sequence) + self.head_parameters

    def attended(self, sequence: int) -> float:
        """Keys each query is scored against when masking is not exploited: the sequence, or its window."""
        return float(min(sequence, self.spec.sliding_window or sequence))

    def attended_causal(self, sequence: int) -> float:
        """Mean keys each query may see under the causal mask: (s+1)/2, or about the window when that is shorter."""
        window = min(sequence, self.spec.sliding_window or sequence)
        return window - window * (window - 1) / (2 * sequence)

    def windows(self) -> tuple[tuple[float, Transformer], ...]:
        """(share of layers, the model as those see it): through the sliding window, and without."""
        frac = self.spec.window_frac if self.spec.sliding_window else 1.0
        if frac == 1.0:
            return ((1.0, self),)
        whole = Transformer(self.spec.model_copy(update={"sliding_window": None, "window_frac": 1.0}))
        narrow = Transformer(self.spec.model_copy(update={"window_frac": 1.0}))
        return ((frac, narrow), (1.0 - frac, whole))

    @cached_property
    def active_matrix_parameters(self) -> int:
        """Parameters of the matrices of all layers that a token is multiplied with; biases and norms aside."""
        moe, matrices = self.spec.moe, self.ffn_matrices * self.hidden
        sparse = sum(self.sparse)
        total = self.layers * self.attention_matrix_parameters + (self.layers - sparse) * matrices * self.ffn
        if moe is not None:
            total += sparse * (matrices * (moe.top_k * moe.ffn + moe.shared_ffn) + self.hidden * moe.experts)
        return total

    def flops_per_token(self, sequence: int, *, causal: bool = False, frozen: bool = False) -> float:
        """Model FLOPs to train on one token, forward and backward, without recomputation and multi-token prediction.

        6 per matrix parameter that the token meets, 6 (q + o) keys a layer for attention scores and values (12 h s
        where heads are h wide), 6 h V for the output layer. For a GPT (f = 4h, q = h) this is
        72 L h² (1 + s/6h + V/12Lh), the formula of Narayanan et al. SC'21 (arXiv 2104.04473, eq. 3) less its
        recomputation.

        Args:
            sequence: tokens per sequence.
            causal: count only the half of the attention matrix that the causal mask keeps.
            frozen: matrices have no weight gradients (LoRA), 4 instead of 6; adapters are not counted.
        """
        keys = sum(
            share * (model.attended_causal(sequence) if causal else model.attended(sequence))
            for share, model in self.windows()
        )
        attention = self.layers * 6 * (self.q_width + self.o_width) * keys
        each = 4 if frozen else 6
        return each * self.active_matrix_parameters + attention + each * self.hidden * self.vocab
