"""DualPipe: micro-batches enter a pipeline from both ends, and a forward pass runs beside a backward pass.

DeepSeek-AI, DeepSeek-V3 technical report (arXiv 2412.19437, section 3.2.1) and the schedule that they published
(github.com/deepseek-ai/DualPipe). Each rank holds two stages, the d-th and the d-th from the end, and so every stage is
held twice. Half of the micro-batches go through either copy. The bubble is (p/2 - 1)(F&B + B - 3W), where F&B is a
forward and a backward pass side by side, B a whole backward pass and W its weight gradients, for W <= F = B - W; a rank
holds activations of at most p + 1 passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from weft.workload.passes import Pass, Work


class _Rank:
    """Hands out a rank's passes. ``near`` counts the direction that enters the pipeline at the nearer end."""

    def __init__(self, stage: int, stages: int) -> None:
        self.swapped = stage >= stages // 2
        self.next = {work: (count(), count()) for work in (Work.FORWARD, Work.BACKWARD)}
        self.owed: list[tuple[int, int]] = []

    def run(self, work: Work, far: bool, *, beside: bool = False) -> Pass:
        """The next pass of one direction; of a split backward pass, weight gradients are owed."""
        chunk = int(far ^ self.swapped)
        number = next(self.next[Work.FORWARD if work == Work.FORWARD else Work.BACKWARD][far])
        if work == Work.INPUTS:
            self.owed.append((number, chunk))
        return Pass(number, chunk, work, beside)

    def pay(self) -> Pass:
        """The oldest weight gradients owed."""
        number, chunk = self.owed.pop(0)
        return Pass(number, chunk, Work.WEIGHTS)


def dual_pipe(stage: int, stages: int, micro_batches: int) -> list[Pass]:
    """The passes of one rank in execution order; chunk 0 is of the direction that enters at stage 0.

    Args:
        stage: of the pipeline.
        stages: p, even.
        micro_batches: m, of both directions together; even, at least 2 p.
    """
    return list(_passes(stage, stages, micro_batches))


def _passes(stage: int, stages: int, micro_batches: int) -> Iterator[Pass]:
    depth = min(stage, stages - 1 - stage)
    beyond = stages // 2 - 1 - depth
    rank = _Rank(stage, stages)
    forward, whole, inputs = Work.FORWARD, Work.BACKWARD, Work.INPUTS
    # Both directions fill the pipeline, the near one first.
    for _ in range(2 * beyond):
        yield rank.run(forward, False)
    for _ in range(depth + 1):
        yield rank.run(forward, False)
        yield rank.run(forward, True)
    for _ in range(beyond):
        yield rank.run(inputs, True)
        yield rank.pay()
        yield rank.run(forward, True)
    # The steady state; the two middle ranks run the first pair one after the other, for the far rank not to wait.
    for turn in range(micro_batches // 2 - stages + depth + 1):
        yield rank.run(forward, False, beside=turn > 0 or beyond > 0)
        yield rank.run(whole, True)
        yield rank.run(forward, True, beside=True)
        yield rank.run(whole, False)
    for _ in range(beyond):
        yield rank.run(whole, True)
        yield rank.run(forward, True, beside=True)
        yield rank.run(whole, False)
    # It empties: from half of what is left on, weight gradients wait until there is nothing else to do.
    for turn in range(2 * (depth + 1)):
        yield rank.run(whole if turn <= depth else inputs, turn % 2 == 0)
    for _ in range(beyond):
        yield rank.pay()
        yield rank.run(inputs, False)
    for _ in range(depth + 1):
        yield rank.pay()
