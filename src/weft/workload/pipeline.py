"""Pipeline schedules: the order in which one stage runs its micro-batches' forward and backward passes.

1F1B (PipeDream-Flush, Narayanan et al., arXiv 2006.09503) and its interleaved form with several model chunks a stage
(Narayanan et al. SC'21, arXiv 2104.04473, section 2.2). Their bubble is (p-1)/(m v) of the ideal time.
"""

from __future__ import annotations

from typing import NamedTuple

from weft.errors import ConfigError


class Pass(NamedTuple):
    """One forward or backward pass of one micro-batch through one model chunk of a stage."""

    micro_batch: int
    chunk: int
    backward: bool


def order(stage: int, stages: int, micro_batches: int, chunks: int = 1) -> list[Pass]:
    """The passes of one stage in execution order.

    Args:
        stage: 0-based pipeline stage.
        stages: pipeline degree p.
        micro_batches: m, per data-parallel replica and step.
        chunks: model chunks per stage, v (1: plain 1F1B).

    Raises:
        ConfigError: interleaving where m is not a multiple of p.
    """
    if chunks > 1 and micro_batches % stages:
        raise ConfigError(
            f"interleaved pipelines need micro-batches ({micro_batches}) divisible by pp ({stages});"
            " change global_batch, micro_batch or dp, or set interleave to 1",
            field="parallelism.interleave",
        )
    total, warm_up = micro_batches * chunks, _warm_up(stage, stages, micro_batches, chunks)
    forward = [_virtual(k, stages, chunks, backward=False) for k in range(total)]
    backward = [_virtual(k, stages, chunks, backward=True) for k in range(total)]
    passes = forward[:warm_up]
    for ahead, behind in zip(forward[warm_up:], backward, strict=False):
        passes += (ahead, behind)
    passes += backward[total - warm_up :]
    return passes


def _virtual(k: int, stages: int, chunks: int, *, backward: bool) -> Pass:
    """The k-th pass of one direction: micro-batches go in groups of p through each chunk in turn."""
    if chunks == 1:
        return Pass(k, 0, backward)
    group, within = divmod(k, stages * chunks)
    chunk, offset = divmod(within, stages)
    return Pass(group * stages + offset, chunks - 1 - chunk if backward else chunk, backward)


def in_flight(stage: int, stages: int, micro_batches: int, chunks: int = 1) -> float:
    """Most micro-batches (in units of the stage's whole share of layers) whose activations a stage holds at once.

    Plain 1F1B: min(m, p - stage). Interleaved, first stage: p (1 + (p-1)/(p v)) (Korthikanti et al., section 4.2.3).
    """
    return min(micro_batches * chunks, _warm_up(stage, stages, micro_batches, chunks) + 1) / chunks


def _warm_up(stage: int, stages: int, micro_batches: int, chunks: int) -> int:
    """Forward passes before a stage's first backward."""
    total = micro_batches * chunks
    if chunks == 1:
        return min(total, stages - stage - 1)
    if micro_batches == stages:
        return total
    return min(total, 2 * (stages - stage - 1) + (chunks - 1) * stages)
