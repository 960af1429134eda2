"""Weighted max-min fair rates of transfers that all stream at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.errors import InternalError


@dataclass(frozen=True)
class Allocation:
    """Who gets what.

    Attributes:
        rate_Bps: float64[transfers]; infinity for one without resources and cap.
        bottleneck: int64[transfers], the resource that limits each; -1 its cap, -2 nothing.
        water_levels: how many distinct stops progressive filling made.
    """

    rate_Bps: npt.NDArray[np.float64]
    bottleneck: npt.NDArray[np.int64]
    water_levels: int


def max_min(
    indptr: npt.ArrayLike,
    resource: npt.ArrayLike,
    usage: npt.ArrayLike,
    capacity_Bps: npt.ArrayLike,
    *,
    weight: npt.ArrayLike = 1.0,
    cap_Bps: npt.ArrayLike = np.inf,
    level: npt.ArrayLike = 0,
) -> Allocation:
    """Share capacities out; see `weft.engines.fluid.fill_kernels` for how.

    Args:
        indptr: int[transfers + 1], CSR over entries.
        resource, usage: int[entries], float[entries] above 0: a transfer at rate r puts usage x r on the resource.
        capacity_Bps: float[resources], finite, from 0.
        weight: one, or float[transfers], above 0; rates at a common bottleneck are in this proportion.
        cap_Bps: one, or float[transfers].
        level: one, or int[transfers], the traffic class; each gets what those with lower numbers leave.

    Raises:
        InternalError: a usage or a weight is not above 0, or a capacity is negative or infinite.
    """
    from weft.engines.fluid.fill_kernels import max_min as kernel  # numba, which is slow to import
    from weft.engines.fluid.storage import reals, wholes

    starts = wholes(indptr)
    count = len(starts) - 1
    uses, weights, capacity = reals(usage), reals(weight, count), reals(capacity_Bps)
    if not (np.all(uses > 0) and np.all(weights > 0) and np.all((capacity >= 0) & (capacity < np.inf))):
        raise InternalError("usages and weights are above 0, capacities finite and not below 0")
    rate, limit, levels = kernel(
        starts, wholes(resource), uses, weights, reals(cap_Bps, count), wholes(level, count), capacity
    )
    return Allocation(rate, limit, int(levels))
