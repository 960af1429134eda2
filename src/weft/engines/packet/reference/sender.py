"""A flow at its sender: what may be sent and when, what has arrived, and what must be sent again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from weft.engines.packet.reference.balance import Balance, Came, balance_of
from weft.engines.packet.reference.control import Control
from weft.engines.packet.reference.controls import control_of
from weft.engines.packet.reference.model import PS, QUANTUM, Model
from weft.engines.packet.reference.packet import Kind, Packet
from weft.engines.packet.reference.sequence import Seq, State

if TYPE_CHECKING:
    from weft.engines.packet.reference.host import Host
    from weft.engines.packet.reference.receiver import Receiver


_BY_RATE = ("dcqcn", "timely")  # controls without a window


class Sender:
    """A flow.

    Attributes:
        level: class of queue of its data, on the first lane.
        cum: acknowledged without a gap.
        sent: the next sequence number that is new, or that a sender that goes back sends again.
        cwnd: bytes it may have in flight.
        most_cwnd: most that controls let it have.
        base_rtt_ps: round trip without queues.
        ps_per_byte: pace, 0 for none.
        waits: for so many triggers before it starts.
    """

    def __init__(self, model: Model, number: int, host: Host, size: int, level: int, waits: int, start_ps: int) -> None:
        t = model.transport
        self.model, self.number, self.host, self.level = model, number, host, level
        self.receiver: Receiver
        self.when_done: list[Callable[[], None]] = []
        payload = t.mtu_bytes - t.header_bytes
        self.packets = math.ceil(size / payload)
        self._last_size = size - (self.packets - 1) * payload + t.header_bytes
        self.waits, self.start_ps, self.end_ps = waits, start_ps, 0
        self.running = False
        self.cum = self.sent = self._top = self._high = self._scanned = 0
        self._seqs: dict[int, Seq] = {}
        self.in_flight = self.received = 0
        self.ps_per_byte = 0.0
        self._next_ps = 0
        self._pacing = self._timing = False
        self._speculating, self.credit, self._pulled, self._target = True, model.most_credit, 0, 0
        self._asked, self._starved = False, 0
        self.acks = self.marked = self.again = self.nacks = self.timeouts = 0
        self._goes_back, self._driven = t.recovery == "go_back_n", t.receiver_driven
        self.balance: Balance
        self.control: Control

    def know(self, rtt_s: float, rate_Bps: float, pace_Bps: float) -> None:
        """Take its round trip without queues, its host's rate and the most that it may put on the wire."""
        t = self.model.transport
        self.base_rtt_ps = int(rtt_s * PS)
        self.most_cwnd = float(math.floor(self.model.settings.window_x * rtt_s * rate_Bps))
        self.cwnd = self.most_cwnd if t.window_bytes is None else max(t.window_bytes, t.mtu_bytes)
        unbounded = t.receiver_driven if t.control == "none" else t.control in _BY_RATE
        if unbounded and t.window_bytes is None:
            self.cwnd = 1e18  # credit or the rate alone decides
        self.ps_per_byte = PS / pace_Bps

    # --- its sums

    def size_of(self, seq: int) -> int:
        """Return the bytes of a packet on the wire."""
        return self._last_size if seq == self.packets - 1 else self.model.transport.mtu_bytes

    def _seq(self, seq: int) -> Seq:
        return self._seqs.setdefault(seq, Seq())

    def _all(self, state: State) -> list[int]:
        return [seq for seq in range(self.cum, self.sent) if self._seq(seq).state is state]

    @property
    def _backlog(self) -> int:
        """Bytes that were never sent, or that are to be sent from where it has gone back to."""
        full = self.packets - self.sent - 1
        return 0 if full < 0 else full * self.model.transport.mtu_bytes + self._last_size

    # --- sending

    def release(self) -> None:
        """One of the triggers that it waits for has fired."""
        self.waits -= 1
        if self.waits == 0:
            self.model.clock.at(max(self.model.clock.now, self.start_ps), self.start)

    def start(self) -> None:
        """Begin."""
        self.running = True
        self.start_ps = self.model.clock.now
        self.model.running += 1
        self.balance = balance_of(self.model)
        self.control = control_of(self)
        if self.model.settings.grants_follow_marks:
            self.receiver.host.wake()
        self._want()

    def permitted(self) -> bool:
        """Whether window, credit and pace let it send its next packet now."""
        if not self.running:
            return False
        lost = self._all(State.LOST)
        if not lost and (self.sent >= self.packets or self.sent >= self.cum + self.model.window):
            return False
        if self._driven and self.credit <= 0:
            return False
        if self.cwnd < self.in_flight + self.size_of(lost[0] if lost else self.sent):
            return False
        if self.ps_per_byte > 0 and self._next_ps > self.model.clock.now:
            if not self._pacing:
                self._pacing = True
                self.model.clock.at(self._next_ps, self._paced)
            return False
        return True

    def pause_until(self, time: int) -> None:
        """Send nothing before a time, where there is a pace."""
        self._next_ps = time

    def _paced(self) -> None:
        self._pacing = False
        self._want()

    def _want(self) -> None:
        """Send if that is permitted and the host's port is idle; else wait for a turn."""
        if self in self.host.waiting or not self.permitted():
            return
        port = self.host.port
        if port.serving is None and port.may_send(self.level, self.model.transport.mtu_bytes):
            self.send()
            if not self.permitted():
                return
        self.host.waiting.append(self)

    def send(self) -> None:
        """Send the next packet: the first that is lost, or a new one."""
        now, t = self.model.clock.now, self.model.transport
        lost = self._all(State.LOST)
        seq = lost[0] if lost else self.sent
        size = self.size_of(seq)
        if not lost:
            self.sent += 1
        repeated = bool(lost) or seq < self._high
        self._high = max(self._high, self.sent)
        if self._driven:
            self.credit -= size
        self.in_flight += size
        state = self._seq(seq)
        state.state = State.FLYING
        p = Packet(Kind.DATA, self, self.receiver.host, size, self.level, seq, first=True)
        allowed = int(min(self.cwnd, float(self.model.most_credit))) // t.mtu_bytes
        p.entropy = self.balance.next(self.sent, allowed)
        if self._driven:
            p.word = self._target = self._pull_target()
        last = self._backlog == 0 or (self._driven and self.credit <= 0)
        p.again, p.asks = repeated, repeated or last or self.in_flight + size >= self.cwnd
        self.again += repeated
        state.again += repeated
        state.sent_ps, state.path = now, p.entropy
        self._time(now + self.model.rto_ps)
        if self.ps_per_byte > 0:
            self._next_ps = max(now, self._next_ps) + int(size * self.ps_per_byte)
        self.host.port.queued += size
        self.host.port.begin(p)

    def _pull_target(self) -> int:
        """Up to which quantum it asks for credit."""
        mtu, active = self.model.transport.mtu_bytes, len(self.host.waiting)
        wanted = float(self._backlog + sum(self.size_of(seq) for seq in self._all(State.LOST)))
        wanted = min(wanted, self.cwnd + mtu, float(self.model.most_credit)) - self.credit
        if self._speculating and wanted < mtu and self._backlog > 0:
            wanted = float(mtu)
        if active > 1:
            wanted /= active
        return self._pulled + math.ceil(wanted / QUANTUM)

    def _stop_speculating(self) -> None:
        """The receiver has been heard of: only what it grants counts."""
        if self._speculating:
            self._speculating = False
            self.credit = min(self.credit, 0)

    # --- answers

    def get_ack(self, p: Packet) -> None:
        """Take an acknowledgement."""
        if not self.running:
            return
        self.acks += 1
        newly = self._count_received(p)
        self.marked += p.marked
        rtt_ps = self._round_trip(p)
        if p.seq == -1:
            self._asked = False
        self._ack_below(p.cum)
        for seq in sorted(p.have):
            if self.cum <= seq < self.sent and self._seq(seq).state is not State.ACKED:
                self._arrived(seq)
                self._top = max(self._top, seq + 1)
        if self.model.settings.gap_packets > 0:
            self._lose_overtaken()
        self.balance.learn(p.entropy, Came.MARKED if p.marked else Came.GOOD)
        self.control.acked(p, newly, rtt_ps)
        self._stop_speculating()
        if self.cum >= self.packets:
            self.running, self.end_ps = False, self.model.clock.now
            self.model.running -= 1
            self.model.done += 1
            if not self.model.ends_at_receipt:
                self.tell_end()
        else:
            self._want()

    def tell_end(self) -> None:
        """Let those hear who wait for the flow."""
        for act in self.when_done:
            act()

    def _count_received(self, p: Packet) -> int:
        """Take what the receiver has in all; return how much more that is."""
        newly = max(0, p.word - self.received)
        self.received += newly
        self.in_flight -= newly
        return newly

    def _round_trip(self, p: Packet) -> int | None:
        """The round trip of a packet in flight, where it is known which sending was answered."""
        if not self.cum <= p.seq < self.sent:
            return None
        seq = self._seq(p.seq)
        if seq.state is not State.FLYING or seq.again != int(p.again):
            return None
        return self.model.clock.now - seq.sent_ps

    def _ack_below(self, cum: int) -> None:
        while self.cum < cum:
            if self.cum < self.sent:
                self._arrived(self.cum)
            self._seqs.pop(self.cum, None)
            self.cum += 1
        self._top = max(self._top, cum)
        while self.sent < cum:  # gone back further than was needed
            self.in_flight += self.size_of(self.sent)
            self.sent += 1

    def _arrived(self, seq: int) -> None:
        if self._seq(seq).state is State.LOST:
            self.in_flight += self.size_of(seq)  # was taken out when it was taken for lost, and by the bytes received
        self._seq(seq).state = State.ACKED

    def _lose(self, seq: int) -> None:
        """Take a packet that is in flight for lost."""
        self._seq(seq).state = State.LOST
        self.in_flight -= self.size_of(seq)

    def _lose_overtaken(self) -> None:
        """Take packets for lost that too many later ones have overtaken."""
        below = self._top - self.model.settings.gap_packets
        first = max(self._scanned, self.cum)
        for seq in range(first, below):
            if self._seq(seq).state is State.FLYING:
                self._lose(seq)
                self.control.lost(self.size_of(seq))
        self._scanned = max(first, below)

    def get_nack(self, p: Packet) -> None:
        """Take word that a packet was trimmed, or, where senders go back, that there is a gap."""
        if not self.running:
            return
        self.nacks += 1
        if self._goes_back:
            self._count_received(p)
            self._ack_below(p.cum)
            if p.cum == self.cum and self.sent > self.cum:
                self._go_back()
            self._want()
            return
        if not self.cum <= p.seq < self.sent or self._seq(p.seq).state is not State.FLYING:
            return
        self.control.nacked(self.size_of(p.seq), self._round_trip(p), p.last_hop)
        self._lose(p.seq)
        self._stop_speculating()
        before = Came.MARKED if p.marked else Came.GOOD
        self.balance.learn(p.entropy, before if p.last_hop else Came.CUT)
        self._want()

    def _go_back(self) -> None:
        """Send everything again from the first gap on."""
        self.control.lost(self.size_of(self.cum))
        for seq in range(self.cum, self.sent):
            self._seq(seq).state = State.UNSENT
        self.sent, self.in_flight = self.cum, 0

    def get_pull(self, p: Packet) -> None:
        """Take credit that the receiver grants."""
        if not self.running:
            return
        self._stop_speculating()
        if p.word > self._pulled:
            self.credit = min(self.credit + (p.word - self._pulled) * QUANTUM, self.model.most_credit)
            self._pulled = p.word
            self._asked, self._starved = False, 0
        self._want()

    def get_notice(self, p: Packet) -> None:
        """Take a congestion notification."""
        if self.running:
            self.control.notified()

    # --- time

    def _time(self, at: int) -> None:
        if not self._timing:
            self._timing = True
            self.model.clock.at(at, self._time_out)

    def _time_out(self) -> None:
        """Take for lost what has not been heard of for too long; look again when the next may be."""
        self._timing = False
        if not self.running:
            return
        now, rto_ps, ask = self.model.clock.now, self.model.rto_ps, False
        flying = self._all(State.FLYING)
        late = [seq for seq in flying if self._seq(seq).sent_ps + rto_ps <= now]
        if late:
            self.timeouts += 1
            if self._goes_back:
                self.balance.learn(self._seq(late[0]).path, Came.SILENT)
                self._go_back()
                flying, ask = [], True
            else:
                for seq in late:
                    if self._all(State.LOST):
                        self._stop_speculating()
                        ask = True
                    self._lose(seq)
                    self.control.lost(self.size_of(seq))
                    self.balance.learn(self._seq(seq).path, Came.SILENT)
                    ask = ask or self.credit <= 0 or self.cwnd < self.in_flight + self.size_of(seq)
        in_time = [self._seq(seq).sent_ps for seq in flying if seq not in late]
        starved = (
            self._driven and not in_time and self.credit <= 0 and (self._backlog > 0 or bool(self._all(State.LOST)))
        )
        if starved and not late:
            self._starved += 1
            ask = self._asked or self._starved >= self.model.settings.patience
        if self._driven and ask:
            self._ask()
        if late or starved or in_time:
            self._time(min(in_time, default=now) + rto_ps)
        if late:
            self._want()

    def _ask(self) -> None:
        """Tell the receiver that there is something to grant credit for."""
        self._asked, self._starved = True, 0
        p = Packet(Kind.ASK, self, self.receiver.host, self.model.transport.control_bytes, 0, self.cum)
        p.entropy = self.balance.next(self.sent, 1)
        p.word = self._target
        self.host.port.enqueue(p)
