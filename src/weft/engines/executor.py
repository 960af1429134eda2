"""The executor: walks a job's DAG, runs compute on its clock and communication on an engine's.

Event-driven and deterministic: simultaneous ends are taken in order of operation number. O((n + e) log n) for n
operations and e dependencies, plus the engine's work.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.engines.base import Engine
from weft.errors import InternalError
from weft.workload.program import Category, Program, Stream


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


def execute(program: Program, engine: Engine, *, slowdown: float = 0.0) -> Execution:
    """Run a program on an engine.

    Args:
        program: the job.
        engine: what times its communication.
        slowdown: fraction of its rate that compute loses while a collective of the same rank runs beside it (collective
            kernels occupy multiprocessors and memory bandwidth).

    Raises:
        InternalError: operations wait for each other in a circle.
    """
    count = len(program)
    waiting, followers = _dependencies(program)
    start = [math.nan] * count
    end = [math.nan] * count
    ready = [(0.0, op) for op in range(count) if waiting[op] == 0]
    heapq.heapify(ready)
    compute = _Compute(program, slowdown)
    done = 0
    while done < count:
        while ready:
            now, op = heapq.heappop(ready)
            start[op] = now
            index = program.communication[op]
            if index < 0:
                compute.start(op, now)
            else:
                engine.start(op, program.communications[index], now)
                compute.crowd(op, now, 1)
        compute_end, engine_end = compute.peek(), engine.peek()
        if math.isinf(compute_end) and math.isinf(engine_end):
            raise InternalError(f"{count - done} of {count} operations wait for each other in a circle")
        if compute_end <= engine_end:
            now, op = compute.pop()
        else:
            now, op = engine.pop()
            compute.crowd(op, now, -1)
        end[op] = now
        done += 1
        for follower in followers[op]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, (now, follower))
    return Execution(program, np.array(start), np.array(end))


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
        self.active[rank], self.left[rank], self.since[rank] = op, self.program.seconds[op], now
        self._schedule(rank, now)

    def crowd(self, op: int, now: float, change: int) -> None:
        """A communication of a rank began (+1) or ended (-1).

        Data- and context-parallel collectives slow compute. Point-to-point transfers need next to no multiprocessors,
        and tensor-parallel overlap that works on pieces of one product moves them by copy engine.
        """
        program = self.program
        if self.share == 1.0 or program.stream[op] not in (Stream.DP, Stream.CP):
            return
        rank = program.rank[op]
        was, self.beside[rank] = self.beside[rank], self.beside[rank] + change
        if self.active[rank] >= 0 and (was == 0) != (self.beside[rank] == 0):
            self.left[rank] -= (now - self.since[rank]) * (1.0 if was == 0 else self.share)
            self.since[rank] = now
            self._schedule(rank, now)

    def peek(self) -> float:
        while self.heap and self.heap[0][2] != self.version[self.program.rank[self.heap[0][1]]]:
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else math.inf

    def pop(self) -> tuple[float, int]:
        now, op, _ = heapq.heappop(self.heap)
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
    communication that released the next operation, up to that communication's own length; what is left, and all waiting
    for other stages' compute, is bubble.
    """
    program = execution.program
    start, end = execution.start_s.tolist(), execution.end_s.tolist()
    by_rank: list[list[int]] = [[] for _ in program.ranks]
    for op, rank in enumerate(program.rank):
        by_rank[rank].append(op)
    totals = dict.fromkeys(Category, 0.0)
    bubble = 0.0
    for operations in by_rank:
        bubble += _attribute(program, operations, start, end, execution.span_s, totals)
    ranks = max(1, len(program.ranks))
    result = {"compute": totals[Category.COMPUTE] / ranks}
    for category in (Category.TP, Category.PP, Category.DP, Category.EP, Category.CP):
        result[f"exposed_{category.name.lower()}"] = totals[category] / ranks
    result["bubble"] = bubble / ranks
    return result


def _attribute(
    program: Program,
    operations: list[int],
    start: list[float],
    end: list[float],
    span_s: float,
    totals: dict[Category, float],
) -> float:
    """Add one rank's busy and exposed seconds to ``totals``; return its bubble."""
    bubble = clock = last_end = 0.0
    last = -1
    for op in operations:
        if end[op] >= last_end:
            last, last_end = op, end[op]
        if program.stream[op] != Stream.COMPUTE:
            continue
        gap = start[op] - clock
        if gap > 0:
            blocker = max(program.dependencies[op], key=lambda dep: (end[dep], dep), default=-1)
            if blocker >= 0 and program.communication[blocker] >= 0:
                exposed = min(gap, end[blocker] - start[blocker])
                totals[Category(program.category[blocker])] += exposed
                gap -= exposed
            bubble += gap
        totals[Category(program.category[op])] += end[op] - start[op]
        clock = end[op]
    if last_end > clock:
        totals[Category(program.category[last])] += last_end - clock
        clock = last_end
    return bubble + span_s - clock
