"""The program of a step whose weights stay put over its micro-batches.

Data, tensor, context and pipeline parallel, as in Megatron.

Steady state: the step starts by gathering the parameters that the last step's sharded optimizer updated (ZeRO-1 to 3)
and ends when the optimizer has run on every stage.
"""

from __future__ import annotations

from weft.workload.block import Block, backward_block, chunk_blocks, forward_block
from weft.workload.pipeline import Pass, order
from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.training import Plan

# Gradient buckets per chunk: enough that the last one, which nothing hides, is small; as Megatron's bucketing does.
_PIECES = 8


def pipelined_step(plan: Plan) -> Program:
    """Write the DAG of one step."""
    return _Writer(plan).write()


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.stages, self.virtual = plan, plan.mapping.pp, plan.job.parallelism.interleave
        self.program = Program(ranks=[plan.mapping.data_group(stage)[0] for stage in range(self.stages)])
        self.blocks = [[chunk_blocks(plan, s, chunk) for chunk in plan.chunks[s]] for s in range(self.stages)]
        self.ended: dict[tuple[int, Pass], int] = {}
        self.gathered: dict[tuple[int, int], list[int]] = {}
        self.reductions: dict[int, list[int]] = {stage: [] for stage in range(self.stages)}
        self.deferred: dict[int, list[tuple[Communication, int]]] = {stage: [] for stage in range(self.stages)}
        self.sharded = plan.job.parallelism.zero >= 1 and plan.shard_ranks > 1
        self.overlaps_dp = "dp" in plan.overlaps

    def write(self) -> Program:
        plan = self.plan
        orders = [order(stage, self.stages, plan.micro_batches, self.virtual) for stage in range(self.stages)]
        for stage in range(self.stages):
            if self.sharded:
                self._gather_parameters(stage)
        position = [0] * self.stages
        remaining = sum(len(passes) for passes in orders)
        # Stages take turns; a pass is written once what it needs has been, so that dependencies come first.
        while remaining:
            for stage in range(self.stages):
                while position[stage] < len(orders[stage]) and self._ready(stage, orders[stage][position[stage]]):
                    self._pass(stage, orders[stage][position[stage]])
                    position[stage] += 1
                    remaining -= 1
        for stage in range(self.stages):
            self._finish(stage)
        return self.program

    def _upstream(self, stage: int, step: Pass) -> tuple[int, Pass] | None:
        """The pass on the neighbouring stage that feeds this one; None at the pipeline's ends."""
        direction = -1 if not step.backward else 1
        neighbour, chunk = stage + direction, step.chunk
        if neighbour < 0 or neighbour >= self.stages:
            neighbour %= self.stages
            chunk += direction
            if chunk < 0 or chunk >= self.virtual:
                return None
        return neighbour, Pass(step.micro_batch, chunk, step.backward)

    def _ready(self, stage: int, step: Pass) -> bool:
        source = self._upstream(stage, step)
        return source is None or (source[0], source[1]) in self.ended

    def _pass(self, stage: int, step: Pass) -> None:
        program, plan = self.program, self.plan
        label = f"{'B' if step.backward else 'F'}{step.micro_batch}" + (f".{step.chunk}" if self.virtual > 1 else "")
        source = self._upstream(stage, step)
        after = [self.ended[source]] if source else []
        last_micro_batch = step.micro_batch == plan.micro_batches - 1
        if not step.backward and step.micro_batch == 0 and (stage, step.chunk) in self.gathered:
            end = self._first_forward(stage, step.chunk, label, after)
        elif step.backward and last_micro_batch and plan.shard_replicas > 1:
            end = self._last_backward(stage, step.chunk, label, after)
        else:
            end = self.blocks[stage][step.chunk][step.backward].emit(program, plan, stage, label, after)
        self.ended[(stage, step)] = self._send(stage, step, label, end)

    def _send(self, stage: int, step: Pass, label: str, end: int) -> int:
        """Pass activations (or their gradients) on; returns what the receiver waits for."""
        mapping = self.plan.mapping
        direction = 1 if not step.backward else -1
        at_end = (
            (step.chunk == self.virtual - 1 and stage == self.stages - 1)
            if direction > 0
            else (step.chunk == 0 and stage == 0)
        )
        if self.stages == 1 or at_end:
            return end
        pair = mapping.pipeline_neighbour(stage if direction > 0 else (stage - 1) % self.stages)
        size = self.plan.shard.activation_bytes / mapping.tp
        transfer = Communication("send_recv", size, pair)
        stream = Stream.PP if "pp" in self.plan.overlaps else Stream.COMPUTE
        return self.program.communicate(stage, stream, Category.PP, transfer, label, [end])

    def _pieces(self, stage: int, chunk_index: int) -> list[tuple[int, float, bool, bool]]:
        """Split a chunk into up to `_PIECES` runs of layers: (layers, parameters, embeds, heads)."""
        plan, chunk = self.plan, self.plan.chunks[stage][chunk_index]
        count = max(1, min(_PIECES, chunk.layers))
        pieces = []
        for i in range(count):
            layers = chunk.layers * (i + 1) // count - chunk.layers * i // count
            part = type(chunk)(layers, chunk.embeds and i == 0, chunk.heads and i == count - 1)
            pieces.append((layers, plan.chunk_parameters(part), part.embeds, part.heads))
        return pieces

    def _gather_parameters(self, stage: int) -> None:
        """All-gather of 16-bit parameters, in pieces, before (or beside) the first forward pass."""
        shards = self.plan.mapping.shard_group(self.plan.shard_ranks, stage)
        for v in range(self.virtual):
            operations = []
            for _, parameters, _, _ in self._pieces(stage, v):
                gather = Communication("all_gather", 2.0 * parameters, shards)
                stream = Stream.DP if self.overlaps_dp else Stream.COMPUTE
                operations.append(self.program.communicate(stage, stream, Category.DP, gather, "gather parameters"))
            self.gathered[(stage, v)] = operations

    def _first_forward(self, stage: int, v: int, label: str, after: list[int]) -> int:
        end = -1
        for gathered, (layers, _, embeds, heads) in zip(self.gathered[(stage, v)], self._pieces(stage, v), strict=True):
            block = forward_block(self.plan, stage, layers, embeds=embeds, heads=heads)
            end = block.emit(self.program, self.plan, stage, label, [*after, gathered])
        return end

    def _last_backward(self, stage: int, v: int, label: str, after: list[int]) -> int:
        """Backward of the last micro-batch, piece by piece, each followed by its gradients' reduction."""
        plan, end = self.plan, -1
        for layers, parameters, embeds, heads in reversed(self._pieces(stage, v)):
            block: Block = backward_block(plan, stage, layers, embeds=embeds, heads=heads)
            end = block.emit(self.program, plan, stage, label, after)
            for reduction in plan.gradient_reductions(stage, parameters):
                if self.overlaps_dp:
                    self._reduce(stage, Stream.DP, reduction, end)
                else:
                    self.deferred[stage].append((reduction, end))
        return end

    def _reduce(self, stage: int, stream: Stream, reduction: Communication, end: int) -> None:
        operation = self.program.communicate(stage, stream, Category.DP, reduction, "reduce gradients", [end])
        self.reductions[stage].append(operation)

    def _finish(self, stage: int) -> None:
        """Gradients that were not reduced on the way, then the optimizer, on the compute stream."""
        for reduction, end in self.deferred[stage]:
            self._reduce(stage, Stream.COMPUTE, reduction, end)
        self.program.compute(stage, self.plan.optimizer_s(stage), "optimizer", self.reductions[stage])
