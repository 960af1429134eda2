"""DCQCN: Y. Zhu et al., Congestion Control for Large-Scale RDMA Deployments, SIGCOMM 2015, section 3.1, figure 7.

The receiver's part, a notification for a marked packet but one in 50 us at most, is the receiver's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control, moved
from weft.engines.packet.reference.model import PS
from weft.engines.packet.reference.packet import Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender

# Section 5.2, for ports of 40 Gb/s
_G = 1 / 256
_TIMER_PS = 55_000_000  # of alpha, and of steps by time
_BYTE_COUNTER = 10_000_000  # of steps by bytes
_FAST_RECOVERY = 5  # steps: F
_R_AI_Mbps = 40
_HYPER = 10  # R_HAI over R_AI, as in IEEE 802.1Qau


class Dcqcn(Control):
    """A rate: cut by notifications, raised in steps by time and by bytes acknowledged."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender)
        self._rate = self._target = self.line  # bytes/ps
        self._alpha = 1.0
        self._r_ai = _R_AI_Mbps * (1e6 / 8 / PS) * sender.model.settings.rate_Bps / 5e9
        self._limited = False  # from the first notification on
        self._alpha_due = self._step_due = 0
        self._bytes = self._steps_by_time = self._steps_by_bytes = 0

    @property
    def steps(self) -> tuple[int, int]:
        """How often the rate was raised since the last notification: by time, by bytes."""
        return self._steps_by_time, self._steps_by_bytes

    def notified(self) -> None:
        """Cut the rate; begin anew to raise it."""
        now = self.sender.model.clock.now
        self._target = self._rate
        self._pace_at(self._rate * (1.0 - self._alpha / 2))
        self._alpha = moved(self._alpha, 1.0, _G)
        self._alpha_due = self._step_due = now + _TIMER_PS
        self._bytes = self._steps_by_time = self._steps_by_bytes = 0
        if not self._limited:
            self._limited = True
            self._wait()

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """Count bytes."""
        self._bytes += size
        if self._limited and self._bytes >= _BYTE_COUNTER:
            self._bytes = 0
            self._steps_by_bytes += 1
            self._step()

    def _wait(self) -> None:
        """Look at the timers when one may have run down; notifications set them back without stopping the clock."""
        self.sender.model.clock.at(min(self._alpha_due, self._step_due), self._look)

    def _look(self) -> None:
        if not self.sender.running:
            return
        now = self.sender.model.clock.now
        if self._alpha_due <= now:
            self._alpha = moved(self._alpha, 0.0, _G)
            self._alpha_due = now + _TIMER_PS
        if self._step_due <= now:
            self._step_due = now + _TIMER_PS
            self._steps_by_time += 1
            self._step()
        self._wait()

    def _step(self) -> None:
        """Raise the rate half of the way to the target, and the target once fast recovery is over."""
        more, less = max(self._steps_by_time, self._steps_by_bytes), min(self._steps_by_time, self._steps_by_bytes)
        if less > _FAST_RECOVERY:
            self._target += (less - _FAST_RECOVERY) * (_HYPER * self._r_ai)
        elif more >= _FAST_RECOVERY:
            self._target += self._r_ai
        self._target = min(self._target, self.line)
        self._pace_at((self._rate + self._target) / 2)

    def _pace_at(self, rate: float) -> None:
        self._rate = max(rate, self._r_ai)  # none falls below one step
        self.sender.ps_per_byte = 1.0 / self._rate
