"""Low-rank adapters (LoRA; Hu et al., arXiv 2106.09685) beside the frozen matrices of dense layers.

A frozen matrix W of k inputs and n outputs gets A (k x r) and B (r x n), and y = x W + (x A) B. Only A and B are
trained: r (k + n) parameters a matrix. Of the products with W the forward one and the input gradient stay, the weight
gradient goes. The adapters' own products are so narrow that all of them are passes over memory, in 16 bits: forward
reads x, writes and reads x A, writes the correction and adds it to y (x + 4 y + 2 r numbers a token); backward makes
four products (both input gradients, both weight gradients) and adds what flows to x (2 y + 5 x + 4 r).
"""

from __future__ import annotations

from weft.errors import ConfigError
from weft.workload.layer import Shard
from weft.workload.roofline import Kernels
from weft.workload.spec import Job, Lora
from weft.workload.transformer import Transformer

# Products of a dense layer in forward order, as `Shard.products` lists them.
_PLACES = ("qkv", "attention_out", "ffn_in", "ffn_out")


def check_adapters(job: Job, model: Transformer) -> None:
    """Refuse adapters where they are not modelled.

    Raises:
        ConfigError: the model has experts, latent attention or multi-token prediction.
    """
    if job.lora is None:
        return
    spec = model.spec
    for what, has in (
        ("experts", spec.moe),
        ("latent attention", spec.mla),
        ("multi-token prediction", spec.mtp_layers),
    ):
        if has:
            raise ConfigError(f"LoRA is modelled for dense layers, and the model has {what}", field="lora")


def layer_adapter_parameters(lora: Lora, model: Transformer) -> int:
    """Parameters of one layer's adapters: r (k + n) for each adapted matrix."""
    whole = Shard(model, sequence=1, micro_batch=1, tp=1, cp=1, sequence_parallel=False)
    return sum(lora.rank * (k + n) for k, n in _adapted(lora, whole))


def forward_s(lora: Lora, shard: Shard, kernels: Kernels) -> float:
    """Seconds of the adapters of one layer in a forward pass: two products and a sum each."""
    moved = sum(k + 4 * n + 2 * lora.rank for k, n in _adapted(lora, shard))
    return 3 * len(_adapted(lora, shard)) * kernels.launch_s + 2.0 * shard.tokens * moved / kernels.memory_Bps


def backward_s(lora: Lora, shard: Shard, kernels: Kernels) -> float:
    """Seconds of the same in a backward pass: four products and a sum each."""
    moved = sum(2 * n + 5 * k + 4 * lora.rank for k, n in _adapted(lora, shard))
    return 5 * len(_adapted(lora, shard)) * kernels.launch_s + 2.0 * shard.tokens * moved / kernels.memory_Bps


def _adapted(lora: Lora, shard: Shard) -> list[tuple[int, int]]:
    """(inputs k, outputs n) of the adapted matrices on one rank."""
    return [matrix for place, matrix in zip(_PLACES, shard.matrices(), strict=True) if place in lora.targets]
