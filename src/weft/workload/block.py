"""The cost of one pass of a chunk of layers: compute seconds, and the traffic inside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.workload import adapters, layer
from weft.workload.chunks import Chunk
from weft.workload.expert_traffic import expert_traffic
from weft.workload.program import Category, Communication, Operation, Stream
from weft.workload.traffic import Traffic
from weft.workload.training import Plan

_STREAMS = {Category.TP: Stream.TP, Category.CP: Stream.CP, Category.EP: Stream.EP}


@dataclass(frozen=True)
class Block:
    """One forward or backward pass of some layers on one rank.

    Attributes:
        compute_s: seconds of its kernels.
        traffic: the collectives between them.
        host_s: seconds that the host needs to issue all of that, where this may be longer.
        copies: to the host's memory and back, and what its processors do with the copies, which nothing waits for.
    """

    compute_s: float
    traffic: tuple[Traffic, ...]
    host_s: float = 0.0
    copies: tuple[Operation, ...] = ()

    def operations(self, overlaps: frozenset[str]) -> list[Operation]:
        """The block's operations, the last of which ends it.

        What stands alone follows the compute on the same stream: layers alternate between the two, with the same sum.
        """
        beside: list[Operation] = []
        alone: list[tuple[Operation, Communication | None]] = []
        for each in self.traffic:
            (hidden, shown), (hidden_also, shown_also) = each.split(overlaps), each.split_also(overlaps)
            if hidden is not None:
                beside.append(Operation(_STREAMS[each.category], each.category, 0.0, hidden, after=(0,)))
            if hidden_also is not None:
                beside.append(Operation(Stream.EP_FAR, each.category, 0.0, hidden_also, after=(0,)))
            if shown is not None:
                alone.append((Operation(Stream.COMPUTE, each.category, 0.0, shown, after=()), shown_also))
        for copy in self.copies:
            if copy.stream == Stream.COMPUTE:
                alone.append((replace(copy, after=()), None))
            elif copy.stream != Stream.HOST_OPTIMIZER:
                beside.append(replace(copy, after=(0,)))
        # What the host does with a copy waits for the one before it.
        there = [replace(each, after=(len(beside),)) for each in self.copies if each.stream == Stream.HOST_OPTIMIZER]
        compute = Operation(Stream.COMPUTE, Category.COMPUTE, self.compute_s)
        host = [Operation(Stream.HOST, Category.COMPUTE, self.host_s, after=(0,))] if self.host_s else []
        if not beside and not host:
            return _one_by_one([compute], alone)
        # What runs beside the compute begins with it, not once its own stream is free: an empty operation holds it
        # back until the rank is through with the block before. What ends the block, if only another, waits for it.
        begins = Operation(Stream.COMPUTE, Category.COMPUTE)
        ended, issued = tuple(range(1, 1 + len(beside))), (1 + len(beside),) if host else ()
        return _one_by_one([begins, *beside, *host, *there, replace(compute, after=())], alone, ended, issued)


def _one_by_one(
    found: list[Operation],
    alone: list[tuple[Operation, Communication | None]],
    ended: tuple[int, ...] = (),
    issued: tuple[int, ...] = (),
) -> list[Operation]:
    """Append what stands alone: the first waits for ``ended``, each for what went on beside the one before.

    Whatever is last waits for ``issued`` too.
    """
    before = len(found) - 1
    for operation, also in alone:
        found.append(replace(operation, after=ended))
        before, previous = len(found) - 1, before
        ended = ()
        if also is not None:
            found.append(Operation(Stream.EP_FAR, operation.category, 0.0, also, after=(previous,)))
            ended = (len(found) - 1,)
    if ended or issued:
        found.append(Operation(Stream.COMPUTE, Category.COMPUTE, after=ended + issued))
    return found


def forward_block(plan: Plan, stage: int, layers: int, *, embeds: bool = False, heads: bool = False) -> Block:
    """Forward pass of ``layers`` layers, with the embedding or the head where the chunk has them."""
    return block_of(plan, stage, Chunk(layers, embeds, heads), backward=False)


def backward_block(plan: Plan, stage: int, layers: int, *, embeds: bool = False, heads: bool = False) -> Block:
    """Backward pass of ``layers`` layers, all of which are recomputed where the job recomputes fully."""
    recomputed = layers if plan.job.recompute == "full" else 0
    return block_of(plan, stage, Chunk(layers, embeds, heads, recomputed), backward=True)


def block_of(plan: Plan, stage: int, chunk: Chunk, *, backward: bool) -> Block:
    """One pass of a chunk on a stage."""
    traffic = traffic_of(plan, stage, chunk, backward=backward)
    return Block(compute_s(plan, chunk, backward=backward), traffic, host_s(plan, chunk))


def host_s(plan: Plan, chunk: Chunk) -> float:
    """Seconds that the host needs to issue one pass of a chunk in one direction: of layers with experts in FP8."""
    return chunk.of_kind(True) * plan.stack.fp8_expert_host_s if plan.kernels.cast_Bps else 0.0


def compute_s(plan: Plan, chunk: Chunk, *, backward: bool) -> float:
    """Compute seconds of one pass of a chunk, the same on every stage."""
    return _backward_s(plan, chunk) if backward else _forward_s(plan, chunk)


def traffic_of(plan: Plan, stage: int, chunk: Chunk, *, backward: bool) -> tuple[Traffic, ...]:
    """The collectives inside one pass of a chunk on a stage; recomputation repeats those of the forward pass."""
    traffic = _traffic(plan, stage, chunk.of_kind(False), chunk.of_kind(True), backward=backward)
    if backward:
        again = chunk.recomputed_of_kind(False), chunk.recomputed_of_kind(True)
        traffic += _traffic(plan, stage, *again, backward=False)
    return tuple(traffic)


def _forward_s(plan: Plan, chunk: Chunk) -> float:
    shard, stack = plan.shard, plan.stack
    compute = 0.0
    for sparse in (False, True):
        if layers := chunk.of_kind(sparse):
            compute += layers * (
                layer.layer_forward(shard, plan.kernels, stack, sparse).total_s + stack.layer_overhead_s
            )
    if plan.job.lora is not None:
        compute += chunk.layers * adapters.forward_s(plan.job.lora, shard, plan.plain_kernels)
    if chunk.embeds:
        compute += layer.embedding_time(shard, plan.plain_kernels)
    if chunk.heads:
        compute += (1 + len(chunk.predicts)) * layer.head_forward(shard, plan.plain_kernels, stack)
    return compute + len(chunk.predicts) * layer.joining_forward(shard, plan.kernels)


def _backward_s(plan: Plan, chunk: Chunk) -> float:
    shard, stack, mode = plan.shard, plan.stack, plan.job.recompute
    compute = 0.0
    for sparse in (False, True):
        if layers := chunk.of_kind(sparse):
            once = layer.layer_backward(shard, plan.kernels, stack, sparse).total_s + stack.layer_overhead_s
            again = layer.recompute(shard, plan.kernels, stack, mode, sparse).total_s
            compute += layers * once
            compute += (chunk.recomputed_of_kind(sparse) if mode == "full" else layers) * again
    if plan.job.lora is not None:
        compute += chunk.layers * adapters.backward_s(plan.job.lora, shard, plan.plain_kernels)
        compute += chunk.recomputed * adapters.forward_s(plan.job.lora, shard, plan.plain_kernels)
    if chunk.embeds and not shard.frozen:
        compute += layer.embedding_time(shard, plan.plain_kernels)
    if chunk.heads:
        compute += (1 + len(chunk.predicts)) * layer.head_backward(shard, plan.plain_kernels, stack)
    return compute + len(chunk.predicts) * layer.joining_backward(shard, plan.kernels, stack)


def _traffic(plan: Plan, stage: int, dense: int, sparse: int, *, backward: bool) -> list[Traffic]:
    """Tensor-, context- and expert-parallel collectives of some layers in one direction."""
    layers = dense + sparse
    if not layers:
        return []
    found: list[Traffic] = []
    shard, model, mapping = plan.shard, plan.transformer, plan.mapping
    moe = model.spec.moe
    # Routed experts take and give what sequence parallelism leaves a rank; shared ones are split like a dense layer.
    split = dense + (sparse if moe is not None and moe.shared_ffn else 0)
    blocks = layers if model.spec.parallel_block else layers + split
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
    return found + expert_traffic(plan, stage, sparse)
