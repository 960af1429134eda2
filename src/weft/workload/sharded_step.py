"""The program of a step whose parameters are gathered layer by layer in every micro-batch (PyTorch FSDP, ZeRO-3).

Zhao et al., PyTorch FSDP (arXiv 2304.11277): gathers run ahead of compute by at most two layers, gradients are
reduce-scattered as each layer's backward ends; both share one communicator and so one stream.
"""

from __future__ import annotations

from dataclasses import replace

from weft.workload.block import block_of
from weft.workload.chunks import Chunk
from weft.workload.offload import pass_copies, write_optimizer
from weft.workload.passes import Work
from weft.workload.program import Category, Communication, Operation, Pattern, Program, Stream
from weft.workload.training import Plan

_PREFETCH = 2


def sharded_step(plan: Plan) -> Program:
    """Write the DAG of one step on one representative rank."""
    return _Writer(plan).write()


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.program = plan, Program(ranks=[0])
        self.stream = Stream.DP if "dp" in plan.overlaps else Stream.COMPUTE
        layers = plan.transformer.layers
        held = Chunk(
            layers,
            embeds=True,
            heads=True,
            recomputed=sum(each.recomputed for each in plan.chunks[0]),
            sparse=plan.transformer.sparse,
            predicts=plan.transformer.predicts,
        )
        self.units = [held.part(i, i + 1) for i in range(layers)]
        self.forward: dict[Chunk, Pattern] = {}
        self.backward: dict[Chunk, Pattern] = {}
        self.gather: dict[Chunk, list[Pattern]] = {}
        self.reduce: dict[Chunk, list[Pattern]] = {}
        for unit in dict.fromkeys(self.units):
            self.forward[unit] = self._block(unit, backward=False)
            self.backward[unit] = self._block(unit, backward=True)
            if plan.shard_ranks > 1:
                self.gather[unit] = [self._traffic(each) for each in plan.gathers(0, unit)]
            if plan.shard_replicas > 1:
                self.reduce[unit] = [self._traffic(each) for each in plan.gradient_reductions(0, unit)]

    def write(self) -> Program:
        plan = self.plan
        # ZeRO-2 (SHARD_GRAD_OP) keeps the gathered parameters until the backward has used them.
        again = self.gather if plan.job.parallelism.zero == 3 else {}
        last_to_first = self.units[::-1]
        reductions: list[int] = []
        for micro_batch in range(plan.micro_batches):
            self._sweep(self.units, self.forward, self.gather, {}, f"F{micro_batch}")
            reductions += self._sweep(last_to_first, self.backward, again, self.reduce, f"B{micro_batch}")
        write_optimizer(plan, self.program, 0, 0, reductions)
        return self.program

    def _block(self, unit: Chunk, *, backward: bool) -> Pattern:
        work = Work.BACKWARD if backward else Work.FORWARD
        copies = tuple(pass_copies(self.plan, 0, unit, work))
        block = replace(block_of(self.plan, 0, unit, backward=backward), copies=copies)
        return self.program.pattern(0, block.operations(self.plan.overlaps))

    def _traffic(self, communication: Communication) -> Pattern:
        return self.program.pattern(0, [Operation(self.stream, Category.DP, 0.0, communication)])

    def _sweep(
        self,
        units: list[Chunk],
        blocks: dict[Chunk, Pattern],
        gathers: dict[Chunk, list[Pattern]],
        reduces: dict[Chunk, list[Pattern]],
        label: str,
    ) -> list[int]:
        """One pass over the layers; returns the gradient reductions it started."""
        append = self.program.append
        gathering, reducing = f"gather {label}", f"reduce {label}"
        ended: list[int] = []
        reductions: list[int] = []
        gathered: list[int] = []
        for i, unit in enumerate(units):
            for j in range(len(gathered), min(len(units), i + _PREFETCH) if gathers else 0):
                room = ended[j - _PREFETCH] if j >= _PREFETCH else -1
                for each in gathers[units[j]]:
                    last = append(each, gathering, [room])
                gathered.append(last)
            ended.append(append(blocks[unit], label, [gathered[i]] if gathered else []))
            reductions += [append(each, reducing, [ended[-1]]) for each in reduces.get(unit, ())]
        return reductions
