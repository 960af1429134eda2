"""Jobs next to a job: the same training with one choice made otherwise.

A neighbour changes one thing: an overlap, how ranks are shared among the parallelisms (a factor of two moved from one
to another, so that they multiply to as many ranks), interleaving, recomputation, the micro-batch, the ZeRO level. The
model, the batch, the precision and the software stay what they are: those are not tuning. About 30 neighbours of any
job; whether one divides and fits is for who tries it to find out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from weft.workload.spec import Job, Overlap
from weft.workload.training import Plan

_DEGREES = ("tp", "cp", "pp", "dp")
_WORDS = {"tp": "tensor", "cp": "context", "pp": "pipeline", "dp": "data", "ep": "expert"}
_RECOMPUTE = ("none", "selective", "full")
_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A job with one thing changed; ``change`` says what, and what it was."""

    change: str
    job: Job


def neighbours(plan: Plan) -> Iterator[Neighbour]:
    """Yield the neighbours of a job, as it was resolved."""
    yield from _overlaps(plan)
    yield from _mappings(plan)
    yield from _interleaves(plan)
    yield from _recomputations(plan)
    yield from _micro_batches(plan)
    yield from _shardings(plan)


def _overlaps(plan: Plan) -> Iterator[Neighbour]:
    """Communication that stands alone now, beside compute."""
    for name in Overlap.model_fields:
        if name not in plan.overlaps and getattr(plan.mapping, name, 1) > 1:
            overlap = plan.job.overlap.model_copy(update={name: True})
            yield Neighbour(
                f"{_WORDS[name]}-parallel communication overlapped",
                plan.job.model_copy(update={"overlap": overlap}),
            )


def _mappings(plan: Plan) -> Iterator[Neighbour]:
    """Twice as much of one parallelism and half of another, of every two."""
    now = {name: getattr(plan.mapping, name) for name in _DEGREES}
    for more, less in permutations(_DEGREES, 2):
        if now[less] % _FACTOR:
            continue
        then = {**now, more: now[more] * _FACTOR, less: now[less] // _FACTOR}
        change = f"{more} {then[more]}, {less} {then[less]} (now {now[more]}, {now[less]})"
        if then["pp"] == 1 and plan.job.parallelism.interleave > 1:
            then["interleave"], change = 1, f"{change}, no interleaving"
        yield _with(plan.job, change, **then)


def _interleaves(plan: Plan) -> Iterator[Neighbour]:
    now = plan.job.parallelism.interleave
    if plan.mapping.pp == 1:
        return
    for then in dict.fromkeys((now * 2, now // 2, 1)):
        if then not in (0, now):
            yield _with(plan.job, f"interleave {then} (now {now})", interleave=then)


def _recomputations(plan: Plan) -> Iterator[Neighbour]:
    now = plan.job.recompute
    for then in _RECOMPUTE:
        if then != now:
            job = plan.job.model_copy(update={"recompute": then, "recompute_layers": None})
            yield Neighbour(f"recompute {then} (now {now})", job)


def _micro_batches(plan: Plan) -> Iterator[Neighbour]:
    now = plan.job.micro_batch
    for then in (now * 2, now // 2):
        if then:
            yield Neighbour(f"micro_batch {then} (now {now})", plan.job.model_copy(update={"micro_batch": then}))


def _shardings(plan: Plan) -> Iterator[Neighbour]:
    now, asked = plan.job.parallelism.zero, plan.job.parallelism.sequence_parallel
    for then in range(4):
        if then != now and plan.shard_replicas > 1:
            yield _with(plan.job, f"zero {then} (now {now})", zero=then)
    if plan.mapping.tp > 1 and asked is False:
        yield _with(plan.job, "sequence parallelism (now off)", sequence_parallel=True)


def _with(job: Job, change: str, **parallelism: Any) -> Neighbour:
    laid_out = job.parallelism.model_copy(update=parallelism)
    return Neighbour(change, job.model_copy(update={"parallelism": laid_out}))
