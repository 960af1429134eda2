"""The groups that a state of the links asks for, kept current destination by destination.

Which destinations a cable matters to is known beforehand: those that send over it now if it dies, those from which its
two ends are not equally far if it comes back. Only these are worked out anew. Complexity: of a change, linear in links
times the destinations it reaches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from math import gcd, inf

from weft.control.links import cable_of
from weft.control.southbound import Group
from weft.underlay import Device, Port, Underlay, next_hops

#: The whole that shares of slow links are rounded to: a sixteenth.
SHARES = 16

Hops = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Needed:
    """What a change of links asks for.

    Attributes:
        groups: those that may differ by it; none is empty.
        cut: (device, destination) names of those left without a next hop by it.
    """

    groups: list[Group]
    cut: list[tuple[str, str]]


class Wanted:
    """Which groups every device should have, by destination."""

    def __init__(self, underlay: Underlay) -> None:
        self.underlay = underlay
        self.dead: frozenset[int] = frozenset()
        self.slow: dict[int, float] = {}
        self._ports: dict[int, dict[int, tuple[Port, ...]]] = {}
        self._far: dict[int, dict[int, int]] = {}  # by destination: hops from there to a device
        self._cables: dict[int, set[int]] = {}
        self._over: dict[int, set[int]] = defaultdict(set)  # by cable: destinations that are sent to over it
        self._ends = {cable_of(port): (port.device, port.peer) for d in underlay.switches for port in d.ports}
        self._plain: dict[tuple[Port, ...], Hops] = {}
        self._work_out(None)

    def change(self, dead: Collection[int], slow: Mapping[int, float]) -> Needed:
        """Take over a state of the links.

        Args:
            dead: cables not to be used, numbered by `cable_of`.
            slow: by cable, what is left of its rate; others have all.
        """
        now = frozenset(dead)
        reached = self._reached(self.dead - now, now - self.dead)
        self.dead = now
        devices, needed = self.underlay.devices, Needed([], [])
        moved = self._work_out(reached)
        weighed = self._weighed(slow)
        for number in sorted(moved.keys() | weighed):
            hops = self._ports[number]
            # With slow links about, a change far away may shift weights anywhere
            shared = number in weighed or any(cable in self._cables[number] for cable in self.slow)
            weights = self._weights(devices[number]) if shared else {}
            name = devices[number].hostname
            for device in hops if shared else moved[number]:
                if device in hops:
                    group = weights[device] if shared else self._even(hops[device])
                    needed.groups.append(Group(devices[device].hostname, name, group))
            lost = (device for device in moved.get(number, ()) if device not in hops)
            needed.cut.extend((devices[device].hostname, name) for device in lost)
        return needed

    def _reached(self, back: Iterable[int], lost: Iterable[int]) -> set[int]:
        """Return the destinations that cables matter to: some that are back, some that were lost."""
        found: set[int] = set()
        for cable in lost:
            found |= self._over.get(cable, set())
        for cable in back:
            a, b = self._ends[cable]
            found.update(number for number, far in self._far.items() if far.get(a, inf) != far.get(b, inf))
        return found

    def _work_out(self, only: Collection[int] | None) -> dict[int, list[int]]:
        """Work out destinations anew; return the devices of each whose ports are other than before."""
        moved = {}
        for number, hops in next_hops(self.underlay, self.dead, only).hops.items():
            before, self._ports[number] = self._ports.get(number, {}), hops
            far, cables = {number: 0}, self._cables.setdefault(number, set())
            for device, ports in hops.items():  # nearest first
                far[device] = far[ports[0].peer] + 1
            self._far[number] = far
            moved[number] = [device for device, ports in hops.items() if before.get(device) != ports]
            moved[number] += [device for device in before if device not in hops]
            was = {cable_of(port) for device in moved[number] for port in before.get(device, ())}
            now = {cable_of(port) for device in moved[number] for port in hops.get(device, ())}
            for cable in was - now:
                self._over[cable].discard(number)
            for cable in now - was:
                self._over[cable].add(number)
            cables -= was - now
            cables |= now
        return moved

    def _weighed(self, slow: Mapping[int, float]) -> set[int]:
        """Take over the slow links; return the destinations whose weights that may change."""
        changed = {cable for cable in self.slow.keys() | slow.keys() if self.slow.get(cable) != slow.get(cable)}
        self.slow = dict(slow)
        return {number for cable in changed for number in self._over.get(cable, ())}

    def _even(self, ports: tuple[Port, ...]) -> Hops:
        found = self._plain.get(ports)
        if found is None:
            found = self._plain[ports] = tuple((port.name, 1) for port in ports)
        return found

    def _weights(self, destination: Device) -> dict[int, Hops]:
        """Return the hops of every device with weights: of each, what the links from there on are able to carry.

        A device passes on what its hops can, each the lesser of its link's share and what its peer passes on.
        """
        passes = {destination.number: 1.0}
        found = {}
        for device, ports in self._ports[destination.number].items():
            shares = [min(self.slow.get(cable_of(port), 1.0), passes[port.peer]) for port in ports]
            passes[device] = sum(shares) / len(shares)
            whole = [max(1, round(SHARES * share)) for share in shares]
            common = reduce(gcd, whole)
            found[device] = tuple((port.name, w // common) for port, w in zip(ports, whole, strict=True))
        return found
