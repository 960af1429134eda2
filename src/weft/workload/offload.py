"""What offloading to host memory moves, computes and frees.

Ren et al., ZeRO-Offload (arXiv 2101.06840): gradients go to the host, its processors run Adam on the states that are
kept there, and updated weights come back; Megatron-Core's hybrid optimizer does so for a share x of the parameters and
updates the others on the accelerator meanwhile. With P parameters whose state a rank holds, a host link of L B/s and a
share of M B/s of the host memory's bandwidth, of which the optimizer reaches f:

    there = x P g / L,  Adam = x P u / (f M),  back = x P w / L

with g, u, w the bytes of a gradient, of what Adam reads and writes, and of a weight that comes back. One after another
that takes their sum; in n pieces, each copied while the host works on another, the longest and a piece of either other.
Clipping needs all gradients, so that Adam begins once the last are summed. Where gradients go as they are made, every
micro-batch sends its own, and the host adds them up: 12 bytes a parameter read and written.

Activations leave as the forward pass of their layers makes them and return beside the backward pass; copies of one
layer are on the accelerator besides. A pass lasts as long as the longer of its compute and its copies.
"""

from __future__ import annotations

from dataclasses import replace

from weft.workload.chunks import Chunk
from weft.workload.host import Host
from weft.workload.passes import Work
from weft.workload.program import Category, Operation, Program, Stream
from weft.workload.stack import activation_bytes_per_layer
from weft.workload.training import Plan

# Pieces of the optimizer's parameters that are copied and updated one beside the other.
_PIECES = 8
# A 32-bit sum: two read, one written.
_SUM_BYTES = 12.0


def offloaded_parameters(plan: Plan, stage: int) -> float:
    """Parameters whose state a rank of a stage keeps in host memory."""
    asked = plan.job.offload
    return 0.0 if asked is None else asked.optimizer * plan.held_states(stage)


def write_optimizer(plan: Plan, program: Program, rank: int, stage: int, summed: list[int]) -> None:
    """Write the optimizer of a stage: on the accelerator, and beside it on the host for what is offloaded.

    Args:
        rank: of the program, that stands for the stage.
        summed: what all gradients of the stage wait for, beside the stage's last pass.
    """
    host, asked, count = plan.host, plan.job.offload, offloaded_parameters(plan, stage)
    if host is None or asked is None or not count:
        program.compute(rank, plan.optimizer_s(stage), "optimizer", summed)
        return
    begins = [program.compute(rank, 0.0, "gradients ready", summed)]
    program.compute(rank, plan.optimizer_s(stage), "optimizer", begins)
    pieces = _PIECES if asked.overlap else 1
    there = 0.0 if asked.gradients else plan.stack.gradient_bytes * count / host.copy_Bps / pieces
    adam = plan.stack.host_optimizer_bytes * count / (plan.stack.host_optimizer_fraction * host.memory_Bps) / pieces
    back = plan.stack.offload_back_bytes * count / host.copy_Bps / pieces
    for _ in range(pieces):
        ready = begins
        if there:
            ready = [_host_operation(program, rank, Stream.TO_HOST, there, "offload gradients", begins)]
        updated = _host_operation(program, rank, Stream.HOST_OPTIMIZER, adam, "host optimizer", ready)
        last = _host_operation(program, rank, Stream.FROM_HOST, back, "return weights", [updated])
    program.compute(rank, 0.0, "optimizer", [last])


def pass_copies(plan: Plan, stage: int, chunk: Chunk, work: Work) -> list[Operation]:
    """Copies between accelerator and host that go on beside one pass of a chunk: activations, and its gradients."""
    host, asked = plan.host, plan.job.offload
    if host is None or asked is None:
        return []
    found = []
    moved = asked.activations * _activation_bytes(plan, chunk)
    if moved and work != Work.WEIGHTS:
        stream = Stream.TO_HOST if work == Work.FORWARD else Stream.FROM_HOST
        found.append(Operation(stream, Category.OFFLOAD, moved / host.copy_Bps))
    if asked.gradients and work in (Work.BACKWARD, Work.WEIGHTS):
        whole = sum(plan.trained_parameters(each) + plan.expert_parameters(each) for each in plan.chunks[stage])
        ours = plan.trained_parameters(chunk) + plan.expert_parameters(chunk)
        count = offloaded_parameters(plan, stage) * ours / whole if whole else 0.0
        found += _gradients(plan, host, count)
    return found if asked.overlap else [replace(each, stream=Stream.COMPUTE) for each in found]


def _gradients(plan: Plan, host: Host, count: float) -> list[Operation]:
    """Send the gradients of so many parameters to the host, and add them up there."""
    if not count:
        return []
    added = _SUM_BYTES * count / (plan.stack.host_optimizer_fraction * host.memory_Bps)
    sent = Operation(Stream.TO_HOST, Category.OFFLOAD, plan.stack.gradient_bytes * count / host.copy_Bps)
    return [sent, Operation(Stream.HOST_OPTIMIZER, Category.OFFLOAD, added)]


def layer_activation_bytes(plan: Plan, mode: str, sparse: bool) -> float:
    """Bytes that one layer keeps from the forward to the backward pass of one micro-batch on one rank."""
    job, shard = plan.job, plan.shard
    return activation_bytes_per_layer(
        plan.transformer,
        plan.stack,
        sequence=job.sequence,
        micro_batch=job.micro_batch,
        tp=shard.tp,
        cp=shard.cp,
        sequence_parallel=shard.sequence_parallel,
        mode=mode,
        experts=shard.experts if sparse else None,
        operand_bytes=plan.kernels.element_bytes,
        lora=job.lora,
    )


def _activation_bytes(plan: Plan, chunk: Chunk) -> float:
    """What all layers of a chunk keep for one micro-batch."""
    whole = "none" if plan.job.recompute == "full" else plan.job.recompute
    total = 0.0
    for sparse in (False, True):
        again = chunk.recomputed_of_kind(sparse)
        kept = chunk.of_kind(sparse) - again
        if again:
            total += again * layer_activation_bytes(plan, "full", sparse)
        if kept:
            total += kept * layer_activation_bytes(plan, whole, sparse)
    return total


def _host_operation(program: Program, rank: int, stream: Stream, seconds: float, label: str, after: list[int]) -> int:
    operation = Operation(stream, Category.OFFLOAD, seconds)
    return program.append(program.pattern(rank, [operation]), label, after)
