"""A job as a DAG of operations on ranks: what every engine runs.

Columns, not objects: operation i runs on ``(rank[i], stream[i])`` after the operation before it on that stream and
after every operation in ``after(i)``. Compute carries its seconds; communication carries an index into
``communications``, whose end only an engine can tell. ``rank`` is a representative: with folding, one of every class of
ranks that see the same network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Category(IntEnum):
    """What an operation's time counts as in the breakdown of a step."""

    COMPUTE = 0
    TP = 1
    PP = 2
    DP = 3
    EP = 4
    CP = 5


class Stream(IntEnum):
    """Queues of one rank; operations on one stream run one after another, streams run beside each other."""

    COMPUTE = 0
    TP = 1
    PP = 2
    DP = 3
    CP = 4


@dataclass(frozen=True, slots=True)
class Communication:
    """One collective or point-to-point transfer.

    Attributes:
        kind: a collective's name, such as ``"all_reduce"``, or ``"send_recv"``.
        size_bytes: as nccl-tests counts it for that kind.
        ranks: the members' accelerator indices.
        repeat: how often it is done, one after another.
    """

    kind: str
    size_bytes: float
    ranks: Sequence[int]
    repeat: int = 1


@dataclass
class Program:
    """Operations in an order in which every dependency comes first."""

    ranks: list[int]
    rank: list[int] = field(default_factory=list)
    stream: list[int] = field(default_factory=list)
    category: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    communication: list[int] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    dependencies: list[tuple[int, ...]] = field(default_factory=list)
    communications: list[Communication] = field(default_factory=list)
    _index: dict[Communication, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rank)

    def compute(self, rank: int, seconds: float, label: str, after: Sequence[int] = ()) -> int:
        """Append compute on a rank (an index into ``ranks``); return its number."""
        return self._append(rank, Stream.COMPUTE, Category.COMPUTE, seconds, -1, label, after)

    def communicate(
        self,
        rank: int,
        stream: Stream,
        category: Category,
        communication: Communication,
        label: str,
        after: Sequence[int] = (),
    ) -> int:
        """Append a communication on a stream of a rank; return its number."""
        index = self._index.setdefault(communication, len(self.communications))
        if index == len(self.communications):
            self.communications.append(communication)
        return self._append(rank, stream, category, 0.0, index, label, after)

    def _append(
        self,
        rank: int,
        stream: int,
        category: int,
        seconds: float,
        communication: int,
        label: str,
        after: Sequence[int],
    ) -> int:
        self.rank.append(rank)
        self.stream.append(int(stream))
        self.category.append(int(category))
        self.seconds.append(seconds)
        self.communication.append(communication)
        self.label.append(label)
        self.dependencies.append(tuple(dep for dep in after if dep >= 0))
        return len(self.rank) - 1
