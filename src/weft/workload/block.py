"""The cost of one pass of a chunk of layers: compute seconds and the tensor- and context-parallel traffic inside it."""

from __future__ import annotations

from dataclasses import dataclass

from weft.workload import layer
from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.training import Chunk, Plan


@dataclass(frozen=True)
class Block:
    """One forward or backward pass of some layers on one rank.

    ``communications`` are (category, communication) pairs that alternate with the compute; their bytes are one layer's and
    their repeat counts the layers.
    """

    compute_s: float
    communications: tuple[tuple[Category, Communication], ...]

    def emit(self, program: Program, plan: Plan, rank: int, label: str, after: list[int]) -> int:
        """Append the block; return the operation that ends it.

        Blocking traffic follows the compute on the same stream: the layers alternate, and so the sum is the same. Overlapped
        traffic runs beside the compute, save the first of its tp (or cp) pieces, which nothing can hide.
        """
        before = list(after)
        beside: list[int] = []
        for category, whole in self.communications:
            degree = len(whole.ranks)
            if category.name.lower() in plan.overlaps:
                stream = Stream.TP if category == Category.TP else Stream.CP
                hidden = Communication(whole.kind, whole.size_bytes * (1 - 1 / degree), whole.ranks, whole.repeat)
                beside.append(program.communicate(rank, stream, category, hidden, label, before))
        last = program.compute(rank, self.compute_s, label, before)
        for category, whole in self.communications:
            shown = whole
            if category.name.lower() in plan.overlaps:
                shown = Communication(whole.kind, whole.size_bytes / len(whole.ranks), whole.ranks, whole.repeat)
            last = program.communicate(rank, Stream.COMPUTE, category, shown, label, [last, *beside])
        return last


def forward_block(plan: Plan, stage: int, layers: int, *, embeds: bool = False, heads: bool = False) -> Block:
    """Forward pass of ``layers`` layers, with the embedding or the head where the chunk has them."""
    shard, stack = plan.shard, plan.stack
    compute = layers * (layer.layer_forward(shard, plan.kernels, stack).total_s + stack.layer_overhead_s)
    if embeds:
        compute += layer.embedding_time(shard, plan.plain_kernels)
    if heads:
        compute += layer.head_forward(shard, plan.plain_kernels, stack)
    return Block(compute, tuple(_traffic(plan, stage, layers, backward=False)))


def backward_block(plan: Plan, stage: int, layers: int, *, embeds: bool = False, heads: bool = False) -> Block:
    """Backward pass of ``layers`` layers with what it recomputes."""
    shard, stack, job = plan.shard, plan.stack, plan.job
    full = layers if job.recompute == "full" else 0
    if job.recompute == "full" and job.recompute_layers is not None:
        full = min(layers, job.recompute_layers)
    compute = layers * (layer.layer_backward(shard, plan.kernels, stack).total_s + stack.layer_overhead_s)
    again = layer.recompute(shard, plan.kernels, stack, job.recompute).total_s
    compute += (full if job.recompute == "full" else layers) * again
    if embeds:
        compute += layer.embedding_time(shard, plan.plain_kernels)
    if heads:
        compute += layer.head_backward(shard, plan.plain_kernels, stack)
    traffic = list(_traffic(plan, stage, layers, backward=True))
    if full:
        traffic += _traffic(plan, stage, full, backward=False)
    return Block(compute, tuple(traffic))


def chunk_blocks(plan: Plan, stage: int, chunk: Chunk) -> tuple[Block, Block]:
    """(forward, backward) of a whole chunk."""
    return (
        forward_block(plan, stage, chunk.layers, embeds=chunk.embeds, heads=chunk.heads),
        backward_block(plan, stage, chunk.layers, embeds=chunk.embeds, heads=chunk.heads),
    )


def _traffic(plan: Plan, stage: int, layers: int, *, backward: bool) -> list[tuple[Category, Communication]]:
    """Tensor- and context-parallel collectives of some layers in one direction."""
    if not layers:
        return []
    found: list[tuple[Category, Communication]] = []
    shard, model, mapping = plan.shard, plan.transformer, plan.mapping
    blocks = 1 if model.spec.parallel_block else 2
    if mapping.tp > 1:
        group, size = mapping.tensor_group(stage), shard.activation_bytes
        if shard.sequence_parallel:
            # The backward gathers each sharded input once more for the weight gradient (Korthikanti et al., section 4.2.2).
            gathers = blocks * (2 if backward else 1)
            found.append((Category.TP, Communication("all_gather", size, group, gathers * layers)))
            found.append((Category.TP, Communication("reduce_scatter", size, group, blocks * layers)))
        else:
            found.append((Category.TP, Communication("all_reduce", size, group, blocks * layers)))
    if mapping.cp > 1:
        keys_values = 2 * 2.0 * shard.tokens * mapping.cp * model.kv_width / mapping.tp
        group = mapping.context_group(stage)
        found.append((Category.CP, Communication("all_gather", keys_values, group, layers)))
        if backward:
            found.append((Category.CP, Communication("reduce_scatter", keys_values, group, layers)))
    return found
