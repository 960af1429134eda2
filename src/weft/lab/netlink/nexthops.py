"""Next-hop objects and groups of them: a route names a group, and replacing the group moves all its routes at once."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from weft.lab.netlink.attributes import attribute, number, read, u32
from weft.lab.netlink.sockets import CREATE, REPLACE, Message, Netlink

_NEW, _DELETE, _GET = 104, 105, 106
_ID, _GROUP, _INTERFACE, _GATEWAY = 1, 2, 5, 6
_HEAD = struct.Struct("=BBBBI")  # struct nhmsg
_ENTRY = struct.Struct("=IBBH")  # struct nexthop_grp: weight - 1, and its high byte in newer kernels
_STATIC, _ONLINK = 4, 4
MAX_WEIGHT = 256  # what every kernel with next-hop groups takes


@dataclass(frozen=True, slots=True)
class NextHop:
    """A next hop: out of an interface to a gateway; or a group: (id, weight) pairs."""

    id: int
    interface: int
    gateway: IPv4Address | None
    group: tuple[tuple[int, int], ...]


def set_nexthop(id: int, index: int, name: str, gateway: IPv4Address) -> Message:
    """Make or change the next hop of a number: to a gateway that is right behind an interface."""
    body = _HEAD.pack(socket.AF_INET, 0, _STATIC, 0, _ONLINK)
    body += u32(_ID, id) + u32(_INTERFACE, index) + attribute(_GATEWAY, gateway.packed)
    return Message(_NEW, CREATE | REPLACE, body, f"send to {gateway} by {name}")


def set_group(id: int, hops: Sequence[tuple[int, int]], what: str) -> Message:
    """Make or change a group: ids of its next hops with their weights, 1 to 256."""
    entries = b"".join(_ENTRY.pack(hop, weight - 1, 0, 0) for hop, weight in hops)
    body = _HEAD.pack(socket.AF_UNSPEC, 0, _STATIC, 0, 0) + u32(_ID, id) + attribute(_GROUP, entries)
    return Message(_NEW, CREATE | REPLACE, body, what)


def delete_nexthop(id: int) -> Message:
    """Delete a next hop or a group, and the routes that name it."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + u32(_ID, id)
    return Message(_DELETE, 0, body, f"delete next hop {id}", (errno.ENOENT,))


def nexthops(netlink: Netlink) -> list[NextHop]:
    """Return all next hops and groups of a namespace."""
    found = []
    for kind, body in netlink.dump(Message(_GET, 0, _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0), "list its next hops")):
        if kind != _NEW:
            continue
        values = read(body[_HEAD.size :])
        gateway = values.get(_GATEWAY)
        group = tuple((hop, weight + 1) for hop, weight, _, _ in _ENTRY.iter_unpack(values.get(_GROUP, b"")))
        found.append(
            NextHop(
                number(values[_ID]),
                number(values.get(_INTERFACE, b"\0")),
                IPv4Address(gateway) if gateway and len(gateway) == 4 else None,
                group,
            )
        )
    return found
