"""The program of a step whose weights stay put over its micro-batches: data, tensor, context and pipeline parallel.

This is Megatron's step in its steady state: it starts by gathering the parameters that the last step's sharded
optimizer updated (ZeRO-1 to 3) and ends when the optimizer has run on every stage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.workload.block import Block
from weft.workload.chunks import Chunk
from weft.workload.offload import pass_copies, write_optimizer
from weft.workload.passes import Pass, Work
from weft.workload.pipeline import order, paths
from weft.workload.program import Category, Communication, Operation, Pattern, Program, Stream
from weft.workload.replica_traffic import ReplicaTraffic
from weft.workload.split_pass import pass_host_s, pass_s, pass_traffic
from weft.workload.training import Plan

_LABELS = {Work.FORWARD: "F", Work.BACKWARD: "B", Work.INPUTS: "B", Work.WEIGHTS: "W"}


def pipelined_step(plan: Plan) -> Program:
    """Write the DAG of one step."""
    return _Writer(plan).write()


@dataclass(slots=True)
class _Lane:
    """All passes of one chunk of a stage that do the same work.

    Attributes:
        transfer: what hands the pass's result to the next stage; nothing where nobody waits for it.
        apart: the micro-batch whose pass is written piece by piece beside data-parallel traffic; -1 for none.
        ended: by micro-batch, the operation that the next stage waits for; -1 until it is written.
        source: ``ended`` of the lane that feeds this one; None where nothing of another stage does.
        pattern: a pass with its transfer, ready to append; None until the first is written.
    """

    stage: int
    chunk: int
    work: Work
    transfer: tuple[Operation, ...]
    apart: int
    ended: list[int]
    source: list[int] | None = None
    pattern: Pattern | None = None


class _Writer:
    def __init__(self, plan: Plan) -> None:
        asked = plan.job.parallelism
        self.plan, self.stages = plan, plan.mapping.pp
        self.program = Program(ranks=[plan.mapping.data_group(stage)[0] for stage in range(self.stages)])
        self.replicas = ReplicaTraffic(plan, self.program)
        self.orders = [
            order(stage, self.stages, plan.micro_batches, asked.interleave, asked.schedule)
            for stage in range(self.stages)
        ]
        self.paths = paths(self.stages, asked.interleave, asked.schedule)
        self.seconds: dict[tuple[Chunk, Work], float] = {}
        self.pairs: dict[tuple[int, Pass, Pass], tuple[Pattern, list[int]]] = {}
        self.lanes = self._lanes()

    def write(self) -> Program:
        if self.replicas.gathers:
            self.replicas.gather()
        position = [0] * self.stages
        remaining = sum(len(passes) for passes in self.orders)
        # Stages take turns; a pass is written once what it needs has been, so that dependencies come first.
        while remaining:
            for stage, passes in enumerate(self.orders):
                at = start = position[stage]
                while at < len(passes):
                    together = passes[at : at + 1 + passes[at].beside]
                    if not self._written(stage, together):
                        break
                    at += len(together)
                position[stage] = at
                remaining -= at - start
        for stage, summed in enumerate(self.replicas.finish()):
            write_optimizer(self.plan, self.program, stage, stage, summed)
        return self.program

    def _lanes(self) -> dict[tuple[int, int, Work], _Lane]:
        """A lane for every kind of pass, connected to those of neighbouring stages that feed it."""
        found: dict[tuple[int, int, Work], _Lane] = {}
        nothing = [-1] * self.plan.micro_batches
        for path in self.paths:
            forward, backward = [list(nothing) for _ in path], [list(nothing) for _ in path]
            for at, (stage, chunk) in enumerate(path):
                before = path[at - 1][0] if at else -1
                behind = path[at + 1][0] if at + 1 < len(path) else -1
                fed, fed_back = forward[at - 1] if at else None, backward[at + 1] if behind >= 0 else None
                for work, to, ended, source in (
                    (Work.FORWARD, behind, forward[at], fed),
                    (Work.BACKWARD, before, backward[at], fed_back),
                    (Work.INPUTS, before, backward[at], fed_back),
                    (Work.WEIGHTS, -1, list(nothing), None),
                ):
                    transfer = self._transfer(stage, to) if to >= 0 and self.stages > 1 else ()
                    found[stage, chunk, work] = _Lane(stage, chunk, work, transfer, -1, ended, source)
        for stage, passes in enumerate(self.orders):
            if self.replicas.gathers:
                for each in reversed(passes):
                    if each.work == Work.FORWARD:
                        found[stage, each.chunk, each.work].apart = each.micro_batch
            if self.replicas.sums:
                # Gradients are complete with the last pass of a chunk that has any.
                last = {each.chunk: each for each in passes if each.work in (Work.BACKWARD, Work.WEIGHTS)}
                for each in last.values():
                    found[stage, each.chunk, each.work].apart = each.micro_batch
        return found

    def _transfer(self, stage: int, to: int) -> tuple[Operation, ...]:
        """What passes activations (or their gradients) on to another stage, after what the host takes to."""
        size = self.plan.shard.activation_bytes / self.plan.mapping.tp
        stream = Stream.PP if "pp" in self.plan.overlaps else Stream.COMPUTE
        together = self.plan.mapping.columns
        pair = self.plan.mapping.stage_pair(stage, to)
        sent = Operation(stream, Category.PP, 0.0, Communication("send_recv", size, pair, siblings=together))
        waited = self.plan.stack.handover_s
        return (Operation(stream, Category.PP, waited), replace(sent, after=())) if waited else (sent,)

    def _block(self, stage: int, chunk: Chunk, work: Work) -> Block:
        """One pass of some layers on a stage; their compute, the same on every stage, is worked out once."""
        key = (chunk, work)
        if key not in self.seconds:
            self.seconds[key] = pass_s(self.plan, chunk, work)
        traffic = pass_traffic(self.plan, stage, chunk, work)
        copies = tuple(pass_copies(self.plan, stage, chunk, work))
        return Block(self.seconds[key], traffic, pass_host_s(self.plan, chunk, work), copies)

    def _operations(self, stage: int, chunk: Chunk, work: Work) -> list[Operation]:
        return self._block(stage, chunk, work).operations(self.plan.overlaps)

    def _written(self, stage: int, passes: list[Pass]) -> bool:
        """Write a pass, or two side by side; False where what they need has not been written yet."""
        lanes = [self.lanes[stage, each.chunk, each.work] for each in passes]
        after = [
            lane.source[each.micro_batch] for each, lane in zip(passes, lanes, strict=True) if lane.source is not None
        ]
        if any(operation < 0 for operation in after):
            return False
        label = " ".join(self._label(each) for each in passes)
        if len(passes) == 2:
            self._pair(passes, lanes, label, after)
            return True
        (one,), (lane,) = passes, lanes
        if one.micro_batch == lane.apart:
            lane.ended[one.micro_batch] = self._apart(lane, label, after)
        else:
            if lane.pattern is None:
                lane.pattern = self._pattern(lane)
            lane.ended[one.micro_batch] = self.program.append(lane.pattern, label, after)
        return True

    def _label(self, one: Pass) -> str:
        several = len(self.plan.chunks[0]) > 1
        return f"{_LABELS[one.work]}{one.micro_batch}" + (f".{one.chunk}" if several else "")

    def _pattern(self, lane: _Lane) -> Pattern:
        operations = self._operations(lane.stage, self.plan.chunks[lane.stage][lane.chunk], lane.work)
        return self.program.pattern(lane.stage, _handing_on(operations, lane.transfer, len(operations) - 1))

    def _pair(self, passes: list[Pass], lanes: list[_Lane], label: str, after: list[int]) -> None:
        """Two passes side by side: what either communicates with experts runs beside the compute of both."""
        stage = lanes[0].stage
        kinds = tuple(each._replace(micro_batch=0) for each in passes)
        key = (stage, kinds[0], kinds[1])
        if key not in self.pairs:
            chunks = [self.plan.chunks[stage][each.chunk] for each in passes]
            first, second = (self._block(stage, chunk, each.work) for chunk, each in zip(chunks, passes, strict=True))
            both = Block(
                first.compute_s + second.compute_s,
                first.traffic + second.traffic,
                first.host_s + second.host_s,
                first.copies + second.copies,
            )
            operations = both.operations(self.plan.overlaps | {"ep"})
            done, ends = len(operations) - 1, list[int]()
            for lane in lanes:
                operations = _handing_on(operations, lane.transfer, done)
                ends.append(len(operations) - 1)
            self.pairs[key] = (self.program.pattern(stage, operations), ends)
        pattern, offsets = self.pairs[key]
        start = self.program.append(pattern, label, after) - len(pattern.rank) + 1
        for each, lane, offset in zip(passes, lanes, offsets, strict=True):
            lane.ended[each.micro_batch] = start + offset

    def _apart(self, lane: _Lane, label: str, after: list[int]) -> int:
        write = self._first_forward if lane.work == Work.FORWARD else self._last_backward
        end = write(lane, label, after)
        if not lane.transfer:
            return end
        return self.program.append(self.program.pattern(lane.stage, lane.transfer), label, [end])

    def _first_forward(self, lane: _Lane, label: str, after: list[int]) -> int:
        end = -1
        for number, piece in enumerate(self.replicas.pieces(lane.stage, lane.chunk)):
            pattern = self.program.pattern(lane.stage, self._operations(lane.stage, piece, lane.work))
            gathered = self.replicas.gathered[lane.stage, lane.chunk, number]
            end = self.program.append(pattern, label, [*after, *gathered])
        return end

    def _last_backward(self, lane: _Lane, label: str, after: list[int]) -> int:
        """The last pass that adds to gradients, piece by piece, each followed by their sum over replicas."""
        end = -1
        for number, piece in reversed([*enumerate(self.replicas.pieces(lane.stage, lane.chunk))]):
            pattern = self.program.pattern(lane.stage, self._operations(lane.stage, piece, lane.work))
            end = self.program.append(pattern, label, after)
            self.replicas.sum(lane.stage, lane.chunk, number, piece, end)
        return end


def _handing_on(operations: list[Operation], transfer: tuple[Operation, ...], done: int) -> list[Operation]:
    """A pass with what hands its result on, once operation ``done`` of it is."""
    if not transfer:
        return operations
    first, *rest = transfer
    alongside = first.stream != Stream.COMPUTE
    return [*operations, replace(first, after=(done,) if alongside else ()), *rest]
