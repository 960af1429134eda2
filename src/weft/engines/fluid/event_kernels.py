"""What happens to a fluid network: transfers begin, end and are withdrawn, capacities change."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft._jit import kernel
from weft.engines.fluid.fill_kernels import CAPPED, UNLIMITED, Floats, Integers
from weft.engines.fluid.share_kernels import solve
from weft.engines.fluid.state_kernels import (
    CLASS,
    DIRTY,
    ENDING,
    ENTRIES,
    FRESH,
    MIXED,
    NOW,
    SLOTS_FREE,
    STREAMING,
    UNSOLVED,
    Network,
    account,
    chain,
    drop_end,
    set_end,
    soil,
    unchain,
)

TOGETHER = 1e-12  # ends this close, relative to the time, are one


@kernel
def begin(
    net: Network,
    token: int,
    resource: Integers,
    usage: Floats,
    size_bytes: float,
    weight: float,
    cap: float,
    level: int,
) -> int:
    """Start a transfer now; returns its slot. There is a free slot, and room for its entries."""
    now = net.clock[NOW]
    net.tally[SLOTS_FREE] -= 1
    slot: int = net.slots[net.tally[SLOTS_FREE]]["free"]
    transfer = net.slots[slot]
    transfer["token"], transfer["level"], transfer["weight"], transfer["cap"] = token, level, weight, cap
    transfer["rate"], transfer["left"], transfer["since"] = 0.0, size_bytes, now
    transfer["place"], transfer["member"] = -1, 0
    _enlist(net, slot, resource, usage)
    return slot


@kernel
def _enlist(net: Network, slot: int, resource: Integers, usage: Floats) -> None:
    """Let a transfer at rest use resources from now on."""
    transfer, now = net.slots[slot], net.clock[NOW]
    transfer["end"], transfer["limit"], transfer["limited_since"] = np.inf, UNSOLVED, now
    transfer["first"], transfer["entries"] = net.tally[ENTRIES], 0
    if transfer["left"] <= 0.0:
        set_end(net, slot, now)
    elif len(resource) == 0:
        transfer["limit"] = CAPPED if transfer["cap"] < np.inf else UNLIMITED
        transfer["rate"] = transfer["cap"]
        if transfer["cap"] > 0.0:
            set_end(net, slot, now + transfer["left"] / transfer["cap"])
    else:
        for i in range(len(resource)):
            entry = net.pool[net.tally[ENTRIES] + i]
            entry["resource"], entry["usage"] = resource[i], usage[i]
        transfer["entries"] = len(resource)
        net.tally[ENTRIES] += len(resource)
        if net.tally[STREAMING] == 0:
            net.tally[CLASS], net.tally[MIXED] = transfer["level"], 0
        elif transfer["level"] != net.tally[CLASS]:
            net.tally[MIXED] = 1
        net.tally[STREAMING] += 1
        chain(net, slot)
        net.slots[net.tally[FRESH]]["fresh"] = slot
        net.tally[FRESH] += 1


@kernel
def reroute(net: Network, slot: int, resource: Integers, usage: Floats) -> None:
    """Let what is left of a transfer use other resources from now on. There is room for its entries."""
    transfer, now = net.slots[slot], net.clock[NOW]
    _take_off(net, slot)
    if now > transfer["since"]:
        transfer["left"] = max(0.0, transfer["left"] - transfer["rate"] * (now - transfer["since"]))
    transfer["rate"], transfer["since"] = 0.0, now
    _enlist(net, slot, resource, usage)


@kernel
def _take_off(net: Network, slot: int) -> None:
    """Take a transfer off its resources and out of the heap of ends; a fresh one gets its rate first."""
    if net.slots[slot]["entries"] > 0:
        if net.slots[slot]["limit"] == UNSOLVED:
            solve(net)
        unchain(net, slot)
        net.tally[STREAMING] -= 1
    drop_end(net, slot)


@kernel
def begin_all(
    net: Network,
    tokens: Integers,
    indptr: Integers,
    resource: Integers,
    usage: Floats,
    size_bytes: Floats,
    weight: Floats,
    cap: Floats,
    level: Integers,
    slots: Integers,
) -> None:
    """Start many transfers now; their slots go to ``slots``."""
    for i in range(len(tokens)):
        span = slice(indptr[i], indptr[i + 1])
        slots[i] = begin(net, tokens[i], resource[span], usage[span], size_bytes[i], weight[i], cap[i], level[i])


@kernel
def next_end(net: Network) -> float:
    """When the next transfer ends, with all changes up to now taken in; infinity when none does."""
    if net.tally[FRESH] + net.tally[DIRTY] > 0:
        solve(net)
    return net.slots[net.slots[0]["ending"]]["end"] if net.tally[ENDING] > 0 else np.inf


@kernel
def end_next(net: Network, slots: Integers) -> int:
    """Go to the next end and take out all that end then: how many, their slots in ``slots``. All must be solved."""
    now = net.slots[net.slots[0]["ending"]]["end"]
    net.clock[NOW] = now
    count = 0
    while net.tally[ENDING] > 0:
        slot = net.slots[0]["ending"]
        if net.slots[slot]["end"] > now + TOGETHER * now:
            break
        slots[count] = slot
        count += 1
        withdraw(net, slot)
    return count


@kernel
def withdraw(net: Network, slot: int) -> None:
    """Take a transfer out now; its slot may be read until the next one begins."""
    _take_off(net, slot)
    net.slots[net.tally[SLOTS_FREE]]["free"] = slot
    net.tally[SLOTS_FREE] += 1


@kernel
def longest_limit(net: Network, slot: int) -> tuple[int, float]:
    """The resource that has limited a transfer longest, and for how many seconds; (-1, 0) where none has."""
    resource, seconds = -1, 0.0
    first = net.slots[slot]["first"]
    for e in range(first, first + net.slots[slot]["entries"]):
        if net.pool[e]["limited_s"] > seconds:
            resource, seconds = net.pool[e]["resource"], net.pool[e]["limited_s"]
    return resource, seconds


@kernel
def set_capacity(net: Network, resources: Integers, capacity: Floats) -> None:
    """Give resources other capacities from now on."""
    for i in range(len(resources)):
        if net.rows[resources[i]]["capacity"] != capacity[i]:
            net.rows[resources[i]]["capacity"] = capacity[i]
            soil(net, resources[i])


@kernel
def settle(net: Network) -> None:
    """Bring the accounts of all resources up to now."""
    for resource in range(len(net.rows)):
        account(net, resource)


@kernel
def move_entries(net: Network, pool: npt.NDArray[Any], live: Integers) -> None:
    """Copy the entries of the slots in use to the front of another pool, chained as they were."""
    moved = np.empty(len(net.slots), np.int64)
    at = 0
    for slot in live:
        moved[slot] = at - net.slots[slot]["first"]
        at += net.slots[slot]["entries"]
    for slot in live:
        first = net.slots[slot]["first"]
        for e in range(first, first + net.slots[slot]["entries"]):
            old, new = net.pool[e], pool[e + moved[slot]]
            new["resource"], new["usage"], new["limited_s"] = old["resource"], old["usage"], old["limited_s"]
            new["owner"], new["before"], new["after"] = slot, -1, -1
            if old["after"] >= 0:
                new["after"] = old["after"] + moved[net.pool[old["after"]]["owner"]]
            if old["before"] >= 0:
                new["before"] = old["before"] + moved[net.pool[old["before"]]["owner"]]
            else:
                net.rows[old["resource"]]["head"] = e + moved[slot]
    for slot in live:
        net.slots[slot]["first"] += moved[slot]
        if net.slots[slot]["limit"] >= 0:
            net.slots[slot]["limit"] += moved[slot]
    net.tally[ENTRIES] = at


@kernel
def drain(
    net: Network,
    order: Integers,
    start_s: Floats,
    indptr: Integers,
    resource: Integers,
    usage: Floats,
    size_bytes: Floats,
    weight: Floats,
    cap: Floats,
    level: Integers,
    end_s: Floats,
) -> None:
    """Start transfers in the order and at the times given and run until none ends any more; ends go to ``end_s``."""
    slots = np.empty(len(order), np.int64)
    begun = 0
    while True:
        upcoming = start_s[order[begun]] if begun < len(order) else np.inf
        ending = next_end(net)
        if ending < upcoming:
            for i in range(end_next(net, slots)):
                end_s[net.slots[slots[i]]["token"]] = net.clock[NOW]
        elif begun == len(order):
            return
        else:
            net.clock[NOW] = upcoming
            while begun < len(order) and start_s[order[begun]] == upcoming:
                f = order[begun]
                span = slice(indptr[f], indptr[f + 1])
                begin(net, f, resource[span], usage[span], size_bytes[f], weight[f], cap[f], level[f])
                begun += 1
