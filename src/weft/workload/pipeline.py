"""Pipeline schedules: the order in which one stage runs its micro-batches' forward and backward passes.

Bubbles with p stages of uniform passes (F forward, B whole backward, W its weight gradients, v chunks a stage):

    gpipe     (p-1)(F + B)             Huang et al., arXiv 1811.06965
    1f1b      (p-1)(F + B) / v         PipeDream-Flush, Narayanan et al., arXiv 2006.09503; interleaved with v > 1,
                                       Narayanan et al. SC'21, arXiv 2104.04473, section 2.2
    zb_h1     (p-1)(F + B - 2W)        Qi et al., arXiv 2401.10241, section 2 (whose T_B is B - W), for W <= F, B - W
    zb_h2     (p-1)(F + B - 3W)        the same; from step to step, for W <= F, B - W: stages run into the next step
    dualpipe  (p/2-1)(F&B + B - 3W)    `weft.workload.dual_pipe`
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.errors import ConfigError
from weft.workload.dual_pipe import dual_pipe
from weft.workload.passes import Pass, Work


def check(schedule: str, stages: int, micro_batches: int, interleave: int) -> None:
    """Refuse what a schedule cannot do.

    Raises:
        ConfigError: stages, micro-batches or interleaving that it has no order for.
    """
    if schedule != "1f1b":
        if stages == 1:
            raise ConfigError(f"schedule: {schedule} needs a pipeline (pp > 1)", field="parallelism.schedule")
        if interleave > 1:
            raise ConfigError(
                f"interleave goes with schedule: 1f1b only, read {schedule}; set interleave to 1",
                field="parallelism.interleave",
            )
    if interleave > 1 and micro_batches % stages:
        raise ConfigError(
            f"interleaved pipelines need micro-batches ({micro_batches}) divisible by pp ({stages});"
            " change global_batch, micro_batch or dp, or set interleave to 1",
            field="parallelism.interleave",
        )
    if schedule == "dualpipe":
        if stages % 2:
            raise ConfigError(f"dualpipe needs an even pp, read {stages}", field="parallelism.pp")
        if micro_batches % 2 or micro_batches < 2 * stages:
            raise ConfigError(
                f"dualpipe needs an even number of micro-batches, at least 2 pp = {2 * stages}; these are"
                f" {micro_batches}; change global_batch, micro_batch or dp",
                field="parallelism.schedule",
            )


def order(stage: int, stages: int, micro_batches: int, chunks: int = 1, schedule: str = "1f1b") -> list[Pass]:
    """The passes of one stage in execution order.

    Args:
        stage: 0-based pipeline stage.
        stages: pipeline degree p.
        micro_batches: m, per data-parallel replica and step.
        chunks: model chunks per stage, v (1: plain 1F1B); the two of DualPipe are not counted.
        schedule: ``1f1b``, ``gpipe``, ``zb_h1``, ``zb_h2`` or ``dualpipe``.

    Raises:
        ConfigError: what `check` refuses.
    """
    check(schedule, stages, micro_batches, chunks)
    if schedule == "dualpipe":
        return dual_pipe(stage, stages, micro_batches)
    if schedule == "zb_h1":
        return list(_zero_bubble(micro_batches, stages - stage - 1, stage))
    if schedule == "zb_h2":
        return list(_zero_bubble(micro_batches, 2 * (stages - stage - 1), 2 * stage, early=True))
    total = micro_batches * chunks
    warm_up = total if schedule == "gpipe" else _warm_up(stage, stages, micro_batches, chunks)
    forward = [_virtual(k, stages, chunks, Work.FORWARD) for k in range(total)]
    backward = [_virtual(k, stages, chunks, Work.BACKWARD) for k in range(total)]
    passes = forward[:warm_up]
    for ahead, behind in zip(forward[warm_up:], backward, strict=False):
        passes += (ahead, behind)
    passes += backward[total - warm_up :]
    return passes


def paths(stages: int, chunks: int, schedule: str) -> list[list[tuple[int, int]]]:
    """The (stage, chunk) that micro-batches go through, in order: one path, or one from either end."""
    if schedule == "dualpipe":
        return [[(stage, 0) for stage in range(stages)], [(stage, 1) for stage in reversed(range(stages))]]
    return [[(stage, chunk) for chunk in range(chunks) for stage in range(stages)]]


def in_flight(stage: int, stages: int, micro_batches: int, chunks: int = 1, schedule: str = "1f1b") -> float:
    """Most micro-batches (in units of the stage's whole share of layers) whose activations a stage holds at once.

    What weight gradients still need counts as whole. 1F1B: min(m, p - stage); interleaved, first stage:
    p (1 + (p-1)/(p v)) (Korthikanti et al., section 4.2.3). GPipe: m. ZB-H1: min(m, p) on every stage, ZB-H2
    min(m, 2p - 1). DualPipe: p + 1 passes of either of the two chunks that a rank holds.
    """
    if schedule == "gpipe":
        return float(micro_batches)
    if schedule == "zb_h1":
        return float(min(micro_batches, stages))
    if schedule == "zb_h2":
        return float(min(micro_batches, 2 * stages - 1))
    if schedule == "dualpipe":
        return (stages + 1) / 2
    return min(micro_batches * chunks, _warm_up(stage, stages, micro_batches, chunks) + 1) / chunks


def runs_on(schedule: str) -> bool:
    """Whether a stage begins the next step as soon as it has updated its own parameters, whatever the others do.

    The norm of all gradients, which clipping needs, is checked afterwards (Qi et al., section 4).
    """
    return schedule == "zb_h2"


def _zero_bubble(micro_batches: int, warm_up: int, lag: int, *, early: bool = False) -> Iterator[Pass]:
    """1F1B whose weight gradients lag so many micro-batches behind.

    ZB-H1 lets them lag by the stages before, so that all stages hold as much as the first, and the last ones have work
    left while the last gradients travel back. ZB-H2 fills the time before the first gradients with twice the forward
    passes, and lags by twice as much; both gradients come before the next forward pass (``early``).
    """
    ahead = min(micro_batches, warm_up + early)
    for i in range(ahead):
        yield Pass(i, 0, Work.FORWARD)
    for i in range(micro_batches + lag):
        forward = [Pass(ahead + i, 0, Work.FORWARD)] if ahead + i < micro_batches else []
        back = [Pass(i, 0, Work.INPUTS)] if i < micro_batches else []
        weights = [Pass(i - lag, 0, Work.WEIGHTS)] if 0 <= i - lag < micro_batches else []
        yield from (*back, *weights, *forward) if early else (*forward, *back, *weights)


def _virtual(k: int, stages: int, chunks: int, work: Work) -> Pass:
    """The k-th pass of one direction: micro-batches go in groups of p through each chunk in turn."""
    if chunks == 1:
        return Pass(k, 0, work)
    group, within = divmod(k, stages * chunks)
    chunk, offset = divmod(within, stages)
    return Pass(group * stages + offset, chunk if work == Work.FORWARD else chunks - 1 - chunk, work)


def _warm_up(stage: int, stages: int, micro_batches: int, chunks: int) -> int:
    """Forward passes before a stage's first backward."""
    total = micro_batches * chunks
    if chunks == 1:
        return min(total, stages - stage - 1)
    if micro_batches == stages:
        return total
    return min(total, 2 * (stages - stage - 1) + (chunks - 1) * stages)
