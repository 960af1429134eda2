"""Next hops that a design predicts: what eBGP with one path length and ECMP over all its shortest paths settles on.

Every device prefers the fewest AS hops and uses all neighbours that offer as few. It passes on one of these routes, and
drops those that have its own AS number in them (RFC 4271, 9.1.2; RFC 7938, 5.2). Hosts send, and never forward.
Complexity: for one destination linear in links; for all, in links times switches that have hosts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from weft.underlay.model import Device, Port, Role, Underlay


@dataclass(frozen=True)
class Routes:
    """Where packets go, in one state of the links.

    Attributes:
        underlay: whose.
        hops: by destination (number of the switch that announces the prefix), then by device: the ports to send by.
    """

    underlay: Underlay
    hops: dict[int, dict[int, tuple[Port, ...]]]

    def next_hops(self, device: Device, destination: Device) -> tuple[Port, ...]:
        """Return the ports by which a device sends to a switch's hosts; none where it cannot."""
        return self.hops[destination.number].get(device.number, ())

    def paths(self, source: Device, destination: Device) -> Iterable[tuple[Port, ...]]:
        """Yield every path to a switch: the ports it leaves by, from the source on."""
        if source.number == destination.number:
            yield ()
        for port in self.next_hops(source, destination):
            for rest in self.paths(self.underlay.devices[port.peer], destination):
                yield (port, *rest)


def next_hops(underlay: Underlay, dead: Collection[int] = (), only: Collection[int] | None = None) -> Routes:
    """Return the next hops of every device towards every switch that has hosts.

    Args:
        underlay: the devices.
        dead: cables that are down; either of the two where an optical circuit joins them.
        only: numbers of the destinations wanted; default all.
    """
    wanted = [device for device in underlay.switches if device.prefix is not None]
    return Routes(
        underlay,
        {device.number: _towards(underlay, device, dead) for device in wanted if only is None or device.number in only},
    )


def _towards(underlay: Underlay, destination: Device, dead: Collection[int]) -> dict[int, tuple[Port, ...]]:
    """Let the announcement of one switch spread, a hop at a time."""
    devices = underlay.devices
    hops: dict[int, tuple[Port, ...]] = {destination.number: ()}
    path: dict[int, tuple[int, ...]] = {destination.number: (destination.asn,)}  # as each announces it
    front = [destination]
    while front:
        offers: dict[int, list[Port]] = {}
        for device in front:
            passed = path[device.number]
            for port in device.ports:
                to = port.peer
                if to in hops or port.cable in dead or port.far_cable in dead:
                    continue
                peer = devices[to]
                if peer.asn not in passed:  # hosts have 0, which no switch has
                    offers.setdefault(to, []).append(peer.ports[port.peer_port])
        front = []
        for number, ports in offers.items():
            if len(ports) > 1:
                ports.sort(key=lambda port: (port.peer, port.peer_port))
            hops[number] = tuple(ports)
            device = devices[number]
            if device.role is Role.SWITCH:
                best = min(ports, key=lambda port: int(devices[port.peer].loopback or 0)) if ports[1:] else ports[0]
                path[number] = (device.asn, *path[best.peer])
                front.append(device)
    del hops[destination.number]
    return hops
