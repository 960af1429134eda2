"""NSCC, the sender's congestion control of Ultra Ethernet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control, moved
from weft.engines.packet.reference.model import PS
from weft.engines.packet.reference.packet import Packet
from weft.engines.packet.transport import Settings

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender


_SCALED_FROM_BYTES = 12.5e9 * 12e-6  # the specification's network: 100 Gb/s and 12 us
_QUICK_PART = 8  # quick adapt: less than so small a part of the largest window got through


def _constants(settings: Settings) -> dict[str, float]:
    """Table of NSCC parameters in UE Specification 1.0, 3.6.13; bytes, ps."""
    mss = settings.transport.mtu_bytes - settings.transport.header_bytes
    scale = settings.bdp_bytes / _SCALED_FROM_BYTES
    target_ps = settings.target_delay_s * PS
    return {
        "target_ps": target_ps,
        "alpha": 4.0 * mss * scale * (settings.target_delay_s / 12e-6) / target_ps,
        "fair": 5 * mss * scale,
        "eta": 0.15 * mss * scale,
        "gamma": 0.8,
        "fast": 0.25 * scale,
        "fast_delay_ps": 1e6,
        "mean_weight": 0.0125,
        "adjust_ps": settings.rtt_s * PS,
        "adjust_bytes": 8 * settings.transport.mtu_bytes,
        "quick_delay_ps": 4 * target_ps,
    }


class Nscc(Control):
    """NSCC of UE Specification 1.0, 3.6.13: by the queueing delay of packets and by their marks."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender)
        self._const = _constants(sender.model.settings)
        self._increase = self._received = self._achieved = 0.0
        self._ignored = self._to_ignore = 0.0
        self._mean_ps = 0.0
        self._fast_bytes, self._fast_on, self._quick_asked = 0.0, False, False
        self._quick_end_ps = self._adjusted_ps = self._decreased_ps = 0.0

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """Grow, or shrink, or leave it to the choice of paths."""
        sender, const, now, marked = self.sender, self._const, self.sender.model.clock.now, p.marked
        self._achieved += size
        self._received += size
        self._ignored += size
        delay = self._mean_ps
        if rtt_ps is not None:
            self._learn_base_rtt(rtt_ps)
            delay = float(rtt_ps - sender.base_rtt_ps)
            self._learn_delay(delay, marked)
        if self._quick_adapt(False, marked, delay):
            return
        if not marked and delay >= const["target_ps"]:
            self._increase += const["fair"] * size
        elif not marked:
            self._grow(size, delay)
        elif delay >= const["target_ps"]:
            self._shrink()
        self._bound()
        since = now - self._adjusted_ps
        if self._received > const["adjust_bytes"] or since > const["adjust_ps"]:
            sender.cwnd += self._increase / sender.cwnd
            if since >= const["adjust_ps"]:
                sender.cwnd += const["eta"]
                self._adjusted_ps = now
            self._increase = self._received = 0.0
        self._bound()

    def nacked(self, size: int, rtt_ps: int | None, last_hop: bool) -> None:
        """Shrink by what was trimmed, unless the receiver's credit sees to it."""
        if rtt_ps is not None:
            self._learn_base_rtt(rtt_ps)
        self._ignored += size
        self._learn_delay(float(self.sender.model.rtt_ps), True)
        self._quick_asked = True
        adapted = self._quick_adapt(True, True, 0.0)
        if not adapted and not (self.sender.model.transport.receiver_driven and last_hop):
            self.sender.cwnd -= size
            self._bound()

    def lost(self, size: int) -> None:
        """Shrink by what was lost."""
        self.sender.cwnd = max(self.sender.cwnd - size, float(self.sender.model.transport.mtu_bytes))

    def _learn_base_rtt(self, rtt_ps: int) -> None:
        if rtt_ps < self.sender.base_rtt_ps:
            self.sender.base_rtt_ps = rtt_ps
            window_x, link = self.sender.model.settings.window_x, self.sender.host.port.link
            self.sender.most_cwnd = window_x * rtt_ps / link.ps_per_byte

    def _learn_delay(self, delay: float, marked: bool) -> None:
        if not marked and delay > self._const["target_ps"]:
            delay = self.sender.base_rtt_ps * 0.25  # its path has no queue now
        self._mean_ps = moved(self._mean_ps, delay, self._const["mean_weight"])

    def _grow(self, size: int, delay: float) -> None:
        if delay < self._const["fast_delay_ps"]:
            self._fast_bytes += size
            if self._fast_bytes > self.sender.cwnd or self._fast_on:
                self.sender.cwnd += size * self._const["fast"]
                self._fast_on = True
                return
        else:
            self._fast_bytes = 0.0
        self._fast_on = False
        self._increase += self._const["alpha"] * size * (self._const["target_ps"] - delay)

    def _shrink(self) -> None:
        sender, now = self.sender, self.sender.model.clock.now
        target_ps, mean_ps = self._const["target_ps"], self._mean_ps
        self._fast_on, self._fast_bytes = False, 0.0
        if mean_ps > target_ps and now - self._decreased_ps > sender.base_rtt_ps:
            sender.cwnd *= max(1.0 - self._const["gamma"] * (mean_ps - target_ps) / mean_ps, 0.5)
            sender.cwnd = max(sender.cwnd, float(sender.model.transport.mtu_bytes))
            self._decreased_ps = now

    def _bound(self) -> None:
        mtu = float(self.sender.model.transport.mtu_bytes)
        self.sender.cwnd = max(min(self.sender.cwnd, self.sender.most_cwnd), mtu)

    def _quick_adapt(self, lost: bool, marked: bool, delay: float) -> bool:
        """Set the window to what got through, if it was little; whether that holds this feedback's place."""
        sender, const, now, done = self.sender, self._const, self.sender.model.clock.now, False
        if self._ignored < self._to_ignore and marked:
            done = True
        elif now > self._quick_end_ps:
            asked = self._quick_asked or lost or delay > const["quick_delay_ps"]
            little = self._achieved < math.floor(sender.most_cwnd / _QUICK_PART)
            if self._quick_end_ps != 0 and asked and little:
                sender.cwnd = max(self._achieved, float(sender.model.transport.mtu_bytes))
                self._to_ignore, self._ignored, self._quick_asked = sender.in_flight, 0.0, False
                done = True
            self._achieved = 0.0
            self._quick_end_ps = now + sender.base_rtt_ps + const["target_ps"]
        if done:
            self._increase = self._received = 0.0
        return done
