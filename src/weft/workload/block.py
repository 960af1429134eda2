"""The cost of one pass of a chunk of layers: compute seconds and the tensor- and context-parallel traffic inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.workload import layer
from weft.workload.chunks import Chunk
from weft.workload.program import Category, Communication, Operation, Stream
from weft.workload.training import Plan


@dataclass(frozen=True)
class Traffic:
    """A collective inside a block: one layer's bytes, repeated once a layer or more.

    ``beside_gradients`` marks what does not depend on the product next to it (an input gradient's collective and the
    weight gradient), which most stacks overlap even where they overlap nothing else. ``hidden_frac`` is the share of
    what could be hidden that the stack does hide.
    """

    category: Category
    communication: Communication
    beside_gradients: bool = False
    hidden_frac: float = 1.0

    def split(self, overlaps: frozenset[str]) -> tuple[Communication | None, Communication | None]:
        """(what runs beside compute, what stands alone) under a stack's overlaps.

        Overlap with the product that makes or uses the bytes works on pieces, one a rank; the first piece stands alone,
        and so does what the stack fails to hide of the others.
        """
        whole, degree = self.communication, len(self.communication.ranks)
        name = self.category.name.lower()
        if name in overlaps:
            hidden = replace(whole, size_bytes=whole.size_bytes * (1 - 1 / degree) * self.hidden_frac)
            return hidden, replace(whole, size_bytes=whole.size_bytes - hidden.size_bytes)
        if self.beside_gradients and f"{name}-gradients" in overlaps:
            return whole, None
        return None, whole


@dataclass(frozen=True)
class Block:
    """One forward or backward pass of some layers on one rank: compute seconds and the collectives between."""

    compute_s: float
    traffic: tuple[Traffic, ...]

    def operations(self, overlaps: frozenset[str]) -> list[Operation]:
        """The block's operations, the last of which ends it.

        What stands alone follows the compute on the same stream: layers alternate between the two, with the same sum.
        """
        beside: list[Operation] = []
        alone: list[Operation] = []
        for each in self.traffic:
            hidden, shown = each.split(overlaps)
            if hidden is not None:
                stream = Stream.TP if each.category == Category.TP else Stream.CP
                beside.append(Operation(stream, each.category, 0.0, hidden, after=(0,)))
            if shown is not None:
                alone.append(Operation(Stream.COMPUTE, each.category, 0.0, shown, after=()))
        if not beside:
            return [Operation(Stream.COMPUTE, Category.COMPUTE, self.compute_s), *alone]
        # What runs beside the compute begins with it, not once its own stream is free: an empty operation holds it
        # back until the rank is through with the block before. What ends the block, if only another, waits for it.
        begins = Operation(Stream.COMPUTE, Category.COMPUTE)
        joins = alone[0] if alone else Operation(Stream.COMPUTE, Category.COMPUTE)
        alone[:1] = [replace(joins, after=tuple(range(1, 1 + len(beside))))]
        return [begins, *beside, Operation(Stream.COMPUTE, Category.COMPUTE, self.compute_s, after=()), *alone]


def forward_block(plan: Plan, stage: int, layers: int, *, embeds: bool = False, heads: bool = False) -> Block:
    """Forward pass of ``layers`` layers, with the embedding or the head where the chunk has them."""
    return block_of(plan, stage, Chunk(layers, embeds, heads), backward=False)


def backward_block(plan: Plan, stage: int, layers: int, *, embeds: bool = False, heads: bool = False) -> Block:
    """Backward pass of ``layers`` layers, all of which are recomputed where the job recomputes fully."""
    recomputed = layers if plan.job.recompute == "full" else 0
    return block_of(plan, stage, Chunk(layers, embeds, heads, recomputed), backward=True)


def block_of(plan: Plan, stage: int, chunk: Chunk, *, backward: bool) -> Block:
    """One pass of a chunk on a stage."""
    return Block(compute_s(plan, chunk, backward=backward), traffic_of(plan, stage, chunk, backward=backward))


def compute_s(plan: Plan, chunk: Chunk, *, backward: bool) -> float:
    """Compute seconds of one pass of a chunk, the same on every stage."""
    return _backward_s(plan, chunk) if backward else _forward_s(plan, chunk)


def traffic_of(plan: Plan, stage: int, chunk: Chunk, *, backward: bool) -> tuple[Traffic, ...]:
    """The collectives inside one pass of a chunk on a stage; recomputation repeats those of the forward pass."""
    traffic = _traffic(plan, stage, chunk.layers, backward=backward)
    if backward:
        traffic += _traffic(plan, stage, chunk.recomputed, backward=False)
    return tuple(traffic)


def _forward_s(plan: Plan, chunk: Chunk) -> float:
    shard, stack = plan.shard, plan.stack
    compute = chunk.layers * (layer.layer_forward(shard, plan.kernels, stack).total_s + stack.layer_overhead_s)
    if chunk.embeds:
        compute += layer.embedding_time(shard, plan.plain_kernels)
    if chunk.heads:
        compute += layer.head_forward(shard, plan.plain_kernels, stack)
    return compute


def _backward_s(plan: Plan, chunk: Chunk) -> float:
    shard, stack, mode = plan.shard, plan.stack, plan.job.recompute
    compute = chunk.layers * (layer.layer_backward(shard, plan.kernels, stack).total_s + stack.layer_overhead_s)
    again = layer.recompute(shard, plan.kernels, stack, mode).total_s
    compute += (chunk.recomputed if mode == "full" else chunk.layers) * again
    if chunk.embeds:
        compute += layer.embedding_time(shard, plan.plain_kernels)
    if chunk.heads:
        compute += layer.head_backward(shard, plan.plain_kernels, stack)
    return compute


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
            found.append(
                Traffic(Category.TP, Communication(kind, size, group, blocks), beside, plan.stack.tp_hidden_frac)
            )

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
