"""Weighted max-min fairness the slow and plain way: what the kernels are tested against.

Rounds of "raise all rates together until a resource or a cap stops one, stop those it stops", each O(entries).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_SAME = 1e-12


def max_min(
    usage: Sequence[Mapping[int, float]],
    capacity_Bps: Sequence[float],
    *,
    weight: Sequence[float] | None = None,
    cap_Bps: Sequence[float] | None = None,
    level: Sequence[int] | None = None,
) -> list[float]:
    """Rates of transfers, in B/s.

    Args:
        usage: for each transfer, how much of its rate each resource carries.
        capacity_Bps: of each resource.
        weight, cap_Bps, level: of each transfer; by default 1, infinity and one class for all.
    """
    count = len(usage)
    weight = weight or [1.0] * count
    cap_Bps = cap_Bps or [math.inf] * count
    level = level or [0] * count
    rate = [0.0] * count
    left = list(capacity_Bps)
    for now in sorted(set(level)):
        growing = {f for f in range(count) if level[f] == now}
        water = 0.0
        while growing:
            demand = [0.0] * len(left)
            for f in growing:
                for resource, share in usage[f].items():
                    demand[resource] += share * weight[f]
            stops = [left[r] / demand[r] if demand[r] else math.inf for r in range(len(left))]
            rise = min([*stops, *(cap_Bps[f] / weight[f] - water for f in growing)])
            if math.isinf(rise):
                for f in growing:
                    rate[f] = math.inf
                break
            water += rise
            left = [max(0.0, left[r] - rise * demand[r]) for r in range(len(left))]
            full = {r for r in range(len(left)) if stops[r] <= rise + _SAME * water}
            stopped = {
                f for f in growing if cap_Bps[f] / weight[f] <= water * (1 + _SAME) or any(r in full for r in usage[f])
            }
            for f in stopped:
                rate[f] = min(water * weight[f], cap_Bps[f])
            growing -= stopped
        # Rounding is no capacity for the next class
        left = [0.0 if each < _SAME * whole else each for each, whole in zip(left, capacity_Bps, strict=True)]
    return rate
