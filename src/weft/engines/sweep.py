"""When operations run if every communication's length is known beforehand: one pass over the program, O(n + e).

The answer is that of the executor's event loop, which only engines whose transfers contend need.
"""

from __future__ import annotations

import numpy as np

from weft.workload.program import Program, Stream

# Streams whose communication slows the compute beside it; see `weft.engines.executor`.
CROWDING = (Stream.DP, Stream.CP, Stream.EP, Stream.EP_FAR)
_CROWDS, _CROWDED = 1, 2


def sweep(program: Program, seconds: list[float], slowdown: float) -> tuple[list[float], list[float]] | None:
    """Start and end of every operation; None where one pass cannot tell.

    One pass is enough where every dependency comes first in the program, and no crowding communication starts before
    the compute that the program puts ahead of it on its rank has ended: nothing that follows slows what has been timed.

    Args:
        program: the job.
        seconds: how long each operation takes with nothing beside it.
        slowdown: fraction of its rate that compute loses while a communication of a `CROWDING` stream of its rank runs.
    """
    streams = len(Stream)
    free = [0.0] * (len(program.ranks) * streams)
    computed = [0.0] * len(program.ranks)
    crowd: list[list[tuple[float, float]]] = [[] for _ in program.ranks]
    start: list[float] = []
    end: list[float] = []
    columns = zip(program.rank, program.stream, program.dependencies, seconds, _roles(program, slowdown), strict=True)
    for rank, stream, dependencies, taken, role in columns:
        now = free[rank * streams + stream]
        for dependency in dependencies:
            if dependency >= len(end):
                return None
            if end[dependency] > now:
                now = end[dependency]
        start.append(now)
        then = now + taken
        if role == _CROWDED:
            then = computed[rank] = _slowed_end(now, taken, crowd[rank], 1.0 - slowdown)
        elif role == _CROWDS:
            if now < computed[rank]:
                return None
            crowd[rank].append((now, then))
        end.append(then)
        free[rank * streams + stream] = then
    return start, end


def _roles(program: Program, slowdown: float) -> list[int]:
    """Which operations crowd, and which are compute on a rank that has such."""
    communicates, rank = np.array(program.communication, int) >= 0, np.array(program.rank, int)
    crowds = communicates & np.isin(program.stream, CROWDING) & (slowdown > 0)
    crowded = ~communicates & (np.array(program.stream, int) == Stream.COMPUTE) & np.isin(rank, rank[crowds])
    roles: list[int] = (_CROWDS * crowds + _CROWDED * crowded).tolist()
    return roles


def _slowed_end(now: float, left: float, crowd: list[tuple[float, float]], share: float) -> float:
    """When compute that starts ``now`` ends, running at ``share`` of its rate within the intervals of ``crowd``.

    Compute of a rank starts in order, and so intervals that ended before ``now`` are dropped from ``crowd``.
    """
    if crowd:
        crowd[:] = sorted(each for each in crowd if each[1] > now)
    for begins, ends in crowd:
        if ends <= now:
            continue
        if begins > now:
            if now + left <= begins:
                break
            left -= begins - now
            now = begins
        if now + left / share <= ends:
            return now + left / share
        left -= (ends - now) * share
        now = ends
    return now + left
