"""The program of a step whose parameters are gathered layer by layer in every micro-batch (PyTorch FSDP, ZeRO-3).

Zhao et al., PyTorch FSDP (arXiv 2304.11277): gathers run ahead of compute by at most two layers, gradients are
reduce-scattered as each layer's backward ends; both share one communicator and so one stream.
"""

from __future__ import annotations

from weft.workload.block import Block, backward_block, forward_block
from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.training import Chunk, Plan

_PREFETCH = 2


def sharded_step(plan: Plan) -> Program:
    """Write the DAG of one step on one representative rank."""
    program = Program(ranks=[0])
    layers = plan.transformer.layers
    units = [Chunk(1, i == 0, i == layers - 1) for i in range(layers)]
    forward = [forward_block(plan, 0, 1, embeds=u.embeds, heads=u.heads) for u in units]
    backward = [backward_block(plan, 0, 1, embeds=u.embeds, heads=u.heads) for u in units]
    gathers = [
        Communication("all_gather", 2.0 * plan.chunk_parameters(u), plan.mapping.shard_group(plan.shard_ranks))
        for u in units
    ]
    if plan.shard_ranks == 1:
        gathers = []
    reductions: list[int] = []
    for micro_batch in range(plan.micro_batches):
        _sweep(program, plan, forward, gathers, f"F{micro_batch}")
        # ZeRO-2 (SHARD_GRAD_OP) keeps the gathered parameters until the backward has used them.
        again = list(reversed(gathers)) if plan.job.parallelism.zero == 3 else []
        ends = _sweep(program, plan, list(reversed(backward)), again, f"B{micro_batch}", reduce=list(reversed(units)))
        reductions += ends
    program.compute(0, plan.optimizer_s(0), "optimizer", reductions)
    return program


def _sweep(
    program: Program,
    plan: Plan,
    blocks: list[Block],
    gathers: list[Communication],
    label: str,
    reduce: list[Chunk] | None = None,
) -> list[int]:
    """One pass over the layers; returns the gradient reductions it started."""
    ended: list[int] = []
    reductions: list[int] = []
    gathered: list[int] = []
    stream = Stream.DP if "dp" in plan.overlaps else Stream.COMPUTE
    for i, block in enumerate(blocks):
        for j in range(len(gathered), min(len(gathers), i + _PREFETCH)):
            room = ended[j - _PREFETCH] if j >= _PREFETCH else -1
            gathered.append(program.communicate(0, stream, Category.DP, gathers[j], f"gather {label}", [room]))
        after = [gathered[i]] if gathered else []
        ended.append(block.emit(program, plan, 0, label, after))
        if reduce is not None and plan.shard_replicas > 1:
            for reduction in plan.gradient_reductions(0, plan.chunk_parameters(reduce[i])):
                reductions.append(
                    program.communicate(0, stream, Category.DP, reduction, f"reduce {label}", [ended[-1]])
                )
    return reductions
