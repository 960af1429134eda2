"""Weighted max-min fair rates by progressive filling.

Transfer f has weight w_f, rate cap and usage a_fl: at rate r_f it puts a_fl r_f on resource l. All rates grow together
as r_f = w_f θ; at the water level θ_l = spare_l / Σ w_f a_fl (over transfers still growing) resource l is full, its
transfers stop, and what they take is off the spare capacity of their other resources. θ_l only ever rises, so a heap of
resources may hold old levels: one that reaches the top is weighed again and, if it has risen, sinks.

O(E log R) for E entries and R resources, and O(E) memory. Bertsekas and Gallager, Data Networks, 2nd ed., 6.5.2.

Weights that resources lose are subtracted; when half is gone the rest is added up afresh, so that rounding stays below
some 1e-15 of what is left.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CAPPED = -1  # what limits a transfer: its own cap
UNLIMITED = -2  # nothing: no resources, no cap
NOTHING_LEFT = 1e-12  # less than this fraction of a resource is no capacity for the next traffic class


@kernel
def sink(key: Floats, item: Integers, size: int, at: int) -> None:
    """Move an entry of a binary heap down to where it belongs."""
    moving_key, moving_item = key[at], item[at]
    child = 2 * at + 1
    while child < size:
        if child + 1 < size and key[child + 1] < key[child]:
            child += 1
        if key[child] >= moving_key:
            break
        key[at], item[at] = key[child], item[child]
        at = child
        child = 2 * at + 1
    key[at], item[at] = moving_key, moving_item


@kernel
def fill(
    first: Integers,
    last: Integers,
    weight: Floats,
    cap: Floats,
    resource: Integers,
    usage: Floats,
    local: Integers,
    spare: Floats,
    rate: Floats,
    limit: Integers,
) -> int:
    """Fill one traffic class.

    Args:
        first, last: int64[n], the entries of each transfer.
        weight, cap: float64[n].
        resource, usage: int64, float64[entries]; usage above 0.
        local: int64[resources], the row in ``spare`` of each resource in use.
        spare: float64[m], capacity to share out; what is left of it comes back.
        rate, limit: float64, int64[n], filled in: B/s, and the row in ``spare`` that limits (or `CAPPED`, `UNLIMITED`).

    Returns:
        How many water levels there were.
    """
    count, rows = len(first), len(spare)
    start = np.zeros(rows + 1, np.int64)
    for f in range(count):
        for e in range(first[f], last[f]):
            start[local[resource[e]] + 1] += 1
    for row in range(rows):
        start[row + 1] += start[row]
    # The same entries by resource, and the weight that grows on each
    put = start[:-1].copy()
    user = np.empty(start[rows], np.int64)
    used = np.empty(start[rows], np.float64)
    growing = np.zeros(rows, np.float64)
    for f in range(count):
        rate[f] = -1.0
        for e in range(first[f], last[f]):
            row = local[resource[e]]
            user[put[row]] = f
            used[put[row]] = usage[e]
            put[row] += 1
            growing[row] += usage[e] * weight[f]
    summed = growing.copy()
    key = np.empty(rows + count, np.float64)
    item = np.empty(rows + count, np.int64)
    size = 0
    for row in range(rows):
        if growing[row] > 0.0:
            key[size] = max(spare[row], 0.0) / growing[row]
            item[size] = row
            size += 1
    streaming = count
    for f in range(count):
        if cap[f] < np.inf:
            key[size] = cap[f] / weight[f]
            item[size] = rows + f
            size += 1
        elif first[f] == last[f]:
            rate[f], limit[f] = np.inf, UNLIMITED
            streaming -= 1
    for at in range(size // 2 - 1, -1, -1):
        sink(key, item, size, at)
    levels, before = 0, -1.0
    top = size - size  # Numba would compile anew for a literal 0
    while streaming > 0:
        at = item[0]
        if at >= rows:
            if rate[at - rows] < 0.0:
                level = key[0]
                _stop(at - rows, cap[at - rows], first, last, weight, resource, usage, local, spare, growing, rate)
                limit[at - rows] = CAPPED
                streaming -= 1
                levels += level > before
                before = level
        else:
            if growing[at] < 0.5 * summed[at]:
                total = 0.0
                for i in range(start[at], start[at + 1]):
                    if rate[user[i]] < 0.0:
                        total += used[i] * weight[user[i]]
                growing[at] = summed[at] = total
            if growing[at] > 0.0:
                level = max(spare[at], 0.0) / growing[at]
                if level > key[0]:
                    key[0] = level
                    sink(key, item, size, top)
                    continue
                level = key[0]
                for i in range(start[at], start[at + 1]):
                    f = user[i]
                    if rate[f] < 0.0:
                        stopped = min(level * weight[f], cap[f])
                        _stop(f, stopped, first, last, weight, resource, usage, local, spare, growing, rate)
                        limit[f] = at
                        streaming -= 1
                levels += level > before
                before = level
        size -= 1
        key[0], item[0] = key[size], item[size]
        sink(key, item, size, top)
    return levels


@kernel
def _stop(
    f: int,
    stopped: float,
    first: Integers,
    last: Integers,
    weight: Floats,
    resource: Integers,
    usage: Floats,
    local: Integers,
    spare: Floats,
    growing: Floats,
    rate: Floats,
) -> None:
    """Give a transfer its rate and take it off its resources."""
    rate[f] = stopped
    for e in range(first[f], last[f]):
        row = local[resource[e]]
        spare[row] -= usage[e] * stopped
        growing[row] -= usage[e] * weight[f]


@kernel
def fill_by_class(
    first: Integers,
    last: Integers,
    weight: Floats,
    cap: Floats,
    level: Integers,
    resource: Integers,
    usage: Floats,
    local: Integers,
    capacity: Floats,
    spare: Floats,
    rate: Floats,
    limit: Integers,
) -> int:
    """Fill traffic classes in order, each from what those before it leave.

    Args as `fill`, and level: int64[n], lower first; capacity: float64[m], what is nothing in comparison.
    """
    count = len(first)
    if count == 0:
        return 0
    levels, now = 0, level.min()
    part_rate, part_limit = np.empty(count), np.empty(count, np.int64)
    part_first, part_last = np.empty(count, np.int64), np.empty(count, np.int64)
    part_weight, part_cap = np.empty(count), np.empty(count)
    while True:
        size, higher = 0, now
        for f in range(count):
            if level[f] == now:
                part_first[size], part_last[size] = first[f], last[f]
                part_weight[size], part_cap[size] = weight[f], cap[f]
                size += 1
            elif level[f] > now and (higher == now or level[f] < higher):
                higher = level[f]
        levels += fill(
            part_first[:size], part_last[:size], part_weight[:size], part_cap[:size],
            resource, usage, local, spare, part_rate, part_limit,
        )  # fmt: skip
        size = 0
        for f in range(count):
            if level[f] == now:
                rate[f], limit[f] = part_rate[size], part_limit[size]
                size += 1
        if higher == now:
            return levels
        now = higher
        for row in range(len(spare)):
            if spare[row] < NOTHING_LEFT * capacity[row]:
                spare[row] = 0.0


@kernel
def max_min(
    indptr: Integers,
    resource: Integers,
    usage: Floats,
    weight: Floats,
    cap: Floats,
    level: Integers,
    capacity: Floats,
) -> tuple[Floats, Integers, int]:
    """Rates of transfers that all stream at once; see `weft.engines.fluid.allocation.max_min`.

    Returns:
        rate float64[n], limit int64[n] (a resource, `CAPPED` or `UNLIMITED`), and how many water levels there were.
    """
    # A resource with one user is a cap on that user; only shared ones have to be weighed against each other.
    users = np.zeros(len(capacity), np.int64)
    for e in range(len(resource)):
        users[resource[e]] += 1
    count = len(weight)
    first, last = np.empty(count, np.int64), np.empty(count, np.int64)
    shared, share = np.empty(len(resource), np.int64), np.empty(len(resource), np.float64)
    most, own = cap.copy(), np.full(count, CAPPED, np.int64)
    local = np.full(len(capacity), -1, np.int64)
    whole = np.empty(len(capacity), np.int64)
    rows, entries = 0, 0
    for f in range(count):
        first[f] = entries
        for e in range(indptr[f], indptr[f + 1]):
            at = resource[e]
            if users[at] == 1:
                if capacity[at] / usage[e] < most[f]:
                    most[f], own[f] = capacity[at] / usage[e], at
                continue
            shared[entries], share[entries] = at, usage[e]
            entries += 1
            if local[at] < 0:
                local[at] = rows
                whole[rows] = at
                rows += 1
        last[f] = entries
    room = np.empty(rows)
    for row in range(rows):
        room[row] = capacity[whole[row]]
    rate, limit = np.empty(count, np.float64), np.empty(count, np.int64)
    levels = fill_by_class(first, last, weight, most, level, shared, share, local, room, room.copy(), rate, limit)
    for f in range(count):
        if limit[f] >= 0:
            limit[f] = whole[limit[f]]
        elif limit[f] == CAPPED:
            limit[f] = own[f]
    return rate, limit, levels
