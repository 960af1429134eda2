"""What a step waits for its slowest rank: the expected maximum of what varies from rank to rank.

A rank's compute takes C on average and varies by a coefficient v, normally and independently. The slowest of n takes
C (1 + v E(n)) on average, with a deviation of v C S(n). E and S are mean and deviation of the greatest of n standard
normal numbers (David and Nagaraja, Order Statistics, 2003); E(n) approaches sqrt(2 ln n) from below:

    E(n) = int_0^inf 1 - F(z)^n - F(-z)^n dz,   E(n)^2 + S(n)^2 = int_0^inf 2 z (1 - F(z)^n + F(-z)^n) dz

What varies from step to step, such as a clock, makes all ranks wait for the slowest of all n. What varies from
micro-batch to micro-batch evens out over m of them between ranks that meet once a step; k ranks that meet in every
micro-batch (tensor, context and expert parallel ones, a pipeline's, and all with FSDP) wait for each other each time:

    step: v C E(n)        micro_batch: v C (E(k) + S(k) E(n / k) / sqrt(m))

Groups that synchronise every H steps wait for the slowest of G groups then, unless they exchange beside inner steps:
with D the deviation of a group's step, D E(G) / sqrt(H) a step.

Some nodes are slower than all others, all the time: MegaScale's authors found 0.5 % of theirs to take about 10 % longer
(arXiv 2402.15627, sections 5.1 and 6.3). Where a share q of all nodes is slower by b, a job on k nodes has one with a
probability of 1 - (1 - q)^k, and then waits for it: b C (1 - (1 - q)^k) on average over where it may be placed. Nobody
catches up with a node that is always slow, so that groups wait for it however rarely they meet. Both kinds add up,
which is an upper bound: the slowest rank need not be on a slow node.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, sqrt

import numpy as np

from weft.workload.training import Plan

_REACH, _POINTS = 12.0, 4801


@lru_cache(maxsize=256)
def greatest_of(count: int) -> tuple[float, float]:
    """Mean and standard deviation of the greatest of so many standard normal numbers; within 1e-6 up to 1e9 of them."""
    if count == 1:
        return 0.0, 1.0
    z = np.linspace(0.0, _REACH, _POINTS)
    beyond = np.array([erfc(x / sqrt(2)) / 2 for x in z.tolist()])
    above = -np.expm1(count * np.log1p(-beyond))  # 1 - F(z)^n, exact where F is nearly 1
    below = beyond**count
    # Trapezoids; both functions vanish at the far end, and the second at the near one.
    mean = float(z[1] * ((above - below).sum() - (above - below)[0] / 2))
    square = float(z[1] * (2 * z * (above + below)).sum())
    return mean, sqrt(square - mean**2)


def straggling_s(plan: Plan, compute_s: float) -> float:
    """Seconds that a step is longer because its ranks vary.

    Args:
        plan: the job, resolved.
        compute_s: a rank's compute in a step, on average.
    """
    jitter, mapping = plan.job.jitter, plan.mapping
    if jitter is None:
        return 0.0
    nodes = -(-mapping.ranks // plan.per_node)
    slow_s = compute_s * jitter.slow_by * (1.0 - (1.0 - jitter.slow_nodes) ** nodes)
    ranks = mapping.inner_ranks
    if jitter.per == "step":
        mean, spread = greatest_of(ranks)
    else:
        meeting = (
            ranks if plan.gathers_per_layer else max(mapping.tp * mapping.cp, mapping.ep * mapping.etp) * mapping.pp
        )
        each, varies = greatest_of(meeting)
        rest, spread = greatest_of(-(-ranks // meeting))
        varies /= sqrt(plan.micro_batches)
        mean, spread = each + varies * rest, varies * spread
    outer = plan.job.outer
    if outer is not None and not outer.overlap:
        mean += spread * greatest_of(mapping.outer)[0] / sqrt(outer.every)
    return slow_s + jitter.cv * compute_s * mean
