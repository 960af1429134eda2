"""Swift: G. Kumar et al., Swift: Delay is Simple and Effective for Congestion Control, SIGCOMM 2020, algorithm 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control
from weft.engines.packet.reference.model import PS
from weft.engines.packet.reference.packet import Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender

_AI, _BETA, _MAX_MDF = 1.0, 0.8, 0.5
_FS_MIN, _FS_MAX = 0.1, 100.0  # packets: flow scaling, section 3.1
_MIN_CWND = 0.001  # packets


class Swift(Control):
    """A window, in packets, that holds the round trip at a target."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender)
        settings = sender.model.settings
        self._mtu = sender.model.transport.mtu_bytes
        self._window = sender.cwnd / self._mtu
        self._base_ps = self._fs_range_ps = settings.target_delay_s * PS
        self._hop_ps = settings.rtt_s * PS / settings.links
        self._fs_alpha_ps = self._fs_range_ps / (1 / math.sqrt(_FS_MIN) - 1 / math.sqrt(_FS_MAX))
        self._fs_beta_ps = -self._fs_alpha_ps / math.sqrt(_FS_MAX)
        self._rtt_ps = sender.model.rtt_ps
        self._decreased_ps: int | None = None

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """Grow below the target and shrink above it."""
        if rtt_ps is None:
            return
        self._rtt_ps = rtt_ps
        target_ps = self._target_ps(p.links)
        if rtt_ps < target_ps:
            self._set(self._window + _AI * (size / self._mtu) / max(self._window, 1.0))
        else:
            self._decrease(max(1.0 - _BETA * (rtt_ps - target_ps) / rtt_ps, 1.0 - _MAX_MDF))

    def _target_ps(self, links: int) -> float:
        """Return the target delay of the way that an acknowledged packet took."""
        scaled_ps = self._fs_alpha_ps / math.sqrt(self._window) + self._fs_beta_ps
        return self._base_ps + links * self._hop_ps + max(0.0, min(scaled_ps, self._fs_range_ps))

    def lost(self, size: int) -> None:
        """Shrink as much as is ever done."""
        self._decrease(1.0 - _MAX_MDF)

    def _decrease(self, factor: float) -> None:
        """Shrink, if that was not done within a round trip."""
        now = self.sender.model.clock.now
        if self._decreased_ps is None or now - self._decreased_ps >= self._rtt_ps:
            self._decreased_ps = now
            self._set(self._window * factor)

    def _set(self, window: float) -> None:
        """Set the window; where it is less than a packet, send one packet a round trip over window."""
        sender, paced = self.sender, self.sender.ps_per_byte > 0
        self._window = min(max(window, _MIN_CWND), sender.most_cwnd / self._mtu)
        sender.cwnd = max(self._window, 1.0) * self._mtu
        if self._window >= 1.0:
            sender.ps_per_byte = 0.0
            return
        pause_ps = self._rtt_ps / self._window
        sender.ps_per_byte = pause_ps / self._mtu
        if not paced:  # the pause began when the packet was sent whose answer this is
            sender.pause_until(sender.model.clock.now + int(pause_ps - self._rtt_ps))
