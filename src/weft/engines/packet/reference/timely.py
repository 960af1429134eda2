"""TIMELY: R. Mittal et al., TIMELY: RTT-based Congestion Control for the Datacenter, SIGCOMM 2015, algorithm 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control, moved
from weft.engines.packet.reference.model import PS
from weft.engines.packet.reference.packet import Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender

# Sections 4.3 and 6.1, for ports of 10 Gb/s and a least round trip of 20 us
_ALPHA, _BETA = 0.875, 0.8
_LEAST_us, _LOW_us, _HIGH_us = 20, 50, 500
_DELTA_Mbps = 10
_CALM = 5  # answers without growing delay, after which growth is hyperactive
_HYPERACTIVE = 5  # times delta


class Timely(Control):
    """A rate by round trips and their gradient, from line rate down."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender)
        settings = sender.model.settings
        self._least_ps = settings.rtt_s * PS
        self._low_ps, self._high_ps = (self._least_ps * us / _LEAST_us for us in (_LOW_us, _HIGH_us))
        self._delta = _DELTA_Mbps * (1e6 / 8 / PS) * settings.rate_Bps / 1.25e9  # bytes/ps
        self._rtt_ps: int | None = None
        self._difference_ps = 0.0
        self._calm = 0
        self._pace_at(self.line)

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """Learn from a round trip, if there is one."""
        if rtt_ps is None:
            return
        if self._rtt_ps is not None:
            self._difference_ps = moved(self._difference_ps, rtt_ps - self._rtt_ps, _ALPHA)
        self._rtt_ps = rtt_ps
        gradient = self._difference_ps / self._least_ps
        between = self._low_ps <= rtt_ps <= self._high_ps
        self._calm = self._calm + 1 if between and gradient <= 0 else 0
        if rtt_ps < self._low_ps:
            self._pace_at(self._rate + self._delta)
        elif rtt_ps > self._high_ps:
            self._pace_at(self._rate * (1.0 - _BETA * (1.0 - self._high_ps / rtt_ps)))
        elif gradient <= 0:
            self._pace_at(self._rate + self._delta * (_HYPERACTIVE if self._calm >= _CALM else 1))
        else:
            self._pace_at(self._rate * (1.0 - _BETA * gradient))

    def _pace_at(self, rate: float) -> None:
        self._rate = min(max(rate, self._delta), self.line)
        self.sender.ps_per_byte = 1.0 / self._rate
