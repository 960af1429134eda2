"""The fluid engine: communications as macro-transfers on the real paths, sharing links by weighted max-min fairness.

A communication waits for its latency (and for its pipeline to fill), then its stages follow one another; the transfers
of a stage run side by side, each at the rate the network leaves it, and the stage ends with the last of them.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.engines.fluid.carriage import Carriage, Carried
from weft.engines.fluid.network import FluidNetwork
from weft.workload.program import Communication


@dataclass(slots=True)
class _Flight:
    """A communication on its way: the stage it is in, and how many of the stage's transfers have not ended."""

    carried: Carried
    stage: int = -1
    pending: int = 0


class FluidEngine:
    """Times communications on a fabric, with everything else that is in flight there.

    Attributes:
        carriage: what each communication puts on the network.
        network: the transfers in flight.
    """

    name = "fluid"
    contends = True

    def __init__(self, carriage: Carriage, *, watch: NDArray[np.int64] | None = None) -> None:
        """Begin on an idle network.

        Args:
            carriage: what moves, and over what.
            watch: int64[resource classes], rows of the network's timeline, to keep what links carry and what limits.
        """
        self.carriage, self.watch = carriage, watch
        self._alone: dict[Communication, float] = {}
        self.reset()

    def reset(self) -> None:
        """Begin again, at time 0 on an idle network."""
        capacity_Bps = self.carriage.states[0].capacity_Bps
        self.network = FluidNetwork(capacity_Bps, account=self.watch is not None, group=self.watch)
        self._state = 0
        self._flights: dict[int, _Flight] = {}
        self._waiting: list[tuple[float, int]] = []
        self._communication_of: dict[int, int] = {}
        self._transfer_of: dict[int, int] = {}
        self._next = 0
        self._others = list(self.carriage.background)

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        """Put a communication in flight."""
        carried = self.carriage.of(communication)
        self._flights[token] = _Flight(carried)
        heapq.heappush(self._waiting, (now_s + carried.delay_s, token))

    def peek(self, limit_s: float = math.inf) -> float:
        """When something next begins, ends or changes."""
        return min(self._change_s, self.network.peek(), self._begin_s, self._other_s)

    def pop(self) -> tuple[float, int]:
        """Take the next step; (its time, the communication that has ended or -1)."""
        now = self.peek()
        if now == self._change_s:
            return now, self._change_state(now)
        if now == self.network.peek():
            return now, self._end_transfer(now)
        return now, self._begin(now) if now == self._begin_s else self._background(now)

    @property
    def _change_s(self) -> float:
        """When the network's state next changes."""
        later = self._state + 1
        return self.carriage.states[later].start_s if later < len(self.carriage.states) else math.inf

    @property
    def _begin_s(self) -> float:
        """When the next communication has waited for its latency."""
        return self._waiting[0][0] if self._waiting else math.inf

    @property
    def _other_s(self) -> float:
        """When traffic of others next begins or ends."""
        return self._others[0].at_s if self._others else math.inf

    def alone_s(self, communication: Communication) -> float:
        """Seconds of a communication with nothing else in flight, on the network as it is at first."""
        if communication not in self._alone:
            run = FluidEngine(self.carriage.at_rest())
            run.start(0, communication, 0.0)
            ended, now = -1, 0.0
            while ended < 0 and not math.isinf(run.peek()):
                now, ended = run.pop()
            self._alone[communication] = now if ended == 0 else math.inf
        return self._alone[communication]

    def bound(self, communication: Communication) -> str:
        """The link class that limits a communication with nothing else in flight."""
        return self.carriage.bound(communication)

    def stuck(self) -> str:
        """Name the communications that no live path serves any more."""
        if not self._flights:
            return ""
        return self.carriage.unreachable([flight.carried for flight in self._flights.values()])

    def _change_state(self, now_s: float) -> int:
        before, after = self.carriage.states[self._state : self._state + 2]
        self._state += 1
        self.network.set_capacity(self.carriage.every, after.capacity_Bps, now_s)
        if after.routed != before.routed:
            for flow, transfer in self._transfer_of.items():
                self.network.reroute(flow, *self.carriage.entries(after.routed, transfer), now_s)
        return -1

    def _end_transfer(self, now_s: float) -> int:
        _, flow = self.network.pop()
        del self._transfer_of[flow]
        token = self._communication_of.pop(flow)
        flight = self._flights[token]
        flight.pending -= 1
        return -1 if flight.pending else self._advance(token, flight, now_s)

    def _begin(self, now_s: float) -> int:
        _, token = heapq.heappop(self._waiting)
        return self._advance(token, self._flights[token], now_s)

    def _advance(self, token: int, flight: _Flight, now_s: float) -> int:
        """Start the next stage that moves anything; the token where there is none."""
        carried = flight.carried
        for stage in range(flight.stage + 1, len(carried.stages)):
            for transfer in carried.stages[stage]:
                flow = self._next
                self._next += 1
                self._communication_of[flow] = token
                self._start(flow, transfer, carried.size_bytes, carried.cap_Bps[stage], now_s)
                flight.pending += 1
            if flight.pending:
                flight.stage = stage
                return -1
        del self._flights[token]
        return token

    def _start(self, flow: int, transfer: int, size: float, cap_Bps: float, now_s: float) -> None:
        """Put a class of transfers on the network, by the routing that holds now."""
        self._transfer_of[flow] = transfer
        resource, usage = self.carriage.entries(self.carriage.states[self._state].routed, transfer)
        weight, level = self.carriage.priority(transfer)
        self.network.start(flow, resource, usage, size, now_s, weight=weight, cap_Bps=cap_Bps, level=level)

    def _background(self, now_s: float) -> int:
        """Traffic of others begins or ends."""
        event = self._others.pop(0)
        for transfer in event.transfers:
            flow = -1 - transfer
            if event.begins:
                self._start(flow, transfer, math.inf, event.cap_Bps, now_s)
            else:
                del self._transfer_of[flow]
                self.network.cancel(flow, now_s)
        return -1
