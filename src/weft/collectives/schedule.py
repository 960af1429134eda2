"""What a collective does, transfer by transfer: phases that may repeat.

A vector is cut into ``chunks`` equal pieces. A transfer moves ``count`` neighbouring chunks from ``src`` to
``dst``, which either keeps them or adds them to its own. In repeat ``r`` of a phase the first chunk is ``chunk + r
* stride`` modulo ``chunks``; so a ring all-reduce, which does one thing 2(n-1) times, is two phases. Ids from
``ranks`` upward are switches that reduce or copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Transfer:
    """``count`` chunks from ``src`` to ``dst``, starting at ``chunk`` (plus ``stride`` each repeat)."""

    src: int
    dst: int
    chunk: int
    count: int = 1
    stride: int = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """Transfers that go at once, ``repeat`` times in a row; ``reduce`` adds at the receiver instead of replacing."""

    transfers: tuple[Transfer, ...]
    repeat: int = 1
    reduce: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """One collective as phases.

    Attributes:
        kind: the collective.
        algorithm: who made it.
        ranks: number of members; switches have ids from here on.
        chunks: pieces the vector is cut into (for all_to_all: ``ranks²``, chunk ``src * ranks + dst``).
        chunk_bytes: bytes of one piece.
        phases: what happens, in order.
        switches: how many reducing switches take part.
    """

    kind: str
    algorithm: str
    ranks: int
    chunks: int
    chunk_bytes: float
    phases: tuple[Phase, ...]
    switches: int = 0

    @property
    def steps(self) -> int:
        """Phases in a row, each repeat counted: the number of latencies in the critical path."""
        return sum(phase.repeat for phase in self.phases)

    @property
    def total_bytes(self) -> float:
        """Bytes put on wires by everyone together."""
        counts = (sum(t.count for t in phase.transfers) * phase.repeat for phase in self.phases)
        return sum(counts) * self.chunk_bytes

    def sent_bytes(self) -> dict[int, float]:
        """Bytes each rank or switch sends."""
        sent: dict[int, float] = defaultdict(float)
        for phase in self.phases:
            for transfer in phase.transfers:
                sent[transfer.src] += transfer.count * phase.repeat * self.chunk_bytes
        return dict(sent)

    def crossing_bytes(self, unit_ranks: int) -> float:
        """Bytes that leave (or enter, if more) the busiest group of ``unit_ranks`` consecutive ranks: a node, a pod."""
        left: dict[int, float] = defaultdict(float)
        entered: dict[int, float] = defaultdict(float)
        for phase in self.phases:
            for t in phase.transfers:
                inside = t.src < self.ranks and t.dst < self.ranks
                if inside and t.src // unit_ranks != t.dst // unit_ranks:
                    left[t.src // unit_ranks] += t.count * phase.repeat * self.chunk_bytes
                    entered[t.dst // unit_ranks] += t.count * phase.repeat * self.chunk_bytes
        return max((*left.values(), *entered.values()), default=0.0)

    def unrolled(self) -> Iterator[Phase]:
        """Every phase once per repeat, strides applied: what a simulator executes."""
        for phase in self.phases:
            for r in range(phase.repeat):
                moved = (replace(t, chunk=(t.chunk + r * t.stride) % self.chunks, stride=0) for t in phase.transfers)
                yield Phase(tuple(moved), 1, phase.reduce)
