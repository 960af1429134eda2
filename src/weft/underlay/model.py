"""Devices and ports of the IP underlay."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from weft.errors import UnknownName
from weft.fabric import Fabric
from weft.fabric.underlay_options import Underlay as Options


class Role(Enum):
    """What a device does: forward, or be an end."""

    SWITCH = "switch"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Port:
    """One end of a link.

    Attributes:
        name: as the device's own system has it: ``swp3`` (``swp3s1`` behind a breakout) or ``eth0``.
        device: number of the device it is on.
        peer, peer_port: number of the device at the other end, and the place of the port among its ports.
        cable: the fabric's cable: its directed links are ``2 * cable`` and ``2 * cable + 1``.
        far_cable: the fabric's cable at the other end; another than ``cable`` where an optical circuit joins two.
        rate_Bps: one way.
        address: of a host port's /31, or of a link's where BGP is numbered.
        faces: what is at the other end.
        accelerator: of a host's port, the rank whose traffic it carries first; -1 elsewhere.
    """

    name: str
    device: int
    peer: int
    peer_port: int
    cable: int
    far_cable: int
    rate_Bps: float
    address: IPv4Address | None
    faces: Role
    accelerator: int = -1


@dataclass(frozen=True, slots=True)
class Device:
    """A switch or a host.

    Attributes:
        number: its place among the devices.
        row: node row of the fabric.
        name: the fabric's, such as ``pod0/leaf3``.
        hostname: the same for systems that allow no slash: ``pod0-leaf3``.
        role: switch or host.
        kind: the fabric's kind: ``leaf``, ``spine``, ``core``, ``router``, ``host``.
        ports: its ports: those to hosts first, each in cable order.
        asn: AS number; 0 of hosts.
        loopback: None of hosts.
        prefix: what it announces for the hosts at its ports; None without.
    """

    number: int
    row: int
    name: str
    hostname: str
    role: Role
    kind: str
    ports: tuple[Port, ...]
    asn: int = 0
    loopback: IPv4Address | None = None
    prefix: IPv4Network | None = None

    def port(self, name: str) -> Port:
        """Return the port of a name.

        Raises:
            UnknownName: there is none.
        """
        for port in self.ports:
            if port.name == name:
                return port
        raise UnknownName(f"port of {self.hostname}", name, [port.name for port in self.ports])


@dataclass(frozen=True)
class Underlay:
    """All devices of a fabric's compute network. Make one with `build_underlay`.

    Attributes:
        fabric: whose.
        options: pools, BGP, BFD, MTU.
        devices: switches first, in the order of their rows, then hosts.
    """

    fabric: Fabric
    options: Options
    devices: tuple[Device, ...]

    @cached_property
    def switches(self) -> tuple[Device, ...]:
        """Those that forward."""
        return tuple(device for device in self.devices if device.role is Role.SWITCH)

    @cached_property
    def hosts(self) -> tuple[Device, ...]:
        """The ends."""
        return tuple(device for device in self.devices if device.role is Role.HOST)

    @cached_property
    def _by_name(self) -> dict[str, Device]:
        return {name: device for device in self.devices for name in (device.name, device.hostname)}

    def device(self, name: str) -> Device:
        """Return a device by name, written with slashes or as a hostname.

        Raises:
            UnknownName: there is none.
        """
        if name not in self._by_name:
            raise UnknownName("device", name, [device.hostname for device in self.devices])
        return self._by_name[name]

    def peer(self, port: Port) -> Port:
        """Return the port at the other end."""
        return self.devices[port.peer].ports[port.peer_port]
