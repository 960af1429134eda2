"""Transfers in time on shared resources: each streams at its weighted max-min fair rate until its bytes are through.

Knows no fabric: a resource is a row with a capacity, a transfer a sparse row of usages (at rate r it puts usage x r on
a resource). Rates change only when a transfer begins or ends or a capacity changes; then only those are worked out anew
that the change reaches (`weft.engines.fluid.share_kernels`), once for all changes of an instant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from weft.errors import InternalError

if TYPE_CHECKING:
    from weft.engines.fluid.state_kernels import Network


@dataclass(frozen=True)
class Timeline:
    """What groups of resources carried over time, in equal bins from 0 on.

    Attributes:
        bin_s: seconds of a bin.
        carried_bytes: float64[groups, bins].
    """

    bin_s: float
    carried_bytes: npt.NDArray[np.float64]


class FluidNetwork:
    """Transfers in flight; times never go back, and ends are taken (`pop`) before a later time is named.

    Args:
        capacity_Bps: float64[resources], finite; 0 is a resource that is down.
        account: keep what resources carried and what limited whom; a few per cent of speed.
        group: int[resources], the row of the timeline each resource counts in, -1 for none; needs ``account``.

    Raises:
        InternalError: of every method, on a time in the past or beyond an end not taken, and on unknown tokens.
    """

    def __init__(
        self, capacity_Bps: npt.ArrayLike, *, account: bool = False, group: npt.ArrayLike | None = None
    ) -> None:
        from weft.engines.fluid import event_kernels, state_kernels, storage  # numba, which is slow to import

        self._do, self._rows, self._storage = event_kernels, state_kernels, storage
        capacity = np.asarray(capacity_Bps, np.float64)
        if not np.all((capacity >= 0) & (capacity < np.inf)):
            raise InternalError("capacities of resources are finite and not below 0")
        self._net = storage.empty(capacity, group)
        self._net.tally[state_kernels.ACCOUNTED] = account
        self._slot: dict[int, int] = {}
        self._ended: list[int] = []  # tokens of this instant yet to be taken, last first
        self._now = 0.0
        self._next: float | None = math.inf  # the next end; None while it has to be worked out
        self._ends = np.empty(len(self._net.slots), np.int64)
        # With `account`, of every transfer that has ended: the resource that limited it longest and its seconds, or -1
        self.limited_by: dict[int, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._slot)

    @property
    def now_s(self) -> float:
        """The time of the latest change."""
        return self._now

    def start(
        self,
        token: int,
        resource: npt.ArrayLike,
        usage: npt.ArrayLike,
        size_bytes: float,
        now_s: float,
        *,
        weight: float = 1.0,
        cap_Bps: float = math.inf,
        level: int = 0,
    ) -> None:
        """Put a transfer in flight.

        Args:
            token: names it; none in flight may have it.
            resource, usage: int[entries], float[entries], above 0.
            size_bytes: what is to go; 0 ends at once.
            now_s: the time.
            weight: of its share, above 0.
            cap_Bps: its rate at most.
            level: traffic class; a lower one goes first, whatever that leaves to others.
        """
        self._reach(now_s)
        if token in self._slot or token in self._ended:
            raise InternalError(f"transfer {token} is in flight already")
        entries, uses = self._storage.wholes(resource), self._storage.reals(usage)
        self._make_room(1, len(entries))
        self._slot[token] = self._do.begin(
            self._net, token, entries, uses, float(size_bytes), float(weight), float(cap_Bps), level
        )
        self._next = None

    def start_many(
        self,
        tokens: Sequence[int] | npt.NDArray[np.int64],
        indptr: npt.ArrayLike,
        resource: npt.ArrayLike,
        usage: npt.ArrayLike,
        size_bytes: npt.ArrayLike,
        now_s: float,
        *,
        weight: npt.ArrayLike = 1.0,
        cap_Bps: npt.ArrayLike = math.inf,
        level: npt.ArrayLike = 0,
    ) -> None:
        """Put many transfers in flight: `start` with arrays, one entry a token; entries as in CSR."""
        self._reach(now_s)
        named = np.asarray(tokens, np.int64)
        count = len(named)
        slots = np.empty(count, np.int64)
        numbers: list[int] = named.tolist()
        if len(set(numbers)) < count or not {*self._slot, *self._ended}.isdisjoint(numbers):
            raise InternalError("a transfer is in flight already")
        reals, wholes = self._storage.reals, self._storage.wholes
        entries = wholes(resource)
        self._make_room(count, len(entries))
        self._do.begin_all(
            self._net,
            wholes(named),
            wholes(indptr),
            entries,
            reals(usage),
            reals(size_bytes, count),
            reals(weight, count),
            reals(cap_Bps, count),
            wholes(level, count),
            slots,
        )
        self._slot.update(zip(numbers, slots.tolist(), strict=True))
        self._next = None

    def peek(self) -> float:
        """When the next transfer ends if nothing else happens; infinity where none does."""
        if self._ended:
            return self._now
        return self._solve()

    def pop(self) -> tuple[float, int]:
        """Take the next end: (seconds, token). Those of one instant come in the order of their tokens."""
        if not self._ended:
            if math.isinf(self.peek()):
                raise InternalError("no transfer ends")
            count = self._do.end_next(self._net, self._ends)
            self._now, self._next = float(self._net.clock[self._rows.NOW]), None
            for slot in self._ends[:count].tolist():
                token = int(self._net.slots[slot]["token"])
                del self._slot[token]
                self._ended.append(token)
                self._note_limit(token, slot)
            self._ended.sort(reverse=True)
        return self._now, self._ended.pop()

    def cancel(self, token: int, now_s: float) -> None:
        """Take a transfer out of flight; it never ends, even where it was about to at this instant."""
        self._reach(now_s)
        if token in self._ended:
            self._ended.remove(token)
            return
        slot = self._at(token)
        self._do.withdraw(self._net, slot)
        del self._slot[token]
        self._note_limit(token, slot)
        self._next = None

    def reroute(self, token: int, resource: npt.ArrayLike, usage: npt.ArrayLike, now_s: float) -> None:
        """Send what is left of a transfer, if anything, another way; what limited it is counted from here."""
        self._reach(now_s)
        if token in self._ended:
            return
        entries, uses = self._storage.wholes(resource), self._storage.reals(usage)
        self._make_room(0, len(entries))
        self._do.reroute(self._net, self._at(token), entries, uses)
        self._next = None

    def set_capacity(self, resources: npt.ArrayLike, capacity_Bps: npt.ArrayLike, now_s: float) -> None:
        """Give resources other capacities from now on; transfers on one with 0 stall until it comes back."""
        self._reach(now_s)
        rows = self._storage.wholes(np.atleast_1d(np.asarray(resources, np.int64)))
        self._do.set_capacity(self._net, rows, self._storage.reals(capacity_Bps, len(rows)))
        self._next = None

    def remaining(self, token: int, now_s: float | None = None) -> float:
        """Bytes that a transfer has yet to send at a time, by default that of the latest change."""
        if now_s is not None:
            self._reach(now_s)
        if token in self._ended:
            return 0.0
        # What changes now has no part in what is gone by now, so rates need not be worked out for it
        transfer = self._net.slots[self._at(token)]
        past_s = self._now - float(transfer["since"])
        return max(0.0, float(transfer["left"]) - (float(transfer["rate"]) * past_s if past_s > 0 else 0.0))

    def rate(self, token: int) -> float:
        """B/s of a transfer now."""
        self._solve()
        return float(self._net.slots[self._at(token)]["rate"])

    def rates(self, tokens: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """B/s of transfers now."""
        self._solve()
        named: list[int] = np.asarray(tokens).tolist()
        return self._net.slots["rate"][[self._at(token) for token in named]]

    @property
    def stalled(self) -> list[int]:
        """Tokens of transfers that do not move, in order."""
        self._solve()
        slots = self._net.slots
        return sorted(token for token, slot in self._slot.items() if slots[slot]["rate"] == 0 < slots[slot]["left"])

    @property
    def load_Bps(self) -> npt.NDArray[np.float64]:
        """float64[resources], what each carries now."""
        self._solve()
        return self._net.rows["load"].copy()

    @property
    def carried_bytes(self) -> npt.NDArray[np.float64]:
        """float64[resources], what each has carried so far; with ``account``."""
        return self._settled().rows["carried"].copy()

    @property
    def busy_s(self) -> npt.NDArray[np.float64]:
        """float64[resources], for how long each has carried anything; with ``account``."""
        return self._settled().rows["busy_s"].copy()

    @property
    def limiting_s(self) -> npt.NDArray[np.float64]:
        """float64[resources], for how long each has been some transfer's bottleneck; with ``account``."""
        return self._settled().rows["limiting_s"].copy()

    @property
    def timeline(self) -> Timeline:
        """What the groups carried over time; with ``account`` and ``group``."""
        net = self._settled()
        return Timeline(float(net.clock[self._rows.BIN]), net.bins.copy())

    def _solve(self) -> float:
        """See that all rates are right; when the next transfer ends."""
        if self._next is None:
            self._next = float(self._do.next_end(self._net))
        return self._next

    def _at(self, token: int) -> int:
        if token not in self._slot:
            raise InternalError(f"no transfer {token} is in flight")
        return self._slot[token]

    def _reach(self, now_s: float) -> None:
        """Go to a time; changes of an earlier instant are taken in first."""
        if now_s == self._now:
            return
        if now_s < self._now:
            raise InternalError(f"the network is at {self._now} s and cannot go back to {now_s} s")
        if now_s > self.peek():
            raise InternalError(f"a transfer ends at {self.peek()} s and has to be taken before {now_s} s")
        self._now = self._net.clock[self._rows.NOW] = now_s

    def _make_room(self, slots: int, entries: int) -> None:
        """See that so many more transfers and entries fit; memory stays within twice what was ever in flight."""
        net, rows = self._net, self._rows
        if net.tally[rows.SLOTS_FREE] < slots:
            self._net = net = self._storage.with_slots(net, max(slots, len(net.slots)))
            self._ends = np.empty(len(net.slots), np.int64)
        if net.tally[rows.ENTRIES] + entries > len(net.pool):
            live = self._live()
            needed = int(net.slots["entries"][live].sum()) + entries
            self._net = self._storage.with_pool(net, max(2 * needed, len(net.pool)))
            self._do.move_entries(net, self._net.pool, live)

    def _live(self) -> npt.NDArray[np.int64]:
        return np.fromiter(self._slot.values(), np.int64, len(self._slot))

    def _note_limit(self, token: int, slot: int) -> None:
        if self._net.tally[self._rows.ACCOUNTED]:
            resource, seconds = self._do.longest_limit(self._net, slot)
            self.limited_by[token] = int(resource), float(seconds)

    def _settled(self) -> Network:
        self._solve()
        self._do.settle(self._net)
        return self._net
