"""What a transformer is made of: parameters, matrix multiplications, FLOPs.

Symbols as in the papers: L layers, h hidden, a heads, s sequence, b micro-batch, V vocabulary, t tensor-parallel
degree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from weft.errors import ConfigError
from weft.workload.spec import Model


@dataclass(frozen=True)
class Transformer:
    """A dense decoder-only transformer with every default resolved.

    Raises:
        ConfigError: heads, grouped heads and hidden size do not divide.
    """

    spec: Model

    def __post_init__(self) -> None:
        spec = self.spec
        if spec.head_dim is None and spec.hidden % spec.heads:
            raise ConfigError(
                f"hidden {spec.hidden} is not divisible by heads {spec.heads}; give head_dim or change one",
                field="model",
            )
        if spec.heads % self.kv_heads:
            raise ConfigError(
                f"heads {spec.heads} is not a multiple of kv_heads {spec.kv_heads}", field="model.kv_heads"
            )

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
        """Width of one head."""
        return self.spec.head_dim or self.spec.hidden // self.spec.heads

    @property
    def q_width(self) -> int:
        """Width of all query heads together."""
        return self.spec.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Width of all key (or value) heads together."""
        return self.kv_heads * self.head_dim

    @property
    def ffn(self) -> int:
        """Feed-forward width."""
        return self.spec.ffn or 4 * self.spec.hidden

    @property
    def ffn_matrices(self) -> int:
        """3 with a gate (SwiGLU), else 2."""
        return 3 if self.spec.gated else 2

    @cached_property
    def layer_matrix_parameters(self) -> int:
        """Parameters of one layer's weight matrices: h(2q + 2kv) + (2 or 3) h f."""
        return self.hidden * (2 * self.q_width + 2 * self.kv_width + self.ffn_matrices * self.ffn)

    @cached_property
    def layer_parameters(self) -> int:
        """All parameters of one layer, with norms and biases."""
        norms = 2 * self.hidden * (2 if self.spec.bias else 1)
        biases = (
            (self.q_width + 2 * self.kv_width + 2 * self.hidden + (self.ffn_matrices - 1) * self.ffn)
            if self.spec.bias
            else 0
        )
        return self.layer_matrix_parameters + norms + biases

    def embedding_parameters(self, sequence: int = 0) -> int:
        """The input table, with learned positions if the model has them (V h + s h)."""
        return self.vocab * self.hidden + (sequence * self.hidden if self.spec.learned_positions else 0)

    @property
    def head_parameters(self) -> int:
        """The output projection: none of its own when tied to the input table."""
        return 0 if self.spec.tied_embeddings else self.vocab * self.hidden

    def parameters(self, sequence: int = 0) -> int:
        """Total parameter count."""
        final_norm = self.hidden * (2 if self.spec.bias else 1)
        return (
            self.layers * self.layer_parameters
            + self.embedding_parameters(sequence)
            + self.head_parameters
            + final_norm
        )

    def attended(self, sequence: int) -> float:
        """Keys each query is scored against when masking is not exploited: the sequence, or its window."""
        return float(min(sequence, self.spec.sliding_window or sequence))

    def attended_causal(self, sequence: int) -> float:
        """Mean keys each query may see under the causal mask: (s+1)/2, or about the window when that is shorter."""
        window = min(sequence, self.spec.sliding_window or sequence)
        return window - window * (window - 1) / (2 * sequence)

    def flops_per_token(self, sequence: int, *, causal: bool = False) -> float:
        """Model FLOPs to train on one token, forward and backward, without recomputation.

        6 per matrix parameter and token, 12 L q s for attention scores and values, 6 h V for the output
        layer. For a GPT (f = 4h, q = h) this is 72 L h² (1 + s/6h + V/12Lh), the formula of Narayanan et al. SC'21
        (arXiv 2104.04473, eq. 3) less its recomputation.

        Args:
            sequence: tokens per sequence.
            causal: count only the half of the attention matrix that the causal mask keeps.
        """
        keys = self.attended_causal(sequence) if causal else self.attended(sequence)
        per_layer = 6 * self.layer_matrix_parameters + 12 * self.q_width * keys
        return self.layers * per_layer + 6 * self.hidden * self.vocab
