"""The cost of one pass of a chunk of layers: compute seconds and the tensor- and context-parallel traffic inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.workload import layer
from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.training import Chunk, Plan


@dataclass(frozen=True)
class Traffic:
    """A collective inside a block: one layer's bytes, repeated once a layer or more.

    ``beside_gradients`` marks what does not depend on the product next to it (an input gradient's collective and the
    weight gradient), which most stacks overlap even where they overlap nothing else.
    """

    category: Category
    communication: Communication
    beside_gradients: bool = False

    def split(self, overlaps: frozenset[str]) -> tuple[Communication | None, Communication | None]:
        """(what runs beside compute, what stands alone) under a stack's overlaps.

        Overlap with the product that makes or uses the bytes works on pieces, one a rank; the first piece stands alone.
        """
        whole, degree = self.communication, len(self.communication.ranks)
        name = self.category.name.lower()
        if name in overlaps:
            first = replace(whole, size_bytes=whole.size_bytes / degree)
            return replace(whole, size_bytes=whole.size_bytes - first.size_bytes), first
        if self.beside_gradients and f"{name}-gradients" in overlaps:
            return whole, None
        return None, whole


@dataclass(frozen=True)
class Block:
    """One forward or backward pass of some layers on one rank: compute seconds and the collectives between."""

    compute_s: float
    traffic: tuple[Traffic, ...]

    def emit(self, program: Program, plan: Plan, rank: int, label: str, after: list[int]) -> int:
        """Append the block; return the operation that ends it.

        What stands alone follows the compute on the same stream: layers alternate between the two, and so the sum is
        the same.
        """
        beside: list[int] = []
        alone: list[tuple[Category, Communication]] = []
        for each in self.traffic:
            hidden, shown = each.split(plan.overlaps)
            if hidden is not None:
                stream = Stream.TP if each.category == Category.TP else Stream.CP
                beside.append(program.communicate(rank, stream, each.category, hidden, label, after))
            if shown is not None:
                alone.append((each.category, shown))
        last = program.compute(rank, self.compute_s, label, after)
        for category, shown in alone:
            last = program.communicate(rank, Stream.COMPUTE, category, shown, label, [last, *beside])
        if beside and not alone:
            last = program.compute(rank, 0.0, label, [last, *beside])
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


def _traffic(plan: Plan, stage: int, layers: int, *, backward: bool) -> list[Traffic]:
    """Tensor- and context-parallel collectives of some layers in one direction."""
    if not layers:
        return []
    found: list[Traffic] = []
    shard, model, mapping = plan.shard, plan.transformer, plan.mapping
    blocks = layers * (1 if model.spec.parallel_block else 2)
    if mapping.tp > 1:
        group, size = mapping.tensor_group(stage), shard.activation_bytes

        def add(kind: str, beside: bool = False) -> None:
            found.append(Traffic(Category.TP, Communication(kind, size, group, blocks), beside))

        if shard.sequence_parallel:
            add("all_gather")
            add("reduce_scatter", beside=backward)
            if backward:
                # Each sharded input is gathered once more for the weight gradient (Korthikanti et al., section 4.2.2).
                add("all_gather", beside=True)
        else:
            add("all_reduce", beside=backward)
    if mapping.cp > 1:
        keys_values = 2 * 2.0 * shard.tokens * mapping.cp * model.kv_width / mapping.tp
        group = mapping.context_group(stage)
        found.append(Traffic(Category.CP, Communication("all_gather", keys_values, group, layers)))
        if backward:
            found.append(Traffic(Category.CP, Communication("reduce_scatter", keys_values, group, layers)))
    return found
