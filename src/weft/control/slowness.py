"""When a link counts as slow: what its port's counters prove, and nothing that a full but healthy link could show.

A port has sent so many bytes, and so many wait. If fewer bytes leave until the next look than waited at this one, the
port was never idle in between, whoever sends and in whatever bursts; a port that is never idle carries its rate, but
for the packet under way. That bounds a healthy port from below: one that stays under the bound is slow, and its rate is
measured. From above any port is bounded by its rate and the burst that it lets through at once: one that exceeds what
is believed of it has recovered. Where nothing is sent over a slow link nothing would be proven, so it is probed.

Knows neither sockets nor clocks: whoever looks says what was there, and when. A look that comes late proves nothing, as
the machine that was late with it may have been late with packets too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Port = TypeVar("Port", bound=Hashable)

_PACKETS = 4  # fewer tell little of a rate


@dataclass(frozen=True, slots=True)
class Meter:
    """How slow is told from whole.

    Attributes:
        below: a port is slow that carries less than this share of its rate without being idle.
        faster: a port has recovered that carries so many times what is believed of it.
        busy_s: so long it must have been proven not idle, and longer where few packets left in that; what was seen
            before is forgotten.
        window_s: how long what was seen counts at most; ten times so long of a slow port, over which little is sent.
        late_s: a look that comes longer after the one before proves nothing.
        packet_bytes: the largest packet as queues count it: 64 KiB that the kernel cuts late, with all parts' headers.
        burst_bytes: that a port lets through at once, above its rate.
        queue_bytes: that a port lets wait; probes take up at most half.
        probe_s: from one probe of a slow port to the next.
        doubted_share: when more than this share of ports look slow at once, it is the machine, and none is believed.
    """

    below: float = 0.75
    faster: float = 1.15
    busy_s: float = 0.15
    window_s: float = 2.0
    late_s: float = 0.1
    packet_bytes: int = 70_000
    burst_bytes: int = 128 * 1024
    queue_bytes: int = 512 * 1024
    probe_s: float = 2.0
    doubted_share: float = 0.5


@dataclass(slots=True)
class _Run:
    """A time without idleness: proven in ``busy_s``, and to the middle of the look that ended it for the estimate."""

    end_s: float
    busy_s: float = 0.0
    sent_bytes: float = 0.0
    tail_s: float = 0.0
    tail_bytes: float = 0.0


@dataclass(slots=True)
class _Port:
    rate_Bps: float
    time_s: float = float("-inf")
    sent_bytes: int = 0
    waiting_bytes: int = 0
    run: _Run | None = None
    runs: deque[_Run] = field(default_factory=deque)
    share: float = 1.0  # believed
    suspect: bool = False  # of being slower than that
    credit_bytes: float = 0.0  # sent above what is believed, as a bucket that leaks
    probe_at_s: float = float("inf")


class Slowness(Generic[Port]):
    """What is left of the rate of ports, each named as its user likes, as their counters prove it."""

    def __init__(self, rates_Bps: Mapping[Port, float], meter: Meter | None = None) -> None:
        """Begin with all ports whole.

        Args:
            rates_Bps: by port, what it carries when whole.
            meter: how slow is told from whole.
        """
        self.meter = meter or Meter()
        self.doubts = 0  # how often so many looked slow that none was believed
        self._ports = {port: _Port(rate) for port, rate in rates_Bps.items()}
        self._looked: set[Port] = set()

    @property
    def slow(self) -> dict[Port, float]:
        """Ports that are slow now, with what is left of their rate."""
        return {port: it.share for port, it in self._ports.items() if it.share < 1}

    def look(self, port: Port, time_s: float, sent_bytes: int, waiting_bytes: int) -> None:
        """Take in what a port's counters say at a time: bytes sent since whenever, and bytes that wait."""
        it, meter = self._ports[port], self.meter
        self._looked.add(port)
        gap_s, sent, waited = time_s - it.time_s, sent_bytes - it.sent_bytes, it.waiting_bytes
        it.time_s, it.sent_bytes, it.waiting_bytes = time_s, sent_bytes, waiting_bytes
        if gap_s > meter.late_s or sent < 0:  # late, or the counters began anew
            it.run, it.credit_bytes = None, 0.0
            return
        if it.share < 1:
            leaked = meter.faster * it.share * it.rate_Bps * gap_s
            it.credit_bytes = max(0.0, it.credit_bytes + sent - leaked)
        if sent < waited:
            if it.run is None or it.run.busy_s >= meter.busy_s / 2:  # long ones in parts, so that old ones can go
                it.run = _Run(time_s)
                it.runs.append(it.run)
            it.run.end_s, it.run.busy_s, it.run.sent_bytes = time_s, it.run.busy_s + gap_s, it.run.sent_bytes + sent
        elif it.run is not None:  # what waited left somewhere in this gap
            it.run.tail_s, it.run.tail_bytes = gap_s / 2, waited
            it.run = None
        self._age(it)

    def changed(self, now_s: float) -> dict[Port, float]:
        """Return the ports whose share of their rate is another now: 1 of those that have recovered.

        To be called after some or all ports were looked at.
        """
        found = {}
        for port in self._looked:
            share = self._share(self._ports[port])
            if share is not None:
                found[port] = share
        self._looked.clear()
        slower = [port for port, share in found.items() if share < 1 and self._ports[port].share == 1]
        if len(slower) + len(self.slow) > max(2.0, self.meter.doubted_share * len(self._ports)):
            self.doubts += 1
            for port in slower:
                found.pop(port)
                self._forget(self._ports[port])
        for port, share in found.items():
            it = self._ports[port]
            it.share = share
            self._forget(it)
            it.probe_at_s = now_s + self.meter.probe_s if share < 1 else float("inf")
        return found

    def probes(self, now_s: float) -> dict[Port, int]:
        """Return the slow ports to be sent something now, to see whether they recovered, and how many bytes."""
        found = {}
        for port, it in self._ports.items():
            if it.share < 1 and now_s >= it.probe_at_s and not it.waiting_bytes:
                it.probe_at_s = now_s + self.meter.probe_s
                found[port] = self._probe_bytes(it)
        return found

    def _share(self, it: _Port) -> float | None:
        """Return what is now known to be left of a port's rate, None where that is what is believed already."""
        meter = self.meter
        if it.share < 1 and it.credit_bytes > meter.burst_bytes + meter.packet_bytes:
            return 1.0
        busy_s = sum(run.busy_s for run in it.runs)
        if busy_s < (meter.busy_s if it.share == 1 else meter.busy_s / 4):
            return None
        most_Bps = sum(run.sent_bytes + meter.packet_bytes for run in it.runs) / busy_s
        sent_bytes = sum(run.sent_bytes + run.tail_bytes for run in it.runs)
        share = max(sent_bytes / (busy_s + sum(run.tail_s for run in it.runs)) / it.rate_Bps, 1e-3)
        if it.share == 1:
            slow = most_Bps < meter.below * it.rate_Bps
            if slow and it.suspect and self._enough(busy_s, sent_bytes):
                return share
            if slow != it.suspect:  # part of what was seen may be from before: it is measured from here on
                self._forget(it)
                it.suspect = slow
            return None
        if share >= meter.below:
            return 1.0
        # Believed until it is clearly another, over as much as was needed to find it slow
        return share if self._enough(busy_s, sent_bytes) and not 0.6 < share / it.share < 1.67 else None

    def _enough(self, busy_s: float, sent_bytes: float) -> bool:
        """Return whether that measures a rate: some packets, or a time in which they should have come."""
        least_s = self.meter.busy_s
        return busy_s >= least_s and (sent_bytes >= _PACKETS * self.meter.packet_bytes or busy_s >= _PACKETS * least_s)

    def _age(self, it: _Port) -> None:
        """Forget runs that were too long ago, and those that more than enough has been seen since."""
        window_s = self.meter.window_s * (1 if it.share == 1 else 10)
        busy_s, sent_bytes = sum(run.busy_s for run in it.runs), sum(run.sent_bytes for run in it.runs)
        while it.runs:
            oldest = it.runs[0]
            busy_s, sent_bytes = busy_s - oldest.busy_s, sent_bytes - oldest.sent_bytes
            if it.time_s - oldest.end_s <= window_s and not self._enough(busy_s, sent_bytes):
                return
            it.runs.popleft()

    def _forget(self, it: _Port) -> None:
        it.runs.clear()
        it.suspect = False
        it.run, it.credit_bytes = None, 0.0

    def _probe_bytes(self, it: _Port) -> int:
        """Return how much shows that a port is whole, where it can be shown at once: more than its belief lets pass.

        A whole port lets a burst through and sends the rest at its rate; what leaks meanwhile, and in a look, is lost.
        """
        meter = self.meter
        leak = min(meter.faster * it.share, 0.9)
        rest = 1.25 * (meter.packet_bytes + leak * it.rate_Bps * 0.01) / (1 - leak)
        return int(meter.burst_bytes + min(rest, meter.queue_bytes / 2))
