"""A port: packets wait in queues of their class, are sent one at a time, and are held back by what is beyond."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from weft.engines.packet.reference.model import Model
from weft.engines.packet.reference.packet import Kind, Packet, Told

if TYPE_CHECKING:
    from weft.engines.packet.reference.host import Host
    from weft.engines.packet.reference.switch import Switch


@dataclass(frozen=True)
class Link:
    """What a port is and what it leads over.

    Attributes:
        number: of the port.
        wire_ps: latency of the wire and of the switch behind it.
        limit: bytes of data before the port.
        ecn: bytes between which it marks, with how likely; None where it does not.
        loss: probability a byte of being lost.
        retry_ps: time of a link-level retry; 0 where a loss is one.
        credit: bytes of buffer behind it a class.
        cut: the far end forwards a packet before all of it has come.
    """

    number: int
    ps_per_byte: float
    wire_ps: int
    limit: int
    ecn: tuple[int, int] | None
    loss: float
    retry_ps: int
    credit: int
    cut: bool


@dataclass
class Tally:
    """What went on at a port."""

    marked: int = 0
    trimmed: int = 0
    dropped: int = 0
    lost: int = 0
    retried: int = 0
    pauses: int = 0
    paused_ps: int = 0


class Inlet:
    """What a switch holds of one class from one link, and whether it has stopped it (IEEE 802.1Qbb)."""

    def __init__(self, port: Port, level: int) -> None:
        self.port, self.level = port, level
        self.bytes = 0
        self.stopped_at: int | None = None

    def release(self, size: int) -> None:
        """Something that came by the link has left: give its credit back, or let the link go on."""
        port, clock = self.port, self.port.model.clock
        self.bytes -= size
        if port.model.transport.queues == "credit":
            clock.after(port.wire_ps, partial(port.get_credit, self.level, size))
        elif self.stopped_at is not None and self.bytes <= self._xon():
            self.stopped_at = None
            clock.after(port.wire_ps, partial(port.gate, self.level, False))

    def admit(self, size: int) -> bool:
        """Count a packet that has come; stop the link where there is too much. Whether there is room, in headroom."""
        port, settings = self.port, self.port.model.settings
        if port.model.transport.queues == "pause":
            if self.stopped_at is None and self.bytes + size > self._xoff():
                self.stopped_at = self.bytes
                port.model.clock.after(port.wire_ps, partial(port.gate, self.level, True))
            if self.stopped_at is not None and self.bytes + size > self.stopped_at + settings.headroom_bytes:
                return False
        self.bytes += size
        return True

    def _xoff(self) -> int:
        room = self.port.far.shared_room()
        if room is None:
            return self.port.model.settings.xoff_bytes
        return max(room, self.port.model.transport.mtu_bytes)

    def _xon(self) -> int:
        settings = self.port.model.settings
        return max(self._xoff() - (settings.xoff_bytes - settings.xon_bytes), 0)


class Port:
    """A port out of a host or a switch.

    Attributes:
        near, far: what it leaves and reaches.
        up: whether its link lives.
        waiting: packets of each class.
        queued: bytes of data, that in service too.
        serving: (size, class, inlet) of the packet being sent, None where idle.
    """

    def __init__(self, model: Model, link: Link, near: Host | Switch, far: Host | Switch) -> None:
        self.model, self.link, self.near, self.far = model, link, near, far
        classes = range(model.classes)
        self.waiting: list[deque[Packet]] = [deque() for _ in classes]
        self.most = [0 for _ in classes]
        self.credit = [link.credit for _ in classes]
        self.inlets = [Inlet(self, level) for level in classes]
        self.deficit = [0 for _ in classes]
        self.turn = 0
        self.paused: set[int] = set()
        self.up = True
        self._paused_since = 0
        self.queued = self.sent_bytes = 0
        self.serving: tuple[int, int, Inlet | None] | None = None
        self.tally = Tally()
        self._control_limit = math.inf if near.is_host else 2 * link.limit
        header = int(model.transport.header_bytes * link.ps_per_byte) if link.cut else 0
        self.wire_ps = link.wire_ps + header

    # --- coming in

    def enqueue(self, p: Packet) -> None:
        """Put a packet before the port; where there is no room, trim or drop one."""
        if not self.up:
            self.drop(p)
            return
        if p.level > 0:
            room = self._room()
            if room is not None and self.queued + p.size > room:
                if self.model.transport.queues != "trim":
                    self.drop(p)
                    return
                p = self._trim_one(p)
        if p.level == 0 and self.bytes_waiting(0) + p.size > self._control_limit:
            self.drop(p)
            return
        if p.level > 0:
            self._hold(p.size)
        if self.serving is None and not self.waiting[p.level] and self.may_send(p.level, p.size):
            self.begin(p)
            return
        self.waiting[p.level].append(p)
        self._note_most(p.level)

    def bytes_waiting(self, level: int) -> int:
        """Return the bytes of a class's queue."""
        return sum(p.size for p in self.waiting[level])

    def _note_most(self, level: int) -> None:
        self.most[level] = max(self.most[level], self.bytes_waiting(level))

    def _hold(self, size: int) -> None:
        self.queued += size
        self.near.held += size

    def _room(self) -> int | None:
        """Bytes of data that may be before the port; None for any."""
        if self.near.is_host or self.model.transport.queues in ("pause", "credit"):
            return None
        free = self.near.shared_free()
        if free is None:
            return self.link.limit
        return min(int(self.model.transport.shared_alpha * free), self.queued + free)

    def _trim_one(self, p: Packet) -> Packet:
        """Trim a packet, or the newest before it in the queue, whose place it takes; return what was trimmed."""
        queue, victim = self.waiting[p.level], p
        if queue and self.model.chance.unit() < 0.5:
            victim = queue[-1]
            queue[-1] = p
            self._hold(p.size - victim.size)
            self._note_most(p.level)
        victim.kind = Kind.TRIMMED
        victim.size, victim.level = self.model.transport.control_bytes, 0
        victim.last_hop = victim.last_hop or self.far.is_host
        self.tally.trimmed += 1
        return victim

    def drop(self, p: Packet) -> None:
        """Drop a packet that has come to its switch."""
        self.tally.dropped += 1
        if p.inlet is not None:
            p.inlet.release(p.size)

    # --- going out

    def may_send(self, level: int, size: int) -> bool:
        """Whether the far end lets a packet of a class go."""
        if not self.up or level in self.paused:
            return False
        return level == 0 or self.model.transport.queues != "credit" or self.credit[level] >= size

    def send_next(self) -> None:
        """Send: control first, then strict classes in order, then those that share by turns."""
        for level, queue in enumerate(self.waiting):
            if queue and self.model.quantum(level) == 0 and self.may_send(level, queue[0].size):
                self.begin(queue.popleft())
                return
        if any(queue and self.model.quantum(level) > 0 for level, queue in enumerate(self.waiting)):
            self._by_turns()

    def _by_turns(self) -> None:
        """Deficit round robin (M. Shreedhar and G. Varghese, SIGCOMM 1995)."""
        classes, idle = self.model.classes, 0
        while idle < classes:
            level, queue = self.turn, self.waiting[self.turn]
            shares = self.model.quantum(level) > 0
            if not shares or not queue or not self.may_send(level, queue[0].size):
                self.deficit[level] = 0
                idle += 1
            elif self.deficit[level] >= queue[0].size:
                self.deficit[level] -= queue[0].size
                self.begin(queue.popleft())
                return
            else:
                idle = 0
            self.turn = (level + 1) % classes
            self.deficit[self.turn] += self.model.quantum(self.turn)

    def begin(self, p: Packet) -> None:
        """Begin to send a packet."""
        clock = self.model.clock
        self.serving = (p.size, p.level, p.inlet)
        if p.level > 0 and self.model.transport.queues == "credit":
            self.credit[p.level] -= p.size
        if p.kind is Kind.DATA and not self.near.is_host:
            p.told.append(Told(self, self.queued - p.size, self.sent_bytes, clock.now))
        whole_ps = int(p.size * self.link.ps_per_byte + 0.5)
        if not self.link.cut:
            clock.after(whole_ps, partial(self._finish, p))
            return
        clock.after(whole_ps, self._free)
        if self._is_lost(p.size):
            self.tally.lost += 1
            p.broken = True
        self._mark(p, self.queued - p.size)
        clock.after(self.wire_ps, partial(self._arrive, p))

    def _finish(self, p: Packet) -> None:
        """A packet's last bit is out, where the far end takes all of it in before it forwards it."""
        clock, size, level = self.model.clock, p.size, p.level
        lost = self.up and self._is_lost(size)
        if lost and self.link.retry_ps > 0:
            self.tally.retried += 1
            clock.after(self.link.retry_ps + int(size * self.link.ps_per_byte + 0.5), partial(self._finish, p))
            return
        self._leave()
        if lost:
            self.tally.lost += 1
            self._restore_credit(level, size)
        else:
            self.model.hops += 1
            if self.up:
                self._mark(p, self.queued)
                clock.after(self.wire_ps, partial(self._arrive, p))
            else:
                self.tally.dropped += 1
                self._restore_credit(level, size)
        self.near.go_on(self)

    def _free(self) -> None:
        """A packet's last bit is out, and the far end has begun to forward it."""
        self.model.hops += 1
        self._leave()
        self.near.go_on(self)

    def _leave(self) -> None:
        """What was being sent is out of the port and of its switch."""
        assert self.serving is not None
        size, level, inlet = self.serving
        self.serving = None
        self.sent_bytes += size
        if level > 0:
            self._hold(-size)
        if inlet is not None:
            inlet.release(size)

    def _is_lost(self, size: int) -> bool:
        if self.link.loss == 0:
            return False
        return self.model.chance.unit() < -math.expm1(size * math.log1p(-self.link.loss))

    def _restore_credit(self, level: int, size: int) -> None:
        """A packet never arrives; the far end tells of all the room that is left, so its credit comes back."""
        if level > 0 and self.model.transport.queues == "credit":
            self.model.clock.after(self.wire_ps, partial(self.get_credit, level, size))

    def _mark(self, p: Packet, behind: int) -> None:
        """Mark congestion, by RED on what waits now."""
        if p.kind is not Kind.DATA or self.link.ecn is None:
            return
        low, high = self.link.ecn
        most = self.model.settings.ecn_most
        if behind > high or (behind > low and self.model.chance.unit() * (high - low) < most * (behind - low)):
            p.marked = True
            self.tally.marked += 1

    # --- the far end

    def _arrive(self, p: Packet) -> None:
        if not self.up:
            self.tally.dropped += 1
            self._restore_credit(p.level, p.size)
            return
        p.inlet = None
        held_back = p.level > 0 and self.model.transport.queues in ("pause", "credit")
        if held_back:
            if not self.inlets[p.level].admit(p.size):
                self.tally.dropped += 1
                return
            p.inlet = self.inlets[p.level]
        if p.broken and not self.link.cut:
            if p.inlet is not None:
                p.inlet.release(p.size)
            return
        self.far.take(p, self)

    def gate(self, level: int, stop: bool) -> None:
        """Stop sending a class, or go on."""
        now = self.model.clock.now
        if stop:
            if not self.paused:
                self._paused_since = now
            self.paused.add(level)
            self.tally.pauses += 1
        else:
            self.paused.discard(level)
            if not self.paused:
                self.tally.paused_ps += now - self._paused_since
        if self.serving is None:
            self.near.go_on(self)

    def die(self) -> None:
        """The link breaks: lose what waits, and later what is being sent, what is on the wire and what others send."""
        self.up = False
        for queue in self.waiting:
            while queue:
                p = queue.popleft()
                if p.level > 0:
                    self._hold(-p.size)
                self.drop(p)

    def live(self) -> None:
        """The link is whole again: what its last life left of pauses is forgotten, and credit is counted anew."""
        self.up = True
        self.paused.clear()
        for inlet in self.inlets:
            inlet.stopped_at = None
            self.credit[inlet.level] = self.link.credit - inlet.bytes
        self.model.clock.after(0, partial(self.get_credit, 0, 0))

    def get_credit(self, level: int, size: int) -> None:
        """There is room behind the link again."""
        self.credit[level] += size
        if self.serving is None:
            self.near.go_on(self)
