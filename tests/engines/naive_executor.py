"""The executor's rules once more, in the plainest way: exact fractions, every operation looked at in every step."""

from __future__ import annotations

from fractions import Fraction

from weft.workload.program import Program, Stream


def naive(program: Program, durations: list[Fraction], slowdown: Fraction) -> tuple[list[Fraction], list[Fraction]]:
    """(starts, ends). An operation runs once its dependencies and the one before it on its stream have ended.

    Compute runs at rate 1, or 1 - slowdown while a collective on the DP or CP stream of its rank runs.
    """
    count = len(program)
    before: list[set[int]] = []
    for op in range(count):
        queue = [p for p in range(op) if (program.rank[p], program.stream[p]) == (program.rank[op], program.stream[op])]
        before.append({*program.dependencies[op], *queue[-1:]})
    left = list(durations)
    start: dict[int, Fraction] = {}
    end: dict[int, Fraction] = {}
    now = Fraction(0)
    while len(end) < count:
        running = [op for op in range(count) if op not in end and before[op] <= end.keys()]
        assert running, "operations wait for each other"
        for op in running:
            start.setdefault(op, now)
        crowded = {program.rank[op] for op in running if program.stream[op] in (Stream.DP, Stream.CP) and left[op]}
        rate = {
            op: 1 - slowdown if program.communication[op] < 0 and program.rank[op] in crowded else Fraction(1)
            for op in running
        }
        step = min(left[op] / rate[op] for op in running)
        now += step
        for op in running:
            left[op] -= step * rate[op]
            if left[op] == 0:
                end[op] = now
    return [start[op] for op in range(count)], [end[op] for op in range(count)]
