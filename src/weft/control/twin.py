"""The twin: a network under control that is only a model, with a clock of its own and faults at given times.

A fault takes hold at once and is noticed later: carrier lost after a millisecond, silence after the missed heartbeats.
Between the two, packets go where the groups say, and may be lost; `Twin.fate` tells. What a change does to a collective
is for the fluid engine to say (`weft.control.twin_collective`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from weft.control.links import cable_of
from weft.control.southbound import Ack, Change, Event, Group
from weft.errors import ConfigError
from weft.underlay import Device, Port, Role, Underlay, next_hops


@dataclass(frozen=True, slots=True)
class Delays:
    """How long it takes until things are known and done.

    Attributes:
        carrier_s: from a cut to the ports' DOWN, and from mending to UP.
        silence_s: from a silent loss to SILENT, and back to HEARD.
        slow_s: from a loss of rate to SLOW.
        install_s: from a command to its acknowledgement.
    """

    carrier_s: float = 0.001
    silence_s: float = 0.12
    slow_s: float = 1.5
    install_s: float = 0.001


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of packets from one device to another, as shares of all.

    Attributes:
        delivered: arrive.
        lost: sent into a dead link, or with no way to go.
        looped: come back to where they were.
    """

    delivered: float
    lost: float
    looped: float


class Twin:
    """A `Southbound` without a network. Its clock moves only by waiting and by commands."""

    def __init__(self, underlay: Underlay, delays: Delays | None = None, *, hosts: bool = True) -> None:
        """Begin with all links up and the groups of the design.

        Args:
            underlay: the network.
            delays: until things are known and done.
            hosts: whether the groups of hosts are under control too.
        """
        self.underlay, self.delays = underlay, delays or Delays()
        self.refusing: set[str] = set()  # devices that refuse commands
        self.replaced: list[Group] = []  # all that were put in place, in order
        self._now_s = 0.0
        self._order = count()
        self._due: list[tuple[float, int, Event]] = []
        self._broken: list[tuple[float, float, int, Change]] = []  # from, until, cable, what its ports notice
        self._groups: dict[tuple[str, str], Group] = {}
        self._ends: dict[int, list[Port]] = {}
        for device in underlay.devices:
            for port in device.ports:
                self._ends.setdefault(cable_of(port), []).append(port)
        for number, hops in next_hops(underlay).hops.items():
            for at, ports in hops.items():
                device = underlay.devices[at]
                if hosts or device.role is Role.SWITCH:
                    group = Group(
                        device.hostname, underlay.devices[number].hostname, tuple((port.name, 1) for port in ports)
                    )
                    self._groups[group.device, group.destination] = group

    def cut(self, cable: int, at_s: float, until_s: float = float("inf")) -> None:
        """Take a cable out; its ports lose carrier."""
        self._break(cable, at_s, until_s, Change.DOWN, Change.UP, self.delays.carrier_s)

    def silence(self, cable: int, at_s: float, until_s: float = float("inf")) -> None:
        """Let a cable lose all packets while its ports stay up."""
        self._break(cable, at_s, until_s, Change.SILENT, Change.HEARD, self.delays.silence_s)

    def slow(self, cable: int, share: float, at_s: float, until_s: float = float("inf")) -> None:
        """Leave a cable a share of its rate."""
        port = self._ports_of(cable)[0]
        for time_s, left in ((at_s, share), (until_s, 1.0)):
            self.notice(self._event(time_s + self.delays.slow_s, port, Change.SLOW, left))

    def notice(self, event: Event) -> None:
        """Let a device notice something at a time, whether it is so or not."""
        if event.time_s < float("inf"):
            heapq.heappush(self._due, (event.time_s, next(self._order), event))

    def now_s(self) -> float:
        """The clock, which moves only by waiting and by commands."""
        return self._now_s

    def groups(self) -> Sequence[Group]:
        """All groups as they are in place now."""
        return list(self._groups.values())

    def group(self, device: str, destination: str) -> Group | None:
        """The group of a device towards a switch; None where it has none."""
        return self._groups.get((device, destination))

    def events(self, timeout_s: float) -> Sequence[Event]:
        """Move the clock to the next event, or by the whole timeout; return what is due then."""
        until_s = self._now_s + max(0.0, timeout_s)
        self._now_s = max(self._now_s, min(until_s, self._due[0][0] if self._due else until_s))
        found = []
        while self._due and self._due[0][0] <= self._now_s:
            found.append(heapq.heappop(self._due)[2])
        return found

    def replace(self, groups: Sequence[Group]) -> Sequence[Ack]:
        """Put groups in place, but those of devices that refuse; it takes the time to install."""
        self._now_s += self.delays.install_s
        answers = []
        for group in groups:
            if group.device in self.refusing:
                answers.append(Ack(group, "refused"))
            elif (group.device, group.destination) not in self._groups:
                answers.append(Ack(group, "no such group"))
            else:
                self._groups[group.device, group.destination] = group
                self.replaced.append(group)
                answers.append(Ack(group))
        return answers

    def fate(self, source: Device, destination: Device) -> Fate:
        """What becomes now of packets from a device to the hosts of a switch, spread over groups by weight."""
        here, delivered, lost = {source.number: 1.0}, 0.0, 0.0
        for _ in range(len(self.underlay.devices)):  # whoever is on the way after so many hops goes in circles
            onward: dict[int, float] = {}
            for number, share in here.items():
                if number == destination.number:
                    delivered += share
                    continue
                ways = self._ways(self.underlay.devices[number], destination)
                whole = sum(weight for _, weight in ways)
                if not ways:
                    lost += share
                for port, weight in ways:
                    part = share * weight / whole
                    if self._loses(cable_of(port)):
                        lost += part
                    else:
                        onward[port.peer] = onward.get(port.peer, 0.0) + part
            here = onward
        return Fate(delivered, lost, sum(here.values(), 0.0))

    def _ways(self, device: Device, destination: Device) -> list[tuple[Port, int]]:
        """Return the ports by which a device sends: those of its group but for its own that have no carrier."""
        group = self._groups.get((device.hostname, destination.hostname))
        ways = [(device.port(name), weight) for name, weight in group.hops] if group else []
        alive = [way for way in ways if not self._loses(cable_of(way[0]), Change.DOWN)]
        return alive or ways

    def _loses(self, cable: int, how: Change | None = None) -> bool:
        return any(
            at_s <= self._now_s < until_s and broken == cable and how in (None, change)
            for at_s, until_s, broken, change in self._broken
        )

    def _break(self, cable: int, at_s: float, until_s: float, loss: Change, back: Change, delay_s: float) -> None:
        self._broken.append((at_s, until_s, cable, loss))
        for port in self._ports_of(cable):
            self.notice(self._event(at_s + delay_s, port, loss))
            self.notice(self._event(until_s + delay_s, port, back))

    def _ports_of(self, cable: int) -> list[Port]:
        if cable not in self._ends:
            raise ConfigError(f"no link of the compute network is cable {cable}")
        return self._ends[cable]

    def _event(self, time_s: float, port: Port, change: Change, share: float | None = None) -> Event:
        left = share if share is not None else float(change in (Change.UP, Change.HEARD))
        return Event(time_s, self.underlay.devices[port.device].hostname, port.name, change, left)
