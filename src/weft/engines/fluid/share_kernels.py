"""New rates after a change, for no more transfers than the change reaches.

An allocation is weighted max-min fair exactly when every transfer has a bottleneck: a full resource on which no other
has a larger rate / weight (or it is at its cap). Bertsekas and Gallager, Data Networks, 2nd ed., 6.5.2.

So a set of transfers, at first the new ones and those whose bottleneck changed, is filled afresh on what all others
leave. Then the bottlenecks of the others are looked at on the resources touched: one that has lost its own, or that
takes more than its share at a bottleneck of the set, joins the set, and the set is filled again. What no one's
bottleneck contradicts is the max-min allocation of the whole network; the set only grows, so this ends.

Where traffic classes differ, the whole connected component is filled. O(S log S) a round for S entries of the set.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.fluid.fill_kernels import Floats, Integers, fill_by_class
from weft.engines.fluid.state_kernels import (
    DIRTY,
    FRESH,
    MEMBERS,
    MIXED,
    NOW,
    TOUCHED,
    Network,
    account,
    let_go,
    set_end,
)

SAME = 1e-13  # relative difference of rates or loads that is rounding
ROUNDS = 12  # of growing the set by need, before the whole component joins


@kernel
def solve(net: Network) -> None:
    """Give every transfer that is fresh, or that a dirty resource concerns, its rate from now on."""
    net.tally[MEMBERS] = net.tally[TOUCHED] = 0
    for i in range(net.tally[FRESH]):
        _join(net, net.slots[i]["fresh"])
    net.tally[FRESH] = 0
    for i in range(net.tally[TOUCHED]):
        _join_limited(net, net.rows[i]["touched"])
    _join_dirty(net)
    whole = net.tally[MIXED] > 0
    rounds = 0
    while True:
        rounds += 1
        if whole or rounds > ROUNDS:
            whole = True
            _join_component(net)
        members = net.tally[MEMBERS]
        rate, limit = _fill_members(net)
        if not whole:
            _join_contradicted(net, rate, limit)
        if net.tally[MEMBERS] == members:
            break
    _assign(net, rate, limit)


@kernel
def _join(net: Network, slot: int) -> None:
    """Put a transfer in the set, unless it is there."""
    transfer = net.slots[slot]
    if transfer["member"] > 0:
        return
    transfer["member"] = 1
    net.slots[net.tally[MEMBERS]]["members"] = slot
    net.tally[MEMBERS] += 1
    let_go(net, slot)
    for e in range(transfer["first"], transfer["first"] + transfer["entries"]):
        entry = net.pool[e]
        row = net.rows[entry["resource"]]
        if row["local"] < 0:
            _touch(net, entry["resource"])
        row["inside"] += 1
        row["fixed"] = row["fixed"] - entry["usage"] * transfer["rate"] if row["inside"] < row["users"] else 0.0


@kernel
def _touch(net: Network, resource: int) -> None:
    """Number a resource among those touched; its load is added up afresh once in a while."""
    row = net.rows[resource]
    row["local"] = net.tally[TOUCHED]
    net.rows[net.tally[TOUCHED]]["touched"] = resource
    net.tally[TOUCHED] += 1
    if row["changes"] > row["users"] + 16:
        account(net, resource)
        row["changes"] = 0
        row["load"] = 0.0
        e = row["head"]
        while e >= 0:
            entry = net.pool[e]
            row["load"] += entry["usage"] * net.slots[entry["owner"]]["rate"]
            e = entry["after"]
    row["fixed"] = row["load"]
    row["inside"] = 0


@kernel
def _join_limited(net: Network, resource: int) -> None:
    """Join all that a resource limits."""
    e = net.rows[resource]["head"] if net.rows[resource]["limited"] > 0 else -1
    while e >= 0:
        entry = net.pool[e]
        if net.slots[entry["owner"]]["limit"] == e:
            _join(net, entry["owner"])
        e = entry["after"]


@kernel
def _join_users(net: Network, resource: int) -> None:
    """Join all on a resource."""
    e = net.rows[resource]["head"]
    while e >= 0:
        _join(net, net.pool[e]["owner"])
        e = net.pool[e]["after"]


@kernel
def _join_dirty(net: Network) -> None:
    """Join all that changed resources limit, and all on those that now have too little."""
    for i in range(net.tally[DIRTY]):
        resource = net.rows[i]["dirties"]
        row = net.rows[resource]
        row["dirty"] = 0
        if net.tally[MIXED] > 0 or row["load"] > row["capacity"]:
            _join_users(net, resource)
        else:
            _join_limited(net, resource)
    net.tally[DIRTY] = 0


@kernel
def _join_component(net: Network) -> None:
    """Join all that share a resource with the set, and so on."""
    i = 0
    while i < net.tally[TOUCHED]:
        resource = net.rows[i]["touched"]
        if net.rows[resource]["inside"] < net.rows[resource]["users"]:
            _join_users(net, resource)
        i += 1


@kernel
def _fill_members(net: Network) -> tuple[Floats, Integers]:
    """Rates of the set on what the others leave, and the place of what limits each among the resources touched."""
    count, touched = net.tally[MEMBERS], net.tally[TOUCHED]
    capacity, spare = np.empty(touched), np.empty(touched)
    for i in range(touched):
        row = net.rows[net.rows[i]["touched"]]
        capacity[i] = row["capacity"]
        spare[i] = max(0.0, row["capacity"] - row["fixed"])
    first, last = np.empty(count, np.int64), np.empty(count, np.int64)
    weight, cap = np.empty(count), np.empty(count)
    level = np.empty(count, np.int64)
    for k in range(count):
        transfer = net.slots[net.slots[k]["members"]]
        first[k] = transfer["first"]
        last[k] = transfer["first"] + transfer["entries"]
        weight[k], cap[k], level[k] = transfer["weight"], transfer["cap"], transfer["level"]
    rate, limit = np.empty(count), np.empty(count, np.int64)
    resource, usage, local = net.pool["resource"], net.pool["usage"], net.rows["local"]
    fill_by_class(first, last, weight, cap, level, resource, usage, local, capacity, spare, rate, limit)
    return rate, limit


@kernel
def _join_contradicted(net: Network, rate: Floats, limit: Integers) -> None:
    """Join those outside the set whose bottlenecks the set's rates contradict, or who contradict the set's."""
    touched = net.tally[TOUCHED]
    load = np.zeros(touched)
    highest = np.zeros(touched)  # rate / weight of the set on each resource
    water = np.full(touched, np.inf)  # and of those it limits there
    for k in range(len(rate)):
        transfer = net.slots[net.slots[k]["members"]]
        share = rate[k] / transfer["weight"]
        for e in range(transfer["first"], transfer["first"] + transfer["entries"]):
            at = net.rows[net.pool[e]["resource"]]["local"]
            load[at] += net.pool[e]["usage"] * rate[k]
            highest[at] = max(highest[at], share)
        if limit[k] >= 0:
            water[limit[k]] = share
    for at in range(touched):
        row = net.rows[net.rows[at]["touched"]]
        if row["inside"] == row["users"]:
            continue
        full = row["fixed"] + load[at] >= row["capacity"] * (1.0 - SAME)
        lost = row["limited"] > 0 and (not full or highest[at] > row["water"] * (1.0 + SAME))
        e = row["head"] if lost or water[at] < np.inf else -1
        while e >= 0:
            slot = net.pool[e]["owner"]
            transfer = net.slots[slot]
            if transfer["member"] == 0:
                share = transfer["rate"] / transfer["weight"]
                unlimited = transfer["limit"] == e and (not full or highest[at] > share * (1.0 + SAME))
                if unlimited or share > water[at] * (1.0 + SAME):
                    _join(net, slot)
            e = net.pool[e]["after"]


@kernel
def _assign(net: Network, rate: Floats, limit: Integers) -> None:
    """Let the set stream at its new rates from now on, and leave it empty."""
    now = net.clock[NOW]
    for at in range(net.tally[TOUCHED]):
        row = net.rows[net.rows[at]["touched"]]
        account(net, net.rows[at]["touched"])
        row["load"] = row["fixed"]
        row["changes"] += 1
    for k in range(len(rate)):
        slot = net.slots[k]["members"]
        transfer = net.slots[slot]
        old, new = transfer["rate"], rate[k]
        if abs(new - old) > SAME * new:
            left = max(0.0, transfer["left"] - old * (now - transfer["since"]))
            transfer["left"], transfer["since"], transfer["rate"] = left, now, new
            end = now
            if left > 0.0:
                end = now + left / new if new > 0.0 else np.inf
            set_end(net, slot, end)
        transfer["limit"] = min(limit[k], -1)
        transfer["limited_since"] = now
        transfer["member"] = 0
        for e in range(transfer["first"], transfer["first"] + transfer["entries"]):
            row = net.rows[net.pool[e]["resource"]]
            row["load"] += net.pool[e]["usage"] * transfer["rate"]
            if row["local"] == limit[k]:
                transfer["limit"] = e
        if limit[k] >= 0:
            row = net.rows[net.rows[limit[k]]["touched"]]
            row["limited"] += 1
            row["water"] = transfer["rate"] / transfer["weight"]
    for at in range(net.tally[TOUCHED]):
        net.rows[net.rows[at]["touched"]]["local"] = -1
