"""A switch: which port each packet leaves by."""

from __future__ import annotations

from weft.engines.packet.reference.chance import mix
from weft.engines.packet.reference.model import Model
from weft.engines.packet.reference.packet import Kind, Packet
from weft.engines.packet.reference.port import Port

Way = tuple[int, list[Port]]  # links left, and the ports on a shortest way


class Switch:
    """A switch.

    Attributes:
        number: of it.
        salt: of its hash.
        to_host: the ports to its own hosts, by host.
        ways: to edge switches, by their place among all edges, where there is a way.
        held: bytes of data in it.
    """

    is_host = False

    def __init__(self, model: Model, number: int, salt: int) -> None:
        self.model, self.number, self.salt = model, number, salt
        self.to_host: dict[int, Port] = {}
        self.ways: dict[int, Way] = {}
        self.edges: list[Switch] = []
        self.held = 0
        self._turn = 0
        self._flowlets: dict[int, tuple[Port, int]] = {}

    def shared_free(self) -> int | None:
        """Return what is left of the shared buffer; None where ports have their own."""
        shared = self.model.transport.shared_bytes
        return None if not shared else shared - self.held

    def shared_room(self) -> int | None:
        """Return what one queue may hold of the shared buffer (dynamic thresholds); None where ports have their own."""
        free = self.shared_free()
        return None if free is None else int(self.model.transport.shared_alpha * free)

    def go_on(self, port: Port) -> None:
        """A port is idle."""
        port.send_next()

    def take(self, p: Packet, port: Port) -> None:
        """Forward a packet that has come."""
        p.hops += 1
        out = self._next(p)
        if out is None:
            port.drop(p)
            return
        lanes = self.model.transport.lanes
        if lanes > 1 and p.level > 0:
            p.level = p.flow.level + min(p.hops - 1, lanes - 1)
        out.enqueue(p)

    def _next(self, p: Packet) -> Port | None:
        """Return the port towards a packet's host, or towards the edge that it goes by."""
        edge = p.dst.edge
        if p.first:
            p.first = False
            if self.model.transport.way != "minimal":
                p.via = self._detour(edge)
        if p.via is not None:
            if self.edges[p.via] is self:
                p.via = None
            else:
                edge = p.via
        if self.edges[edge] is self:
            return self.to_host[p.dst.number]
        if edge not in self.ways:
            return None
        ports = self.ways[edge][1]
        if len(ports) == 1:
            return ports[0]
        return self._choose(p, ports) if p.level > 0 else self._hashed(p, ports)

    def _choose(self, p: Packet, ports: list[Port]) -> Port:
        """Choose among equal next hops for data."""
        how, chance = self.model.transport.switch_choice, self.model.chance
        if how == "shortest_queue":
            return self._shortest(ports)
        if how == "two_choices":
            a, b = ports[chance.below(len(ports))], ports[chance.below(len(ports))]
            return a if a.queued <= b.queued else b
        if how == "in_turn":
            return self._in_turn(ports)
        if how == "flowlets":
            now = self.model.clock.now
            port, last = self._flowlets.get(p.flow.number, (None, 0))
            if port is None or now - last > self.model.flowlet_ps:
                port = self._shortest(ports)
            self._flowlets[p.flow.number] = port, now
            return port
        return self._hashed(p, ports)

    def _in_turn(self, ports: list[Port]) -> Port:
        """Take each once, in an order that is shuffled anew each round."""
        if self._turn >= len(ports):
            self._turn = 0
            for left in range(len(ports), 1, -1):
                place = self.model.chance.below(left)
                ports[place], ports[left - 1] = ports[left - 1], ports[place]
        self._turn += 1
        return ports[self._turn - 1]

    def _hashed(self, p: Packet, ports: list[Port]) -> Port:
        """Hash what the headers say: flow, entropy, and whether it is control's."""
        control = p.kind not in (Kind.DATA, Kind.TRIMMED)
        key = p.flow.number << 32 ^ p.entropy << 1 ^ control
        return ports[mix(key ^ self.salt) % len(ports)]

    def _shortest(self, ports: list[Port]) -> Port:
        """The port with the least data before it that nothing stops; the first of equals after a random one."""
        start = self.model.chance.below(len(ports))
        turned = ports[start:] + ports[:start]
        return min(turned, key=lambda port: port.queued if port.up and not port.paused else 1 << 61)

    def _detour(self, edge: int) -> int | None:
        """Choose a random edge to go by (Valiant), or that if its way is shorter by hops x queue (UGAL-L)."""
        via = self.model.chance.below(self.model.detours)
        by = self.edges[via]
        if via == edge or edge not in self.ways or via not in self.ways or edge not in by.ways:
            return None  # one of them is here, or there is no way
        if self.model.transport.way == "ugal":
            near, far = self._shortest(self.ways[edge][1]), self._shortest(self.ways[via][1])
            far_hops = self.ways[via][0] + by.ways[edge][0]
            if near.queued * self.ways[edge][0] <= far.queued * far_hops + self.model.transport.mtu_bytes:
                return None
        return via
