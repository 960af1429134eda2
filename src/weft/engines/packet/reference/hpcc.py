"""HPCC: Y. Li et al., HPCC: High Precision Congestion Control, SIGCOMM 2019, algorithm 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control, moved
from weft.engines.packet.reference.packet import Packet, Told

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender

# Section 5.1
_ETA = 0.95
_MAX_STAGE = 5
_FLOWS = 100  # on a link, for which W_AI is meant


class Hpcc(Control):
    """A window by the load of the most loaded link, paced over a round trip without queues, T."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender)
        self._t_ps = sender.model.rtt_ps
        whole = self._t_ps / sender.host.port.link.ps_per_byte  # W_init; nothing is more
        self._reference = sender.most_cwnd = whole
        self._w_ai = whole * (1.0 - _ETA) / _FLOWS  # section 3.3
        self._load = 1.0
        self._stage = 0
        self._seen: list[Told] = []
        self._next_update = 0
        self._set(whole)

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """Set the window by what the way's switches told; its reference once a round trip."""
        if not self._measure(p.told):
            return
        above = self._load >= _ETA or self._stage >= _MAX_STAGE
        window = (self._reference / (self._load / _ETA) if above else self._reference) + self._w_ai
        window = min(max(window, self._w_ai), self.sender.most_cwnd)
        if p.seq >= self._next_update:
            self._reference, self._stage = window, 0 if above else self._stage + 1
            self._next_update = self.sender.sent
        self._set(window)

    def _measure(self, told: list[Told]) -> bool:
        """Learn the way's load from this telling and the last one; whether there is anything to learn."""
        if not told:
            return False
        before, self._seen = self._seen, told
        if [each.port for each in before] != [each.port for each in told]:
            return False  # another way: what was seen of the last one is thrown away (section 4.1, pathID)
        since_ps = [now.at_ps - then.at_ps for now, then in zip(told, before, strict=True)]
        loads = [
            (self._load_of(now, then), since)
            for now, then, since in zip(told, before, since_ps, strict=True)
            if since > 0  # not overtaken by the one before
        ]
        if not loads:
            return False
        most, over_ps = max(loads, key=lambda each: each[0])
        self._load = moved(self._load, most, min(over_ps, self._t_ps) / self._t_ps)
        return True

    def _load_of(self, now: Told, then: Told) -> float:
        """Return bytes in flight on a link, of those that it carries in a round trip: U of the paper."""
        ps_per_byte = now.port.link.ps_per_byte
        sent = (now.sent_bytes - then.sent_bytes) * ps_per_byte / (now.at_ps - then.at_ps)
        return min(now.queued, then.queued) * ps_per_byte / self._t_ps + sent

    def _set(self, window: float) -> None:
        """Below a packet the pace alone holds the sender back."""
        self.sender.cwnd = max(window, float(self.sender.model.transport.mtu_bytes))
        self.sender.ps_per_byte = self._t_ps / window
