"""The attention core: scores, softmax and values, by the kernels a software stack uses.

Unfused attention runs two batched GEMMs and streams the score matrix through memory for softmax and dropout; fused
attention (FlashAttention and its kin) never writes it. Fused efficiencies are those their papers measured, by
generation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from weft.workload.roofline import Kernels
from weft.workload.transformer import Transformer

if TYPE_CHECKING:
    from weft.workload.layer import Shard


class Attention(Protocol):
    """The attention core of one layer, one micro-batch, one rank."""

    @property
    def stores_scores(self) -> bool:
        """Whether the score matrix is kept for the backward pass."""
        ...

    def forward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of the forward core."""
        ...

    def backward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of the backward core."""
        ...

    def recompute(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds that selective recomputation adds to the backward pass."""
        ...


def score_flops(shard: Shard, keys: float) -> float:
    """FLOPs of scores and values, forward: 2 q keys and 2 o keys per token, with o the width of all heads' values."""
    model = shard.transformer
    return 2.0 * shard.tokens * (model.q_width + model.o_width) / shard.tp * keys


@dataclass(frozen=True)
class Fused:
    """FlashAttention and its kin, at measured fractions of the 16-bit peak; the backward has five products for two.

    Attributes:
        fracs: FLOP/s over peak, forward and backward together, on long sequences, at head widths 64 and 128.
        saturation: sequence length at which half of that is reached: tiles on the causal diagonal and the
            loop's ends are computed but not counted, and weigh more in short sequences.
        skips_masked: tiles above the causal diagonal are not computed.
        balances_context: context-parallel ranks get stretches of the sequence with equal work.
    """

    fracs: tuple[float, float]
    saturation: float
    skips_masked: bool = True
    balances_context: bool = True
    stores_scores: bool = False

    def _seconds(self, products: float, shard: Shard, kernels: Kernels) -> float:
        """Seconds of a layer, a mean over those with a sliding window and those without."""
        seconds = 0.0
        for share, model in shard.transformer.windows():
            seconds += share * self._kernel_s(products, shard, model, kernels)
        return seconds

    def _kernel_s(self, products: float, shard: Shard, model: Transformer, kernels: Kernels) -> float:
        keys = model.attended_causal(shard.sequence) if self.skips_masked else model.attended(shard.sequence)
        if not self.balances_context:
            # The rank with the last stretch of the sequence attends to all before it: (2 - 1/cp) times the mean.
            keys *= 2.0 - 1.0 / shard.cp
        # Between the two measured head widths the rate goes with the logarithm of the width.
        at = min(1.0, max(0.0, math.log2(model.head_dim / 64.0)))
        frac = (self.fracs[0] + at * (self.fracs[1] - self.fracs[0])) / (
            1.0 + self.saturation / model.attended(shard.sequence)
        )
        return kernels.launch_s + products * score_flops(shard, keys) / (kernels.attention_peak * frac)

    def forward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of the forward core."""
        return self._seconds(1.0, shard, kernels)

    def backward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of the backward core."""
        return self._seconds(2.5, shard, kernels)

    def recompute(self, shard: Shard, kernels: Kernels) -> float:
        """The backward kernel recomputes scores itself: selective recomputation adds nothing."""
        return 0.0


@dataclass(frozen=True)
class Unfused:
    """Batched GEMMs with a fused scale-mask-softmax kernel and a separate dropout (Megatron-LM of 2021-2022).

    ``score_passes`` counts 16-bit passes over the score matrix in the forward direction; the backward runs as many.
    """

    score_passes: float
    dropout_passes: float
    stores_scores: bool = True

    def _products(self, shard: Shard, kernels: Kernels, directions: int) -> float:
        model = shard.transformer
        batch = shard.micro_batch * max(model.spec.heads // shard.tp, 1)
        rows, keys = shard.sequence // shard.cp, shard.sequence
        one = kernels.gemm(rows, keys, model.head_dim, count=batch) + kernels.gemm(rows, model.v_dim, keys, count=batch)
        return directions * one

    def _scores(self, shard: Shard, kernels: Kernels) -> float:
        model = shard.transformer
        elements = float(shard.tokens) * shard.sequence * model.spec.heads / shard.tp
        passes = self.score_passes + (self.dropout_passes if model.spec.dropout else 0.0)
        return kernels.stream(2.0 * elements * passes)

    def forward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of the forward core."""
        return self._products(shard, kernels, 1) + self._scores(shard, kernels)

    def backward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of the backward core: twice the products, the same passes over the scores."""
        return self._products(shard, kernels, 2) + self._scores(shard, kernels)

    def recompute(self, shard: Shard, kernels: Kernels) -> float:
        """Selective recomputation runs the forward core again."""
        return self.forward(shard, kernels)
