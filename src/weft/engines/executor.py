"""The executor: walks a job's DAG, runs compute on its clock and communication on an engine's.

Event-driven and deterministic: simultaneous ends are taken in order of operation number. O((n + e) log n) for n
operations and e dependencies, plus the engine's work; where the engine's transfers do not contend, O(n + e) by
`weft.engines.sweep`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.engines.base import Engine
from weft.engines.sweep import CROWDING, sweep
from weft.errors import InfeasibleError, InternalError
from weft.workload.program import HOST_STREAMS, Category, Program, Stream


@dataclass(frozen=True)
class Execution:
    """When every operation of a program ran.

    Attributes:
        start_s, end_s: float64 arrays, one entry an operation.
        span_s: the end of the last one.
    """

    program: Program
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]

    @property
    def span_s(self) -> float:
        """Seconds from the first start to the last end."""
        return float(self.end_s.max()) if len(self.end_s) else 0.0


#: Told (operations done, of how many) every so often.
Progress = Callable[[int, int], None]
_EVERY = 4096


def execute(program: Program, engine: Engine, *, slowdown: float = 0.0, progress: Progress | None = None) -> Execution:
    """Run a program on an engine.

    Args:
        program: the job.
        engine: what times its communication.
        slowdown: fraction of its rate that compute loses while a collective of the same rank runs beside it (collective
            kernels occupy multiprocessors and memory bandwidth).
        progress: told how far the run is, where it goes event by event.

    Raises:
        InfeasibleError: a communication will never end, because a part of the network is cut off.
        InternalError: operations wait for each other in a circle.
    """
    swept = None if engine.contends or program.joint else sweep(program, _alone_s(program, engine), slowdown)
    start, end = swept or _run_events(program, engine, slowdown, progress)
    return Execution(program, np.array(start), np.array(end))


def _alone_s(program: Program, engine: Engine) -> list[float]:
    """Seconds of every operation with nothing else in flight."""
    alone = np.array([engine.alone_s(each) for each in program.communications] + [0.0])
    index = np.array(program.communication, int)
    seconds: list[float] = np.where(index < 0, program.seconds, alone[index]).tolist()
    return seconds


def _run_events(
    program: Program, engine: Engine, slowdown: float, progress: Progress | None
) -> tuple[list[float], list[float]]:
    """Start and end of every operation, event by event."""
    count = len(program)
    waiting, followers = _dependencies(program)
    start = [math.nan] * count
    end = [math.nan] * count
    ready = [(0.0, op) for op in range(count) if waiting[op] == 0]
    heapq.heapify(ready)
    compute = _Compute(program, slowdown)
    joined = _Joined(program)
    done = 0
    while done < count:
        while ready:
            now, op = heapq.heappop(ready)
            start[op] = now
            index = program.communication[op]
            if index < 0:
                compute.start(op, now)
            else:
                compute.crowd(op, now, 1)
                if joined.complete(op):
                    engine.start(op, program.communications[index], now)
        compute_end = compute.peek()
        engine_end = engine.peek(compute_end)
        if math.isinf(compute_end) and math.isinf(engine_end):
            if stuck := engine.stuck():
                raise InfeasibleError(stuck)
            raise InternalError(f"{count - done} of {count} operations wait for each other in a circle")
        if compute_end <= engine_end:
            now, op = compute.pop()
            ended: tuple[int, ...] = (op,)
        else:
            now, op = engine.pop()
            ended = () if op < 0 else joined.members(op)
            for op in ended:
                compute.crowd(op, now, -1)
        if progress is not None and (done + len(ended)) // _EVERY > done // _EVERY:
            progress(done + len(ended), count)
        done += len(ended)
        for op in ended:
            end[op] = now
            for follower in followers[op]:
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    heapq.heappush(ready, (now, follower))
    return start, end


class _Joined:
    """Communications that several ranks take part in: which operations they are, and how many have not yet begun."""

    def __init__(self, program: Program) -> None:
        self.first = program.joint
        self.together: dict[int, tuple[int, ...]] = {}
        for op, first in enumerate(self.first):
            if first != op:
                self.together[first] = (*self.together.get(first, (first,)), op)
        self.missing = {first: len(ops) for first, ops in self.together.items()}

    def complete(self, op: int) -> bool:
        """An operation begins: whether all others of its communication have begun."""
        first = self.first[op] if self.first else op
        if first not in self.missing:
            return True
        self.missing[first] -= 1
        return self.missing[first] == 0

    def members(self, op: int) -> tuple[int, ...]:
        """All operations of a communication that one of them started."""
        return self.together.get(self.first[op] if self.first else op, (op,))


class _Compute:
    """The compute streams of all ranks: each runs one operation, slower while collectives run beside it."""

    def __init__(self, program: Program, slowdown: float) -> None:
        self.program, self.share = program, 1.0 - slowdown
        ranks = len(program.ranks)
        self.active = [-1] * ranks
        self.left = [0.0] * ranks
        self.since = [0.0] * ranks
        self.beside = [0] * ranks
        self.version = [0] * ranks
        self.heap: list[tuple[float, int, int]] = []

    def start(self, op: int, now: float) -> None:
        rank = self.program.rank[op]
        if self.program.stream[op] != Stream.COMPUTE:
            # The host's time goes by whatever the accelerator does.
            heapq.heappush(self.heap, (now + self.program.seconds[op], op, -1))
            return
        self.active[rank], self.left[rank], self.since[rank] = op, self.program.seconds[op], now
        self._schedule(rank, now)

    def crowd(self, op: int, now: float, change: int) -> None:
        """A communication of a rank began (+1) or ended (-1).

        Data-, context- and expert-parallel collectives slow compute. Point-to-point transfers need next to no
        multiprocessors, and tensor-parallel overlap that works on pieces of one product moves them by copy engine.
        """
        if self.share == 1.0 or self.program.stream[op] not in CROWDING:
            return
        rank = self.program.rank[op]
        was, self.beside[rank] = self.beside[rank], self.beside[rank] + change
        if self.active[rank] >= 0 and (was == 0) != (self.beside[rank] == 0):
            self.left[rank] -= (now - self.since[rank]) * (1.0 if was == 0 else self.share)
            self.since[rank] = now
            self._schedule(rank, now)

    def peek(self) -> float:
        while self.heap and self.heap[0][2] not in (-1, self.version[self.program.rank[self.heap[0][1]]]):
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else math.inf

    def pop(self) -> tuple[float, int]:
        now, op, version = heapq.heappop(self.heap)
        if version >= 0:
            self.active[self.program.rank[op]] = -1
        return now, op

    def _schedule(self, rank: int, now: float) -> None:
        self.version[rank] += 1
        rate = 1.0 if self.beside[rank] == 0 else self.share
        heapq.heappush(self.heap, (now + max(0.0, self.left[rank]) / rate, self.active[rank], self.version[rank]))


def _dependencies(program: Program) -> tuple[list[int], list[list[int]]]:
    """Count what each operation waits for (its dependencies and its stream's last operation) and who waits for it."""
    waiting = [0] * len(program)
    followers: list[list[int]] = [[] for _ in range(len(program))]
    last: dict[tuple[int, int], int] = {}
    for op, dependencies in enumerate(program.dependencies):
        key = (program.rank[op], program.stream[op])
        before = set(dependencies)
        if key in last:
            before.add(last[key])
        last[key] = op
        waiting[op] = len(before)
        for dependency in before:
            followers[dependency].append(op)
    return waiting, followers


def breakdown(execution: Execution) -> dict[str, float]:
    """Where a step's seconds go, as a mean over representative ranks; the parts add up to the span.

    Time on the compute stream counts as its operation's category. Time it stands idle counts as the category of the
    communication that released the next operation, up to that communication's own length, or as compute where the host
    did; what is left, and all waiting for other stages' compute, is bubble.
    """
    program, start, end = execution.program, execution.start_s, execution.end_s
    rank, category = np.array(program.rank, int), np.array(program.category, int)
    ranks = len(program.ranks)
    by_rank = np.argsort(rank, kind="stable")
    computing = by_rank[np.array(program.stream, int)[by_rank] == Stream.COMPUTE]
    free = np.zeros(len(computing))
    free[1:] = np.where(rank[computing[1:]] == rank[computing[:-1]], end[computing[:-1]], 0.0)
    gaps = start[computing] - free
    exposed, categories = _exposed(execution, computing[gaps > 0], gaps[gaps > 0], category)
    # After its compute a rank may still communicate; then it waits for the other ranks.
    clock, latest, last = np.zeros(ranks), np.zeros(ranks), np.zeros(ranks, int)
    clock[rank[computing]] = end[computing]
    np.maximum.at(latest, rank, end)
    ending = np.flatnonzero(end == latest[rank])
    last[rank[ending]] = ending
    late = np.flatnonzero(latest > clock)
    totals = (
        np.bincount(category[computing], (end - start)[computing], minlength=len(Category))
        + np.bincount(categories, exposed, minlength=len(Category))
        + np.bincount(category[last[late]], (latest - clock)[late], minlength=len(Category))
    ) / max(1, ranks)
    bubble = (gaps[gaps > 0] - exposed).sum() + (execution.span_s - latest).sum()
    result = {"compute": float(totals[Category.COMPUTE])}
    for each in (Category.TP, Category.PP, Category.DP, Category.EP, Category.CP):
        result[f"exposed_{each.name.lower()}"] = float(totals[each])
    if (category == Category.OFFLOAD).any():
        result["exposed_offload"] = float(totals[Category.OFFLOAD])
    result["bubble"] = float(bubble) / max(1, ranks)
    return result


def _exposed(
    execution: Execution, waiting: NDArray[np.int64], gaps: NDArray[np.float64], category: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of the gap before each waiting operation, the seconds of communication or of the host, and their category."""
    program, ends = execution.program, execution.end_s.tolist()
    before = [program.dependencies[op] for op in waiting.tolist()]
    released = np.array(
        [max(each, key=lambda dep: (ends[dep], dep)) if len(each) > 1 else each[0] for each in before], int
    )
    lengths = (execution.end_s - execution.start_s)[released]
    busy = (np.array(program.communication, int) >= 0) | np.isin(program.stream, HOST_STREAMS)
    shown = np.where(busy[released], np.minimum(gaps, lengths), 0.0)
    offloads = np.flatnonzero(category[released] == Category.OFFLOAD)
    if len(offloads):
        # Copies and the host's optimizer follow one another: a gap before what waits for the last is theirs as far back
        # as they go without a break.
        began = _unbroken(execution, category == Category.OFFLOAD)
        shown[offloads] = np.minimum(gaps[offloads], (execution.end_s - began)[released[offloads]])
    return shown, category[released]


def _unbroken(execution: Execution, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each chosen operation, when the stretch began in which some chosen one of its rank was always running."""
    began = execution.start_s.copy()
    at: dict[int, tuple[float, float]] = {}
    ops = np.flatnonzero(chosen)
    for op in ops[np.lexsort((execution.end_s[ops], execution.start_s[ops]))].tolist():
        rank, start, end = execution.program.rank[op], float(execution.start_s[op]), float(execution.end_s[op])
        first, until = at.get(rank, (start, start))
        if start > until:
            first = start
        at[rank] = (first, max(until, end))
        began[op] = first
    return began
