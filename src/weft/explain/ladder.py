"""A job's plan from ideal to real, one loss at a time: what compute takes if the machine has no other fault.

The first rung does only the model's own arithmetic, at the accelerator's published rate. Each further rung lets one
thing be as it is, in a fixed order, until the last is the plan itself; so the differences add up to all that compute
takes. Seconds come from the programs that the engines run, never from formulae beside them.

Work beyond two rounds of a pipeline grows by the same with every round of micro-batches, so two short programs tell a
rung's compute exactly; O(rungs x operations of four rounds).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from weft.catalog import Part
from weft.workload.attention import Fused
from weft.workload.layer import Shard
from weft.workload.program import Category, Stream
from weft.workload.roofline import FORMATS, Kernels
from weft.workload.training import Plan, step_program

#: Rounds of micro-batches after which every further one adds the same work.
_ROUNDS = 2


@dataclass(frozen=True)
class Rung:
    """A plan in which some things are still ideal.

    Attributes:
        name: what this rung lets be real, as `weft.explain.basis` knows it.
        label: the same in words.
        plan: to be written as a program.
    """

    name: str
    label: str
    plan: Plan


class _AtPeak(Kernels):
    """Matrix products at peak: no tiles, no operands to load, no launch."""

    def gemm(
        self, m: int, n: int, k: int, *, output_bytes: float = 2.0, count: int = 1, quantised: bool = False
    ) -> float:
        """Seconds of the products' own FLOPs."""
        return 2.0 * count * m * n * k / self.peak


class _CoreAtPeak(Fused):
    """The attention core at peak: the FLOPs that are counted, and no scores computed again in the backward pass."""

    def backward(self, shard: Shard, kernels: Kernels) -> float:
        """Seconds of four products for the forward's two."""
        return self._seconds(2.0, shard, kernels)


def rungs(plan: Plan, accelerator: Part) -> Iterator[Rung]:
    """Yield the plan from ideal to real.

    Args:
        plan: as it is.
        accelerator: its part, for published rates.
    """
    kernels, plain, stack = plan.kernels, plan.plain_kernels, plan.stack
    published = accelerator.si(f"{FORMATS[plan.job.precision].peak}_dense_tflops"), accelerator.si("bf16_dense_tflops")
    overheads: dict[str, Any] = {each.name: 0.0 for each in fields(stack) if each.name.endswith("_overhead_s")}
    bare = replace(
        plan,
        kernels=_at_peak(kernels, published[0]),
        plain_kernels=_at_peak(plain, published[1]),
        stack=replace(stack, attention=_CoreAtPeak(fracs=(1.0, 1.0), saturation=0.0), **overheads),
        job=plan.job.model_copy(update={"recompute": "none", "recompute_layers": None}),
        chunks=tuple(tuple(replace(chunk, recomputed=0) for chunk in stage) for stage in plan.chunks),
    )
    yield Rung("peak", "the model's arithmetic at the published peak", bare)
    bare = replace(bare, kernels=_at_peak(kernels, kernels.peak), plain_kernels=_at_peak(plain, plain.peak))
    sends = plan.mapping.ep > 1 and stack.experts_multiprocessors > 0
    yield Rung("clock", "clock under sustained load" + (", less what sends tokens" if sends else ""), bare)
    bare = replace(bare, kernels=_unhindered(kernels), plain_kernels=_unhindered(plain))
    yield Rung("products", "matrix products: tiles, waves, operands, library", bare)
    bare = replace(bare, stack=replace(bare.stack, attention=stack.attention))
    yield Rung("attention", "attention kernels", bare)
    if kernels.cast_Bps:
        bare = replace(bare, kernels=replace(bare.kernels, cast_Bps=kernels.cast_Bps))
        yield Rung("quantisation", "quantising operands", bare)
    bare = replace(
        bare,
        kernels=replace(bare.kernels, memory_Bps=kernels.memory_Bps),
        plain_kernels=replace(bare.plain_kernels, memory_Bps=plain.memory_Bps),
    )
    yield Rung("memory", "memory-bound work: norms, activations, loss, optimizer", bare)
    bare = replace(bare, kernels=kernels, plain_kernels=plain, stack=stack)
    yield Rung("overheads", "kernel launches and host time", bare)
    if plan.job.recompute != "none":
        yield Rung("recomputation", f"recomputation ({plan.job.recompute})", plan)


def compute_s(plan: Plan) -> float:
    """Seconds that a plan's compute streams compute in a step, a mean over pipeline stages."""
    whole, period = plan.micro_batches, plan.mapping.pp
    short = _ROUNDS * period + whole % period
    if whole <= short + period:
        return _program_s(plan, whole)
    first, second = _program_s(plan, short), _program_s(plan, short + period)
    return first + (whole - short) / period * (second - first)


def _program_s(plan: Plan, micro_batches: int) -> float:
    program = step_program(replace(plan, micro_batches=micro_batches))
    computes = (
        (np.array(program.communication, int) < 0)
        & (np.array(program.stream, int) == Stream.COMPUTE)
        & (np.array(program.category, int) == Category.COMPUTE)
    )
    return float(np.array(program.seconds)[computes].sum()) / len(program.ranks)


def _at_peak(kernels: Kernels, peak: float) -> Kernels:
    columns = {each.name: getattr(kernels, each.name) for each in fields(Kernels)}
    return _AtPeak(**{**columns, "peak": peak, "memory_Bps": math.inf, "launch_s": 0.0, "cast_Bps": None})


def _unhindered(kernels: Kernels) -> Kernels:
    """Products as they are, everything else for nothing."""
    return replace(kernels, memory_Bps=math.inf, launch_s=0.0, cast_Bps=None)
