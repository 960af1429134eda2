"""What one pass of a chunk computes and sends, where a backward pass may be split in two.

Input gradients are what the stage before waits for; weight gradients wait for nobody (Qi et al., arXiv 2401.10241). Of
the tensor-parallel traffic, the gathers that only weight gradients need go with those. Recomputation is part of the
first half, which needs what it brings back.
"""

from __future__ import annotations

from dataclasses import replace

from weft.workload import layer
from weft.workload.block import compute_s, host_s, traffic_of
from weft.workload.chunks import Chunk
from weft.workload.passes import Work
from weft.workload.traffic import Traffic
from weft.workload.training import Plan


def pass_s(plan: Plan, chunk: Chunk, work: Work) -> float:
    """Compute seconds of one pass of a chunk, the same on every stage."""
    if work == Work.FORWARD:
        return compute_s(plan, chunk, backward=False)
    if work == Work.BACKWARD:
        return compute_s(plan, chunk, backward=True)
    weights = 0.0
    for sparse in (False, True):
        if layers := chunk.of_kind(sparse):
            weights += layers * layer.weight_gradients(plan.shard, plan.kernels, plan.stack, sparse)
    if chunk.heads:
        weights += layer.head_weight_gradients(plan.shard, plan.plain_kernels, plan.stack)
    return weights if work == Work.WEIGHTS else compute_s(plan, chunk, backward=True) - weights


def pass_traffic(plan: Plan, stage: int, chunk: Chunk, work: Work) -> tuple[Traffic, ...]:
    """The collectives inside one pass of a chunk on a stage."""
    whole = traffic_of(plan, stage, chunk, backward=work != Work.FORWARD)
    if work in (Work.FORWARD, Work.BACKWARD):
        return whole
    for_weights = {each for each in whole if each.beside_gradients and each.communication.kind == "all_gather"}
    if work == Work.WEIGHTS:
        return tuple(each for each in whole if each in for_weights)
    # No weight gradients run beside what is left.
    return tuple(replace(each, beside_gradients=False) for each in whole if each not in for_weights)


def pass_host_s(plan: Plan, chunk: Chunk, work: Work) -> float:
    """Seconds that the host needs to issue one pass of a chunk; either half of a split pass has half of its kernels."""
    return host_s(plan, chunk) * (0.5 if work in (Work.INPUTS, Work.WEIGHTS) else 1.0)
