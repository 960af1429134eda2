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
    OFFLOAD = 6


class Stream(IntEnum):
    """Queues of one rank; operations on one stream run one after another, streams run beside each other.

    Tokens that go to experts of other nodes and on inside those travel both ways at once, on ``EP_FAR`` and ``EP``.
    ``HOST`` is the processor that issues kernels, where it may be the slower one. Offloading copies to the host on
    ``TO_HOST`` and back on ``FROM_HOST``, and its optimizer runs there on ``HOST_OPTIMIZER``.
    """

    COMPUTE = 0
    TP = 1
    PP = 2
    DP = 3
    CP = 4
    EP = 5
    EP_FAR = 6
    HOST = 7
    TO_HOST = 8
    FROM_HOST = 9
    HOST_OPTIMIZER = 10


#: Streams of the host: what runs there has a known length, and the accelerator may wait for it.
HOST_STREAMS = (Stream.HOST, Stream.TO_HOST, Stream.FROM_HOST, Stream.HOST_OPTIMIZER)


@dataclass(frozen=True, slots=True)
class Communication:
    """One collective or point-to-point transfer.

    Attributes:
        kind: a collective's name, such as ``"all_reduce"``, or ``"send_recv"``.
        size_bytes: as nccl-tests counts it for that kind.
        ranks: the members' accelerator indices.
        repeat: how often it is done, one after another.
        rate_x: share of the library's rate that the way it is issued reaches.
        siblings: accelerators that do the same at the same time, which share oversubscribed links; 0 for all of them.
    """

    kind: str
    size_bytes: float
    ranks: Sequence[int]
    repeat: int = 1
    rate_x: float = 1.0
    siblings: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a pattern.

    Attributes:
        communication: what it sends; None for compute, which takes ``seconds``.
        after: the operations of the pattern, counted from its first, that it waits for besides the one before it on its
            stream; None where it waits for what the whole pattern waits for.
    """

    stream: Stream
    category: Category
    seconds: float = 0.0
    communication: Communication | None = None
    after: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Operations of one rank that a program repeats, as columns ready to append; made by `Program.pattern`."""

    rank: list[int]
    stream: list[int]
    category: list[int]
    seconds: list[float]
    communication: list[int]
    after: list[tuple[int, ...] | None]


@dataclass
class Program:
    """Operations in an order in which every dependency comes first.

    ``joint[i]`` is the first of the operations by which several ranks take part in one communication, which begins once
    all of them have been released and ends for all at once; it is i itself where a rank stands for all members, and the
    list is empty where that is so everywhere.
    """

    ranks: list[int]
    rank: list[int] = field(default_factory=list)
    stream: list[int] = field(default_factory=list)
    category: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    communication: list[int] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    dependencies: list[tuple[int, ...]] = field(default_factory=list)
    communications: list[Communication] = field(default_factory=list)
    joint: list[int] = field(default_factory=list)
    _index: dict[Communication, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rank)

    def compute(self, rank: int, seconds: float, label: str, after: Sequence[int] = ()) -> int:
        """Append compute on a rank (an index into ``ranks``); return its number."""
        operation = Operation(Stream.COMPUTE, Category.COMPUTE, seconds)
        return self.append(self.pattern(rank, [operation]), label, after)

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
        operation = Operation(stream, category, 0.0, communication)
        return self.append(self.pattern(rank, [operation]), label, after)

    def pattern(self, rank: int, operations: Sequence[Operation]) -> Pattern:
        """Prepare operations of a rank for `append`, which is then quick."""
        return Pattern(
            rank=[rank] * len(operations),
            stream=[int(each.stream) for each in operations],
            category=[int(each.category) for each in operations],
            seconds=[each.seconds for each in operations],
            communication=[self._number(each.communication) for each in operations],
            after=[each.after for each in operations],
        )

    def append(self, pattern: Pattern, label: str, after: Sequence[int] = ()) -> int:
        """Append a pattern's operations; return the number of the last.

        Args:
            after: the operations that the pattern waits for; negative numbers stand for none.
        """
        first = len(self.rank)
        before = tuple([dep for dep in after if dep >= 0])
        self.rank += pattern.rank
        self.stream += pattern.stream
        self.category += pattern.category
        self.seconds += pattern.seconds
        self.communication += pattern.communication
        self.label += [label] * len(pattern.rank)
        self.dependencies += [
            before if inner is None else tuple([first + i for i in inner]) if inner else inner
            for inner in pattern.after
        ]
        return len(self.rank) - 1

    def _number(self, communication: Communication | None) -> int:
        if communication is None:
            return -1
        index = self._index.setdefault(communication, len(self.communications))
        if index == len(self.communications):
            self.communications.append(communication)
        return index
