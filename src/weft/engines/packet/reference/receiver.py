"""A flow at its receiver: what has come, what is answered when, and how much it may send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.engines.packet.reference.model import Model
from weft.engines.packet.reference.packet import Kind, Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.host import Host
    from weft.engines.packet.reference.sender import Sender

_PULL_PATHS = 128  # over which credit is spread, whatever data does
_NOTIFY_PS = 50_000_000  # between notifications of a flow (DCQCN, SIGCOMM 2015, section 3.1)


class Receiver:
    """A flow at its receiver.

    Attributes:
        expected: the first sequence number that has not come.
        beyond: those above it that have.
        pull_target, latest_pull: quanta asked for, and granted.
        got_ps: when all had come.
    """

    def __init__(self, model: Model, host: Host, sender: Sender) -> None:
        self.model, self.host, self.sender = model, host, sender
        self.expected, self.beyond = 0, set[int]()
        self._pending = self.bytes = 0
        self._asked = self._gap_told = False
        self.pull_target = self.latest_pull = self._pull_entropy = 0
        self.got_ps = self.disordered = self.most_beyond = self.duplicates = 0
        self._goes_back = model.transport.recovery == "go_back_n"
        self._notifies, self._notified_ps = model.transport.control == "dcqcn", -_NOTIFY_PS

    def _has(self, seq: int) -> bool:
        return seq < self.expected or seq in self.beyond

    def get_data(self, p: Packet) -> None:
        """Take a packet of data."""
        self.host.came += 1
        self.host.came_marked += p.marked
        if not self.sender.running:
            return
        self._pending += p.size
        self._raise_target(p.word)
        if p.marked:
            self._notify(p)
        if self._has(p.seq):
            self.duplicates += 1
            self._acknowledge(p, p.seq if p.marked else self._base(p.seq), p.marked)
            return
        if self._goes_back and p.seq != self.expected:
            self.disordered += 1
            if not self._gap_told:
                self._gap_told = True
                self._answer(p)
            return
        at_once = p.marked or p.asks or self.bytes == 0
        self.bytes += p.size
        self._gap_told = False
        self._asked = self._asked or p.asks
        if p.seq == self.expected:
            self._advance()
            if self._asked and not self.beyond:
                at_once, self._asked = True, False
            if self.expected == self.sender.packets:
                self.got_ps = self.model.clock.now
                if self.model.ends_at_receipt:
                    self.sender.tell_end()
        else:
            self.beyond.add(p.seq)
            self.disordered += 1
            self.most_beyond = max(self.most_beyond, len(self.beyond))
        if at_once or self._pending >= self.model.transport.ack_every_bytes:
            own = p.marked or p.asks
            self._acknowledge(p, p.seq if own else self._base(p.seq), p.marked)

    def _notify(self, p: Packet) -> None:
        """Tell of congestion, if that was not done a little while ago."""
        now = self.model.clock.now
        if self._notifies and now - self._notified_ps >= _NOTIFY_PS:
            self._notified_ps = now
            notice = self._control(Kind.NOTICE)
            notice.entropy = p.entropy
            self.host.port.enqueue(notice)

    def _advance(self) -> None:
        self.expected += 1
        while self.expected in self.beyond:
            self.beyond.remove(self.expected)
            self.expected += 1

    def get_trimmed(self, p: Packet) -> None:
        """Take the header of a packet that was trimmed."""
        self.host.came += 1
        if p.last_hop:
            self.host.trimmed_last += 1
        else:
            self.host.trimmed_before += 1
        if not self.sender.running:
            return
        if self._has(p.seq):
            self._acknowledge(p, self._base(p.seq), False)
            return
        self._raise_target(p.word)
        if not (self._goes_back and self._gap_told and p.seq != self.expected):
            self._gap_told = True
            self._answer(p)
        if self.model.transport.receiver_driven and self not in self.host.asking:
            self.host.request(self)

    def get_ask(self, p: Packet) -> None:
        """Take a sender's word that it waits for credit; tell it what has come."""
        if not self.sender.running:
            return
        self._raise_target(p.word)
        if self.model.transport.receiver_driven and self not in self.host.asking:
            self.host.request(self)
        base, p.seq = self._base(p.seq), -1  # it answers no packet of data, and tells no round trip
        self._acknowledge(p, base, False)

    def _raise_target(self, target: int) -> None:
        if self.model.transport.receiver_driven and target > self.pull_target:
            self.pull_target = target
            if self not in self.host.asking:
                self.host.request(self)

    def _base(self, seq: int) -> int:
        """Where a bitmap begins that covers the newest that has come."""
        return max(seq - 63, self.expected + 1)

    def _control(self, kind: Kind) -> Packet:
        return Packet(kind, self.sender, self.sender.host, self.model.transport.control_bytes, 0)

    def _answer(self, p: Packet) -> None:
        """Tell that a packet was trimmed, or that there is a gap before it."""
        a = self._control(Kind.NACK)
        a.seq, a.entropy, a.marked, a.again, a.last_hop = p.seq, p.entropy, p.marked, p.again, p.last_hop
        a.cum, a.word = self.expected, self.bytes
        self.host.port.enqueue(a)

    def _acknowledge(self, p: Packet, base: int, marked: bool) -> None:
        self._pending = 0
        a = self._control(Kind.ACK)
        a.seq, a.entropy, a.again, a.marked = p.seq, p.entropy, p.again, marked
        a.cum, a.base, a.word = self.expected, base, self.bytes
        a.links, a.told = p.hops + 1, [] if p.kind is Kind.TRIMMED else p.told
        a.have = frozenset(seq for seq in self.beyond if base <= seq < base + 64)
        self.host.port.enqueue(a)

    def send_pull(self) -> None:
        """Send the credit granted."""
        a = self._control(Kind.PULL)
        a.word, a.entropy = self.latest_pull, self._pull_entropy
        self._pull_entropy = (self._pull_entropy + 1) % _PULL_PATHS
        self.host.port.enqueue(a)
