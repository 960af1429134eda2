"""Leaving out micro-batches that only repeat others, exactly: the repetition is checked, not assumed.

A step is a deterministic system that no clock drives: when its state comes back (every queue as far behind every other
as a round of micro-batches ago), all that follows comes back too, as much later. So two runs, one a round longer than
the other, tell how much every further round adds, if all operations of their common end lie the same time apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.engines.executor import Execution, breakdown

# Rounds of the first, shorter run: up to two fill and drain the pipeline, one settles, one repeats.
_ROUNDS = 4


@dataclass(frozen=True)
class Folded:
    """A step, told by the run of a shorter one.

    Attributes:
        execution: when each operation of the shorter step ran.
        step_s: seconds of the whole step.
        breakdown_s: where they go; see `weft.engines.executor.breakdown`.
        left_out: micro-batches that ``execution`` does without.
    """

    execution: Execution
    step_s: float
    breakdown_s: dict[str, float]
    left_out: int


def run_whole(run: Callable[[int], Execution], micro_batches: int) -> Folded:
    """Run all micro-batches."""
    execution = run(micro_batches)
    return Folded(execution, execution.span_s, breakdown(execution), 0)


def run_folded(run: Callable[[int], Execution], micro_batches: int, period: int) -> Folded:
    """Run as few micro-batches as tell how long all take; all of them where that costs no more or nothing repeats soon.

    Args:
        run: runs a step with so many micro-batches.
        micro_batches: how many the step has.
        period: micro-batches of a round, after which a schedule repeats: the pipeline's stages.
    """
    rounds, spent = _ROUNDS, 0
    while (spent := spent + (2 * rounds + 1) * period) < micro_batches:
        short = rounds * period + micro_batches % period
        shorter, longer = run(short), run(short + period)
        if _repeats(shorter, longer, rounds):
            more = (micro_batches - short) / period
            parts, longer_parts = breakdown(shorter), breakdown(longer)
            return Folded(
                shorter,
                shorter.span_s + more * (longer.span_s - shorter.span_s),
                {name: value + more * (longer_parts[name] - value) for name, value in parts.items()},
                micro_batches - short,
            )
        rounds *= 2
    return run_whole(run, micro_batches)


def _repeats(shorter: Execution, longer: Execution, rounds: int) -> bool:
    """Whether all operations of the runs' common end lie the same time apart, first rounds aside."""
    shifts = []
    for ours, theirs in zip(_by_rank(shorter), _by_rank(longer), strict=True):
        added, count = theirs.shape[1] - ours.shape[1], ours.shape[1]
        ours, theirs = ours[:, ::-1], theirs[:, : -count - 1 : -1]
        same = (ours[1:] == theirs[1:]).all(axis=0)
        common = count if same.all() else int(same.argmin())
        # What the schedule repeats is within two rounds of the whole; one of it and the end are enough to compare.
        compared = common - (rounds - 3) * added
        if compared <= added:
            return False
        shifts.append((theirs - ours)[0, :compared])
    return bool(np.ptp(np.concatenate(shifts)) <= 1e-12 * longer.span_s)


def _by_rank(execution: Execution) -> Iterator[NDArray[np.float64]]:
    """For each rank, a row of its operations' ends and rows of what tells one operation from another."""
    program = execution.program
    sizes = np.array([*(each.size_bytes * each.repeat for each in program.communications), 0.0])
    size = sizes[np.array(program.communication, int)]
    rows = np.array([execution.end_s, program.stream, program.category, program.seconds, size])
    rank = np.array(program.rank)
    for each in range(len(program.ranks)):
        yield rows[:, rank == each]
