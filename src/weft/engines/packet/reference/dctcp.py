"""DCTCP: M. Alizadeh et al., Data Center TCP, SIGCOMM 2010, section 3.3; RFC 8257."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control, moved
from weft.engines.packet.reference.packet import Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender

_G = 1 / 16  # section 3.4


class Dctcp(Control):
    """TCP's window, of which marks take half of the part of its bytes that had them."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender)
        self._alpha = 1.0  # RFC 8257, 4.2
        self._slow_start_below = math.inf
        self._window_ends = 0  # sequence number
        self._acked = self._marked = 0
        self._halved_until = 0  # sequence number

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """Grow; where a window of data is acknowledged, look back at its marks."""
        sender = self.sender
        self._acked += size
        if p.marked:
            self._marked += size
            self._slow_start_below = min(self._slow_start_below, sender.cwnd)
        slow_start = sender.cwnd < self._slow_start_below
        sender.cwnd += size if slow_start else sender.model.transport.mtu_bytes * size / sender.cwnd
        if sender.cum >= self._window_ends and self._acked > 0:
            self._end_window()
        self._bound()

    def _end_window(self) -> None:
        self._alpha = moved(self._alpha, self._marked / self._acked, _G)
        if self._marked > 0:
            self.sender.cwnd *= 1.0 - self._alpha / 2
            self._slow_start_below = self.sender.cwnd
        self._acked = self._marked = 0
        self._window_ends = self.sender.sent

    def lost(self, size: int) -> None:
        """Halve the window, unless what is lost was sent before it was halved last."""
        if self.sender.cum >= self._halved_until:
            self._halved_until = self.sender.sent
            self.sender.cwnd /= 2
            self._bound()
            self._slow_start_below = self.sender.cwnd

    def _bound(self) -> None:
        mtu = float(self.sender.model.transport.mtu_bytes)
        self.sender.cwnd = min(max(self.sender.cwnd, mtu), self.sender.most_cwnd)
