"""What a fluid network remembers between events: tables of records, and the small moves on them.

A slot is a place for a transfer; its entries lie in the pool at ``first`` and after. The entries of one resource are
chained both ways (``head``, ``after``, ``before``), so that a transfer comes and goes in O(its entries). Transfers that
move are in a binary heap by when they end.

The layout is defined here, and not beside the class that fills it, because compiled code depends on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from weft._jit import kernel

# Rows of Network.tally
SLOTS_FREE, ENTRIES, STREAMING, ENDING, FRESH, DIRTY, MEMBERS, TOUCHED = range(8)  # how long the lists are
CLASS, MIXED, ACCOUNTED, TALLIES = range(
    8, 12
)  # traffic class of all, or 1 where there are several; 1 where accounts are kept
NOW, BIN, CLOCKS = range(3)  # rows of Network.clock: seconds, and how wide a bin of the timeline is
UNSOLVED = -3  # what limits a transfer that has not had a rate yet; see also CAPPED and UNLIMITED

SLOT = np.dtype(
    [
        ("token", np.int64),
        ("level", np.int64),
        ("weight", np.float64),
        ("cap", np.float64),
        ("rate", np.float64),
        ("left", np.float64),  # bytes, at `since`
        ("since", np.float64),
        ("end", np.float64),  # infinity while stalled
        ("first", np.int64),
        ("entries", np.int64),
        ("limit", np.int64),  # the entry whose resource limits, or UNSOLVED, CAPPED, UNLIMITED
        ("limited_since", np.float64),
        ("place", np.int64),  # in the list of ends, or -1
        ("member", np.int64),  # 1 in the list of members
        # Four lists of slots, each in the first so many records
        ("free", np.int64),
        ("fresh", np.int64),  # begun and not yet solved
        ("ending", np.int64),  # a binary heap by `end`
        ("members", np.int64),  # being solved
    ],
    align=True,
)
ENTRY = np.dtype(
    [
        ("resource", np.int64),
        ("usage", np.float64),
        ("owner", np.int64),
        ("after", np.int64),
        ("before", np.int64),
        ("limited_s", np.float64),
    ],
    align=True,
)
ROW = np.dtype(
    [
        ("capacity", np.float64),
        ("load", np.float64),
        ("fixed", np.float64),  # load of those not being solved
        ("water", np.float64),  # rate / weight of those it limits
        ("head", np.int64),
        ("users", np.int64),  # entries
        ("inside", np.int64),  # entries of those being solved
        ("limited", np.int64),  # how many transfers it limits
        ("changes", np.int64),  # of `load`, since it was added up afresh
        ("local", np.int64),  # in the list of those touched, or -1
        ("dirty", np.int64),
        # Up to when the next three are right
        ("settled", np.float64),
        ("carried", np.float64),
        ("busy_s", np.float64),
        ("limiting_s", np.float64),
        ("group", np.int64),  # row of `bins`, or -1
        # Two lists of resources
        ("touched", np.int64),  # by those being solved
        ("dirties", np.int64),  # whose load or capacity has changed
    ],
    align=True,
)


class Network(NamedTuple):
    """Transfers (`SLOT`), what they use (`ENTRY`), resources (`ROW`), bytes by group and bin, time and counts."""

    slots: npt.NDArray[Any]
    pool: npt.NDArray[Any]
    rows: npt.NDArray[Any]
    bins: npt.NDArray[np.float64]
    clock: npt.NDArray[np.float64]
    tally: npt.NDArray[np.int64]


@kernel
def account(net: Network, resource: int) -> None:
    """Settle what a resource has carried; call before its load, or whom it limits, changes."""
    row = net.rows[resource]
    begin, now = row["settled"], net.clock[NOW]
    if net.tally[ACCOUNTED] == 0 or now <= begin:
        return
    row["settled"] = now
    if row["limited"] > 0:
        row["limiting_s"] += now - begin
    if row["load"] > 0.0:
        row["busy_s"] += now - begin
        row["carried"] += row["load"] * (now - begin)
        if row["group"] >= 0:
            _spread(net, row["group"], row["load"], begin, now)


@kernel
def _spread(net: Network, group: int, load: float, begin: float, now: float) -> None:
    """Add bytes to the bins they fall into; when time runs out of bins they double in width, two becoming one."""
    bins = net.bins
    size = bins.shape[1]
    if net.clock[BIN] == 0.0:
        net.clock[BIN] = 2.0 ** np.ceil(np.log2(now / size))
    while now > net.clock[BIN] * size:
        net.clock[BIN] *= 2.0
        for each in range(len(bins)):
            for i in range(size):
                bins[each, i] = bins[each, 2 * i] + bins[each, 2 * i + 1] if 2 * i < size else 0.0
    width = net.clock[BIN]
    i = min(int(begin / width), size - 1)
    while begin < now:
        until = now if i == size - 1 else min(now, (i + 1) * width)
        if until > begin:
            bins[group, i] += load * (until - begin)
            begin = until
        i += 1


@kernel
def chain(net: Network, slot: int) -> None:
    """Put the entries of a transfer in the chains of their resources."""
    first = net.slots[slot]["first"]
    for e in range(first, first + net.slots[slot]["entries"]):
        entry = net.pool[e]
        row = net.rows[entry["resource"]]
        entry["owner"] = slot
        entry["limited_s"] = 0.0
        entry["before"] = -1
        entry["after"] = row["head"]
        if row["head"] >= 0:
            net.pool[row["head"]]["before"] = e
        row["head"] = e
        row["users"] += 1


@kernel
def unchain(net: Network, slot: int) -> None:
    """Take the entries of a transfer out of the chains, and its load off its resources."""
    let_go(net, slot)
    transfer = net.slots[slot]
    for e in range(transfer["first"], transfer["first"] + transfer["entries"]):
        entry = net.pool[e]
        row = net.rows[entry["resource"]]
        account(net, entry["resource"])
        if entry["before"] >= 0:
            net.pool[entry["before"]]["after"] = entry["after"]
        else:
            row["head"] = entry["after"]
        if entry["after"] >= 0:
            net.pool[entry["after"]]["before"] = entry["before"]
        row["users"] -= 1
        row["changes"] += 1
        row["load"] = row["load"] - entry["usage"] * transfer["rate"] if row["users"] > 0 else 0.0
        # Room where nobody was short of it changes nothing, but for other classes
        if row["limited"] > 0 or net.tally[MIXED] > 0:
            soil(net, entry["resource"])


@kernel
def let_go(net: Network, slot: int) -> None:
    """The resource that limits a transfer no longer does; the seconds it did so are settled."""
    transfer = net.slots[slot]
    if transfer["limit"] >= 0:
        entry = net.pool[transfer["limit"]]
        account(net, entry["resource"])
        net.rows[entry["resource"]]["limited"] -= 1
        entry["limited_s"] += net.clock[NOW] - transfer["limited_since"]
        transfer["limit"] = UNSOLVED


@kernel
def soil(net: Network, resource: int) -> None:
    """A resource has changed: those it limits need new rates."""
    row = net.rows[resource]
    if row["dirty"] == 0:
        row["dirty"] = 1
        net.rows[net.tally[DIRTY]]["dirties"] = resource
        net.tally[DIRTY] += 1


@kernel
def set_end(net: Network, slot: int, end: float) -> None:
    """Say when a transfer ends; infinity takes it out of the heap."""
    net.slots[slot]["end"] = end
    at = net.slots[slot]["place"]
    if end == np.inf:
        if at >= 0:
            drop_end(net, slot)
        return
    if at < 0:
        at = net.tally[ENDING]
        net.tally[ENDING] += 1
    _place(net, slot, at)


@kernel
def drop_end(net: Network, slot: int) -> None:
    """Take a transfer out of the heap of ends."""
    at = net.slots[slot]["place"]
    if at < 0:
        return
    net.slots[slot]["place"] = -1
    net.tally[ENDING] -= 1
    if at < net.tally[ENDING]:
        _place(net, net.slots[net.tally[ENDING]]["ending"], at)


@kernel
def _place(net: Network, slot: int, at: int) -> None:
    """Put a slot at a place of the heap that is free, and let it rise or sink from there."""
    ends, place, ending = net.slots["end"], net.slots["place"], net.slots["ending"]
    end = ends[slot]
    while at > 0 and ends[ending[(at - 1) // 2]] > end:
        ending[at] = ending[(at - 1) // 2]
        place[ending[at]] = at
        at = (at - 1) // 2
    size = net.tally[ENDING]
    child = 2 * at + 1
    while child < size:
        if child + 1 < size and ends[ending[child + 1]] < ends[ending[child]]:
            child += 1
        if ends[ending[child]] >= end:
            break
        ending[at] = ending[child]
        place[ending[at]] = at
        at = child
        child = 2 * at + 1
    ending[at] = slot
    place[slot] = at
