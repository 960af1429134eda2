"""What replicas of a pipelined step exchange: parameters before its first passes, gradients after its last.

Both go in pieces, so that the first or last pass hides all but one. Where DualPipe holds every stage twice, on ranks d
and p-1-d, the two copies share the work: each gathers or sums half of the parameters over its own replicas and
exchanges halves with the other, which moves what one collective over all of them would.
"""

from __future__ import annotations

from dataclasses import replace

from weft.workload.chunks import Chunk
from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.training import Plan

_Key = tuple[int, int, int]


class ReplicaTraffic:
    """Writes this traffic into a program.

    Attributes:
        gathers: parameters are gathered at all.
        sums: gradients are summed at all.
        gathered: by stage, chunk and piece, what the piece's first forward pass waits for.
    """

    def __init__(self, plan: Plan, program: Program) -> None:
        self.plan, self.program = plan, program
        self.gathers = plan.job.parallelism.zero >= 1 and plan.state_ranks > 1
        self.sums = plan.shard_replicas * plan.copies > 1
        self.gathered: dict[_Key, tuple[int, ...]] = {}
        self._overlaps = "dp" in plan.overlaps
        self._stream = Stream.DP if self._overlaps else Stream.COMPUTE
        self._deferred: list[tuple[_Key, Chunk, int]] = []
        self._summed: list[list[int]] = [[] for _ in plan.chunks]
        self._sent: dict[_Key, tuple[int, int]] = {}

    def pieces(self, stage: int, chunk: int) -> list[Chunk]:
        """Split a chunk into as many runs of layers as the stack sums one by one, or as it has layers."""
        whole = self.plan.chunks[stage][chunk]
        count = max(1, min(self.plan.stack.exchange_pieces, whole.layers))
        return [whole.part(whole.layers * i // count, whole.layers * (i + 1) // count) for i in range(count)]

    def gather(self) -> None:
        """All-gather of 16-bit parameters, before (or beside) the first forward passes."""
        plan, sent = self.plan, {}
        for stage, chunks in enumerate(plan.chunks):
            # What enters at the nearer end is needed first.
            far_first = plan.copies > 1 and stage >= len(plan.chunks) // 2
            for chunk in sorted(range(len(chunks)), reverse=far_first):
                for number, piece in enumerate(self.pieces(stage, chunk)):
                    key = (stage, chunk, number)
                    own: tuple[int, ...] = ()
                    for gathering in plan.gathers(stage, piece):
                        half = replace(gathering, size_bytes=gathering.size_bytes / plan.copies)
                        own = (self._communicate(stage, half, "gather parameters"),)
                    if plan.copies > 1:
                        size = 2.0 * self._parameters(piece) / plan.copies
                        sent[key] = self._exchange(stage, size, "exchange parameters", own)
                    self.gathered[key] = own
        for key in sent:
            self.gathered[key] += (sent[self._twin(key)],)

    def sum(self, stage: int, chunk: int, number: int, piece: Chunk, end: int) -> None:
        """Sum the gradients of a piece, complete once operation ``end`` is, over all that hold it."""
        if self._overlaps:
            self._sum((stage, chunk, number), piece, end)
        else:
            self._deferred.append(((stage, chunk, number), piece, end))

    def finish(self) -> list[list[int]]:
        """Write the sums that nothing hides; return, by stage, what the optimizer waits for."""
        for key, piece, end in sorted(self._deferred, key=lambda each: each[0][0]):
            self._sum(key, piece, end)
        return self._summed

    def _sum(self, key: _Key, piece: Chunk, end: int) -> None:
        if self.plan.copies == 1:
            self._reduce(key, piece, [end])
            return
        size = self.plan.stack.reduce_bytes * self._parameters(piece) / 2
        self._sent[key] = (end, self._exchange(key[0], size, "exchange gradients", (end,)))
        twin = self._twin(key)
        if twin in self._sent:
            for ours, theirs in ((twin, key), (key, twin)):
                self._reduce(ours, piece, [self._sent[ours][0], self._sent[theirs][1]])

    def _reduce(self, key: _Key, piece: Chunk, after: list[int]) -> None:
        """Sum over a stage's replicas; without sharding both copies of a stage then need the other's half."""
        stage, ended = key[0], after
        for reduction in self.plan.gradient_reductions(stage, piece):
            if len(reduction.ranks) > 1:
                share = replace(reduction, size_bytes=reduction.size_bytes / self.plan.copies)
                ended = [self._communicate(stage, share, "reduce gradients", after)]
                self._summed[stage] += ended
        if self.plan.copies > 1:
            self._summed[stage] += after
            if self.plan.job.parallelism.zero == 0:
                size = self.plan.stack.reduce_bytes * self._parameters(piece) / 2
                self._summed[self._twin(key)[0]].append(self._exchange(stage, size, "exchange gradients", tuple(ended)))

    def _parameters(self, piece: Chunk) -> float:
        return self.plan.trained_parameters(piece) + self.plan.expert_parameters(piece)

    def _twin(self, key: _Key) -> _Key:
        """The other copy of a piece."""
        stage, chunk, number = key
        return len(self.plan.chunks) - 1 - stage, 1 - chunk, number

    def _exchange(self, stage: int, size_bytes: float, label: str, after: tuple[int, ...]) -> int:
        """Send so much to the other copy of what a stage holds."""
        mapping = self.plan.mapping
        pair = mapping.stage_pair(stage, mapping.pp - 1 - stage)
        together = mapping.columns
        return self._communicate(
            stage, Communication("send_recv", size_bytes, pair, siblings=together), label, list(after)
        )

    def _communicate(self, stage: int, communication: Communication, label: str, after: list[int] | None = None) -> int:
        return self.program.communicate(stage, self._stream, Category.DP, communication, label, after or [])
