"""The program of a step whose weights stay put over its micro-batches: data, tensor, context and pipeline parallel.

This is Megatron's step in its steady state: it starts by gathering the parameters that the last step's sharded
optimizer updated (ZeRO-1 to 3) and ends when the optimizer has run on every stage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.workload.block import Block, compute_s, traffic_of
from weft.workload.chunks import Chunk
from weft.workload.pipeline import order
from weft.workload.program import Category, Communication, Operation, Pattern, Program, Stream
from weft.workload.training import Plan

# Gradient buckets per chunk: enough that the last one, which nothing hides, is small; as Megatron's bucketing does.
_PIECES = 8


def pipelined_step(plan: Plan) -> Program:
    """Write the DAG of one step."""
    return _Writer(plan).write()


@dataclass(slots=True)
class _Lane:
    """All passes of one chunk of a stage in one direction.

    Attributes:
        operations: a pass, with its transfer to the next stage.
        pattern: the same, ready to append; None until the first pass is written.
        apart: the micro-batch whose pass is written piece by piece beside data-parallel traffic; -1 for none.
        ended: by micro-batch, the operation that the next stage waits for; -1 until it is written.
        source: ``ended`` of the lane that feeds this one; None at the pipeline's ends.
    """

    stage: int
    chunk: int
    backward: bool
    operations: list[Operation]
    transfer: Operation | None
    apart: int
    ended: list[int]
    source: list[int] | None = None
    pattern: Pattern | None = None


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.stages, self.virtual = plan, plan.mapping.pp, plan.job.parallelism.interleave
        self.program = Program(ranks=[plan.mapping.data_group(stage)[0] for stage in range(self.stages)])
        self.seconds: dict[tuple[Chunk, bool], float] = {}
        self.gathered: dict[tuple[int, int], list[int]] = {}
        self.reductions: list[list[int]] = [[] for _ in range(self.stages)]
        self.deferred: list[list[tuple[Communication, int]]] = [[] for _ in range(self.stages)]
        self.gathers = plan.job.parallelism.zero >= 1 and plan.shard_ranks > 1
        self.overlaps_dp = "dp" in plan.overlaps
        self.lanes = [
            [[self._lane(stage, chunk, backward) for chunk in range(self.virtual)] for backward in (False, True)]
            for stage in range(self.stages)
        ]

    def write(self) -> Program:
        plan, lanes = self.plan, self.lanes
        self._connect()
        orders = [order(stage, self.stages, plan.micro_batches, self.virtual) for stage in range(self.stages)]
        if self.gathers:
            for stage in range(self.stages):
                self._gather_parameters(stage)
        position = [0] * self.stages
        remaining = sum(len(passes) for passes in orders)
        # Stages take turns; a pass is written once what it needs has been, so that dependencies come first.
        while remaining:
            for stage, passes in enumerate(orders):
                at = start = position[stage]
                while at < len(passes):
                    micro_batch, chunk, backward = passes[at]
                    if not self._written(lanes[stage][backward][chunk], micro_batch):
                        break
                    at += 1
                position[stage] = at
                remaining -= at - start
        for stage in range(self.stages):
            self._finish(stage)
        return self.program

    def _lane(self, stage: int, chunk: int, backward: bool) -> _Lane:
        plan = self.plan
        operations = self._operations(stage, plan.chunks[stage][chunk], backward)
        transfer = self._transfer(stage, chunk, backward)
        if transfer is not None:
            alongside = transfer.stream != Stream.COMPUTE
            operations.append(replace(transfer, after=(len(operations) - 1,) if alongside else ()))
        first, last = 0 if self.gathers else -1, plan.micro_batches - 1 if plan.shard_replicas > 1 else -1
        apart = last if backward else first
        return _Lane(stage, chunk, backward, operations, transfer, apart, [-1] * plan.micro_batches)

    def _operations(self, stage: int, chunk: Chunk, backward: bool) -> list[Operation]:
        """One pass of some layers on a stage; their compute, the same on every stage, is worked out once."""
        key = (chunk, backward)
        if key not in self.seconds:
            self.seconds[key] = compute_s(self.plan, chunk, backward=backward)
        traffic = traffic_of(self.plan, stage, chunk, backward=backward)
        return Block(self.seconds[key], traffic).operations(self.plan.overlaps)

    def _transfer(self, stage: int, chunk: int, backward: bool) -> Operation | None:
        """What passes activations (or their gradients) on; None at the pipeline's ends."""
        end = (0, 0) if backward else (self.stages - 1, self.virtual - 1)
        if self.stages == 1 or (stage, chunk) == end:
            return None
        pair = self.plan.mapping.pipeline_neighbour((stage - 1) % self.stages if backward else stage)
        size = self.plan.shard.activation_bytes / self.plan.mapping.tp
        stream = Stream.PP if "pp" in self.plan.overlaps else Stream.COMPUTE
        together = self.plan.mapping.ranks // self.stages
        return Operation(stream, Category.PP, 0.0, Communication("send_recv", size, pair, siblings=together))

    def _connect(self) -> None:
        """Tell every lane which lane of a neighbouring stage feeds it."""
        slots = self.stages * self.virtual
        for slot in range(slots):
            chunk, stage = divmod(slot, self.stages)
            for backward, before in ((False, slot - 1), (True, slot + 1)):
                if 0 <= before < slots:
                    neighbour = self.lanes[before % self.stages][backward][before // self.stages]
                    self.lanes[stage][backward][chunk].source = neighbour.ended

    def _written(self, lane: _Lane, micro_batch: int) -> bool:
        """Write a pass; False where what it needs has not been written yet."""
        after: list[int] = []
        if lane.source is not None:
            if lane.source[micro_batch] < 0:
                return False
            after = [lane.source[micro_batch]]
        label = f"{'B' if lane.backward else 'F'}{micro_batch}" + (f".{lane.chunk}" if self.virtual > 1 else "")
        if micro_batch == lane.apart:
            lane.ended[micro_batch] = self._apart(lane, label, after)
        else:
            if lane.pattern is None:
                lane.pattern = self.program.pattern(lane.stage, lane.operations)
            lane.ended[micro_batch] = self.program.append(lane.pattern, label, after)
        return True

    def _apart(self, lane: _Lane, label: str, after: list[int]) -> int:
        write = self._last_backward if lane.backward else self._first_forward
        end = write(lane.stage, lane.chunk, label, after)
        if lane.transfer is None:
            return end
        return self.program.append(self.program.pattern(lane.stage, [lane.transfer]), label, [end])

    def _pieces(self, stage: int, chunk: int) -> list[Chunk]:
        """Split a chunk into up to `_PIECES` runs of layers."""
        whole = self.plan.chunks[stage][chunk]
        count = max(1, min(_PIECES, whole.layers))
        return [whole.part(whole.layers * i // count, whole.layers * (i + 1) // count) for i in range(count)]

    def _gather_parameters(self, stage: int) -> None:
        """All-gather of 16-bit parameters, in pieces, before (or beside) the first forward pass."""
        shards = self.plan.mapping.shard_group(self.plan.shard_ranks, stage)
        stream = Stream.DP if self.overlaps_dp else Stream.COMPUTE
        for chunk in range(self.virtual):
            self.gathered[(stage, chunk)] = [
                self.program.communicate(
                    stage,
                    stream,
                    Category.DP,
                    Communication("all_gather", 2.0 * self.plan.chunk_parameters(piece), shards),
                    "gather parameters",
                )
                for piece in self._pieces(stage, chunk)
            ]

    def _first_forward(self, stage: int, chunk: int, label: str, after: list[int]) -> int:
        end = -1
        for gathered, piece in zip(self.gathered[(stage, chunk)], self._pieces(stage, chunk), strict=True):
            pattern = self.program.pattern(stage, self._operations(stage, piece, backward=False))
            end = self.program.append(pattern, label, [*after, gathered])
        return end

    def _last_backward(self, stage: int, chunk: int, label: str, after: list[int]) -> int:
        """Backward of the last micro-batch, piece by piece, each followed by its gradients' reduction."""
        end = -1
        for piece in reversed(self._pieces(stage, chunk)):
            pattern = self.program.pattern(stage, self._operations(stage, piece, backward=True))
            end = self.program.append(pattern, label, after)
            for reduction in self.plan.gradient_reductions(stage, self.plan.chunk_parameters(piece)):
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
