"""A schedule as a program of uniform passes: no network but a fixed time from stage to stage, no model."""

from __future__ import annotations

import itertools

from fixed_engine import FixedEngine

from weft.engines.executor import execute
from weft.workload.passes import Pass, Work
from weft.workload.pipeline import order, paths
from weft.workload.program import Category, Communication, Program, Stream


def program_of(
    p: int,
    m: int,
    v: int = 1,
    *,
    schedule: str = "1f1b",
    forward_s: float,
    backward_s: float,
    weights_s: float = 0.0,
    handover_s: float = 0.0,
) -> Program:
    """Passes of ``forward_s`` and ``backward_s``, of which ``weights_s`` are weight gradients, on p stages."""
    program = Program(ranks=list(range(p)))
    before: dict[tuple[int, int], tuple[int, int]] = {}
    behind: dict[tuple[int, int], tuple[int, int]] = {}
    for path in paths(p, v, schedule):
        before |= {after: at for at, after in itertools.pairwise(path)}
        behind |= dict(itertools.pairwise(path))
    seconds = {
        Work.FORWARD: forward_s,
        Work.BACKWARD: backward_s,
        Work.INPUTS: backward_s - weights_s,
        Work.WEIGHTS: weights_s,
    }
    ended: dict[tuple[int, bool, tuple[int, int]], int] = {}  # (micro-batch, backward, where) -> operation
    arrived: dict[tuple[int, bool, tuple[int, int]], int] = {}
    orders = [order(stage, p, m, v, schedule) for stage in range(p)]
    position = [0] * p

    def needs(stage: int, one: Pass) -> int | None:
        """The operation a pass waits for; -1 for none, None where it is not written yet."""
        at = (stage, one.chunk)
        if one.work == Work.WEIGHTS:
            return -1
        if one.work == Work.FORWARD:
            return arrived.get((one.micro_batch, False, before[at])) if at in before else -1
        if at in behind:
            return arrived.get((one.micro_batch, True, behind[at]))
        return ended.get((one.micro_batch, False, at))

    while any(position[stage] < len(orders[stage]) for stage in range(p)):
        written = sum(position)
        for stage in range(p):
            while position[stage] < len(orders[stage]):
                at = position[stage]
                together = orders[stage][at : at + 1 + orders[stage][at].beside]
                after = [op for one in together if (op := needs(stage, one)) is not None]
                if len(after) < len(together):
                    break
                op = program.compute(stage, sum(seconds[one.work] for one in together), "", after)
                for one in together:
                    if one.work != Work.WEIGHTS:
                        key = (one.micro_batch, one.work != Work.FORWARD, (stage, one.chunk))
                        ended[key] = arrived[key] = op
                        if handover_s and key[2] in (before if key[1] else behind):
                            sent = Communication("send_recv", handover_s, (0, 1))
                            arrived[key] = program.communicate(stage, Stream.PP, Category.PP, sent, "", [op])
                position[stage] += len(together)
        assert sum(position) > written, "the schedule waits for itself"
    return program


def span_s(p: int, m: int, v: int = 1, **more: float | str) -> float:
    """Seconds from the first pass to the last."""
    return execute(program_of(p, m, v, **more), FixedEngine(1.0)).span_s  # type: ignore[arg-type]
