"""Routes: from a prefix to a next-hop group, and the kernel's own answer to which way a packet goes."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from weft.lab.netlink.attributes import attribute, number, read, u8, u32
from weft.lab.netlink.sockets import CREATE, REPLACE, Message, Netlink

_NEW, _DELETE, _GET = 24, 25, 26
_DST, _SRC, _IIF, _OIF, _GATEWAY, _NEXTHOP = 1, 2, 3, 4, 5, 30
_PROTOCOL, _SOURCE_PORT, _DESTINATION_PORT = 27, 28, 29
_HEAD = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_MAIN, _STATIC, _UNIVERSE, _UNICAST, LOCAL = 254, 4, 0, 1, 2


@dataclass(frozen=True, slots=True)
class Flow:
    """What ECMP hashes over: addresses, IP protocol (6 TCP, 17 UDP) and ports."""

    source: IPv4Address
    destination: IPv4Address
    protocol: int
    source_port: int
    destination_port: int


@dataclass(frozen=True, slots=True)
class Route:
    """Where the kernel sends a packet: out of an interface; ``local`` where it is its own."""

    interface: int
    local: bool


def set_route(prefix: IPv4Network, nexthop: int) -> Message:
    """Send a prefix to a next-hop group."""
    body = _HEAD.pack(socket.AF_INET, prefix.prefixlen, 0, 0, _MAIN, _STATIC, _UNIVERSE, _UNICAST, 0)
    body += attribute(_DST, prefix.network_address.packed) + u32(_NEXTHOP, nexthop)
    return Message(_NEW, CREATE | REPLACE, body, f"route {prefix}")


def delete_route(prefix: IPv4Network) -> Message:
    """Delete the route of a prefix."""
    body = _HEAD.pack(socket.AF_INET, prefix.prefixlen, 0, 0, _MAIN, 0, 0, 0, 0)
    return Message(
        _DELETE, 0, body + attribute(_DST, prefix.network_address.packed), f"delete {prefix}", (errno.ESRCH,)
    )


def look_up(netlink: Netlink, flow: Flow, arrived_by: int = 0) -> Route:
    """Return where a packet goes that arrives by an interface, or that starts here (0).

    Raises:
        NetlinkError: no route.
    """
    body = _HEAD.pack(socket.AF_INET, 32, 32, 0, 0, 0, 0, 0, 0)
    body += attribute(_DST, flow.destination.packed) + attribute(_SRC, flow.source.packed)
    if arrived_by:
        body += u32(_IIF, arrived_by)
    body += u8(_PROTOCOL, flow.protocol)
    body += attribute(_SOURCE_PORT, struct.pack(">H", flow.source_port))
    body += attribute(_DESTINATION_PORT, struct.pack(">H", flow.destination_port))
    _, answer = netlink.ask(Message(_GET, 0, body, f"find a route to {flow.destination}"))
    found = read(answer[_HEAD.size :])
    return Route(number(found.get(_OIF, b"\0")), _HEAD.unpack_from(answer)[7] == LOCAL)
