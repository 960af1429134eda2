"""A host: whose packet its one port sends next, and which sender it grants credit next."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from weft.engines.packet.reference.model import PS, QUANTUM, Model
from weft.engines.packet.reference.packet import Kind, Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.port import Port
    from weft.engines.packet.reference.receiver import Receiver
    from weft.engines.packet.reference.sender import Sender

_DATA_PER_CONTROL = 10  # turns of data and of control at a host's port
_GRANTED = 0.99  # of line rate, that receivers grant
_MOST_RESTING = 1024
_LEAST_TURN = 4  # quanta: the time a grant of nothing takes


class Host:
    """A host.

    Attributes:
        edge: its switch's place among all edges.
        port: into the network.
        waiting: flows that would send, in turn.
    """

    is_host = True

    def __init__(self, model: Model, number: int, edge: int, rate_Bps: float) -> None:
        self.model, self.number, self.edge = model, number, edge
        self.port: Port
        self.held = 0
        self.waiting: deque[Sender] = deque()
        self._turn = 0
        # As a receiver
        self.asking: deque[Receiver] = deque()
        self.resting: deque[Receiver] = deque()  # those that ask for nothing
        self._granting = False
        self._ps_per_quantum = QUANTUM * PS / rate_Bps / _GRANTED
        self._rate = 1.0  # of grants, in part of line rate
        self._marked_mean = 0.0
        self._increases = 0
        self._asleep = False
        self.came = self.came_marked = self.trimmed_before = self.trimmed_last = 0

    def shared_free(self) -> int | None:
        """Hosts have room for all."""
        return None

    def shared_room(self) -> int | None:
        """Hosts have room for all."""
        return None

    def grant_at(self, ps_per_byte: float) -> None:
        """The port has another rate, and so have grants."""
        self._ps_per_quantum = QUANTUM * ps_per_byte / _GRANTED

    # --- the port

    def go_on(self, port: Port) -> None:
        """The port is idle: send control by turns with data."""
        control_waits = bool(port.waiting[0])
        if control_waits and self.waiting:
            self._turn = (self._turn + 1) % (_DATA_PER_CONTROL + 1)
            if self._turn != 0:
                port.send_next()
                return
        for _ in range(len(self.waiting)):
            flow = self.waiting[0]
            if not port.may_send(flow.level, self.model.transport.mtu_bytes):
                self.waiting.rotate(-1)
                continue
            if flow.permitted():
                flow.send()
                self.waiting.popleft()
                if flow.permitted():
                    self.waiting.append(flow)
                return
            self.waiting.popleft()
        if control_waits:
            port.send_next()

    def take(self, p: Packet, port: Port) -> None:
        """Take a packet that has come."""
        if p.inlet is not None:
            p.inlet.release(p.size)
        flow = p.flow
        {
            Kind.DATA: flow.receiver.get_data,
            Kind.TRIMMED: flow.receiver.get_trimmed,
            Kind.ASK: flow.receiver.get_ask,
            Kind.ACK: flow.get_ack,
            Kind.NACK: flow.get_nack,
            Kind.PULL: flow.get_pull,
            Kind.NOTICE: flow.get_notice,
        }[p.kind](p)

    # --- granting credit

    def request(self, flow: Receiver) -> None:
        """A flow asks for credit."""
        self.asking.append(flow)
        if not self._granting:
            self._granting = True
            self.model.clock.after(0, self._grant)

    def _grant(self) -> None:
        """Give the next flow its credit; those that asked for nothing get some ahead, up to a window."""
        while self.asking and not self.asking[0].sender.running:
            self.asking.popleft()
        t = self.model.transport
        size = -(-t.grant_packets * (t.mtu_bytes - t.header_bytes) // QUANTUM)
        if self.asking:
            flow = self.asking.popleft()
            granted = max(0, min(size, flow.pull_target - flow.latest_pull))
            flow.latest_pull += granted
            if flow.pull_target > flow.latest_pull:
                self.request(flow)
            else:
                self._rest(flow)
        elif self.resting:
            flow = self.resting.popleft()
            granted = size
            flow.latest_pull += granted
            if 0 <= flow.latest_pull - flow.pull_target < self.model.most_credit // QUANTUM:
                self._rest(flow)
        else:
            self._granting = False
            return
        flow.send_pull()
        quanta = granted if granted > 0 else _LEAST_TURN
        self.model.clock.after(int(quanta * self._ps_per_quantum / self._rate), self._grant)

    def _rest(self, flow: Receiver) -> None:
        """Put a flow with those that ask for nothing; it may stand there more than once."""
        if len(self.resting) < _MOST_RESTING:
            self.resting.append(flow)

    def wake(self) -> None:
        """A flow to this host begins: look after congestion again."""
        if self._asleep:
            self._asleep = False
            self.model.clock.after(self.model.rtt_ps, self.throttle)

    def throttle(self) -> None:
        """Grant less where the network towards this host is congested."""
        whole = self.came - self.trimmed_last - self.trimmed_before
        fraction = self.came_marked / whole if whole > 0 else 0.0
        congested = self.trimmed_before > 0
        if congested:
            self._rate -= self.trimmed_before / self.came
        self._marked_mean = self._marked_mean * 0.5 + 0.5 * fraction
        if self._marked_mean > 0.3:
            self._rate *= 1.0 - (self._marked_mean - 0.3) * 0.5
            congested = True
        if congested:
            self._increases = 0
        else:
            self._rate += 0.01 * (2.0 ** min(self._increases, 60) if self.came_marked == 0 else 1.0)
            self._increases += 1
        self._rate = min(max(self._rate, self.model.settings.least_grant), 1.0)
        self.came = self.came_marked = self.trimmed_last = self.trimmed_before = 0
        if self.model.running == 0:
            self._asleep = True
            return
        spread = (0.75 + self.model.chance.unit() / 2) * 1.5  # so that hosts do not act in step
        self.model.clock.after(int(spread * self.model.rtt_ps), self.throttle)
