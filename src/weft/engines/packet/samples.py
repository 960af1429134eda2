"""How a simulation's queues, links and flows were at regular times, in memory that does not grow with its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet import code_kernels
from weft.engines.packet.flow_rows import PS
from weft.engines.packet.simulation import Simulation
from weft.errors import ConfigError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_BYTES = 256 << 20
_CELL = 4 + 8 + 8  # bytes that a port takes at a time: queue, bytes sent, time paused
_FLOW_CELL = 8 + 8 + 8  # and a flow: window, in flight, pace


@dataclass(frozen=True)
class Sampling:
    """What to record.

    Attributes:
        every_s: time between samples, at first: where memory is full every other sample is dropped. None: a round trip
            with no queues.
        ports: how many to keep at the end, those with the deepest queues; None: all.
        flows: also each flow's window and what it has in flight.
    """

    every_s: float | None = None
    ports: int | None = 16
    flows: bool = False

    def __post_init__(self) -> None:
        if self.every_s is not None and not 1e-9 <= self.every_s <= 1e6:
            raise ConfigError(f"{self.every_s:g} s between samples; 1 ns or more", field="sample")
        if self.ports is not None and self.ports < 1:
            raise ConfigError(f"{self.ports} ports to sample; 1 or more", field="sample_ports")


@dataclass(frozen=True)
class Samples:
    """What was recorded.

    Attributes:
        every_s: time between samples.
        time_s: float64[times], the end of each interval.
        port: int64[ports], the deepest queue first.
        queued_bytes: int64[times, ports], data before the port at the end, that in service too; where samples were
            dropped, the most of them.
        utilisation: float64[times, ports], of the interval.
        paused_x: float64[times, ports], part of the interval that the port was stopped by the far end.
        cwnd_bytes, in_flight_bytes, pace_Bps: float64[times, flows], where they were asked for; NaN where a flow did
            not run, and for a window or a pace that there is none of.
    """

    every_s: float
    time_s: Floats
    port: Ints
    queued_bytes: Ints
    utilisation: Floats
    paused_x: Floats
    cwnd_bytes: Floats | None = None
    in_flight_bytes: Floats | None = None
    pace_Bps: Floats | None = None


class Sampler:
    """Records a simulation as it runs.

    Attributes:
        every_s: time between samples as it is now.
    """

    def __init__(self, simulation: Simulation, what: Sampling, most_bytes: int = _MOST_BYTES) -> None:
        self.simulation, self.what = simulation, what
        self.every_s = what.every_s or simulation.settings.rtt_s
        ports, flows = simulation.network.ports, len(simulation.flows) if what.flows else 0
        rows = most_bytes // (_CELL * ports + _FLOW_CELL * flows)
        self._rows = min(1 << 16, max(8, rows - rows % 2))
        self._time: list[float] = []
        # Pages that are never written take no memory
        self._queued = np.zeros((self._rows, ports), np.int32)
        self._sent = np.zeros((self._rows, ports), np.int64)
        self._paused = np.zeros((self._rows, ports), np.int64)
        self._flow = np.zeros((3, self._rows, flows))

    @property
    def next_s(self) -> float:
        """When the next sample is due."""
        return (len(self._time) + 1) * self.every_s

    def run(self, until_s: float) -> int:
        """Let the simulation go on until a time, and take what falls due; return why it stopped."""
        while self.next_s <= until_s:
            due_s = self.next_s
            why = self.simulation.run(due_s)
            if why != code_kernels.REACHED:
                return why
            self.take(due_s)
        return self.simulation.run(until_s)

    def pass_over(self, until_s: float) -> None:
        """Take what falls due while nothing moves."""
        while self.next_s <= until_s:
            self.take(self.next_s)

    def take(self, now_s: float) -> None:
        """Record how things are."""
        row, tables = len(self._time), self.simulation.tables
        ports, tally = tables["ports"], tables["tally"]
        self._queued[row] = ports.queued
        self._sent[row] = ports.sent_bytes
        self._paused[row] = tally.paused_ps + np.where(ports.paused > 0, round(now_s * PS) - tally.paused_since, 0)
        if self.what.flows:
            self._flow[:, row] = _of_flows(tables["senders"])
        self._time.append(now_s)
        if len(self._time) == self._rows:
            self._thin()

    def _thin(self) -> None:
        """Drop every other sample; of two queues keep the longer."""
        half = self._rows // 2
        self._queued[:half] = np.maximum(self._queued[::2], self._queued[1::2])
        for table in (self._sent, self._paused):
            table[:half] = table[1::2]
        self._flow[:, :half] = self._flow[:, 1::2]
        self._time = self._time[1::2]
        self.every_s *= 2

    def finish(self, end_s: float) -> Samples:
        """Record the end, and return what was recorded."""
        if not self._time or end_s > self._time[-1]:
            self.take(end_s)
        count, network = len(self._time), self.simulation.network
        sent = self._sent[:count]
        deepest = np.lexsort((-sent[-1] / network.rate_Bps, -self._queued[:count].max(axis=0)))
        kept = deepest if self.what.ports is None else deepest[: self.what.ports]
        time_s = np.array(self._time)
        length_s = np.diff(time_s, prepend=0.0)[:, None]
        can = length_s * network.rate_Bps[kept]
        moved = _within(np.diff(sent[:, kept], axis=0, prepend=0).astype(np.float64), can)
        paused = np.diff(self._paused[:count, kept], axis=0, prepend=0) / PS
        with np.errstate(invalid="ignore", divide="ignore"):
            utilisation, paused_x = np.nan_to_num(moved / can), np.nan_to_num(paused / length_s)
        window, in_flight, pace = self._flow[:, :count] if self.what.flows else (None, None, None)
        return Samples(
            every_s=self.every_s,
            time_s=time_s,
            port=kept.astype(np.int64),
            queued_bytes=self._queued[:count, kept].astype(np.int64),
            utilisation=utilisation,
            paused_x=np.clip(paused_x, 0.0, 1.0),
            cwnd_bytes=window,
            in_flight_bytes=in_flight,
            pace_Bps=pace,
        )


def _of_flows(senders: Any) -> Floats:
    """float64[3, flows]: window, in flight and pace of those that run."""
    runs = senders.state == code_kernels.RUNNING
    window = np.where(runs & (senders.cwnd < 1e17), senders.cwnd, np.nan)
    pace = np.full(len(runs), np.nan)
    paced = runs & (senders.ps_per_byte > 0)
    pace[paced] = PS / senders.ps_per_byte[paced]
    return np.stack([window, np.where(runs, senders.in_flight, np.nan), pace])


def _within(moved: Floats, can: Floats) -> Floats:
    """Count bytes for when they were sent.

    Ports count packets as they end; what is more than an interval can carry was sent in the one before.
    """
    for row in range(len(moved) - 1, 0, -1):
        excess = np.maximum(moved[row] - can[row], 0.0)
        moved[row] -= excess
        moved[row - 1] += excess
    if len(moved):
        moved[0] = np.minimum(moved[0], can[0])
    return moved
