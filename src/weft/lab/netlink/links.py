"""Links: make veth pairs across namespaces, set them up and down, read their state and counters."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from weft.lab.netlink.attributes import attribute, nest, number, read, string, text, u32
from weft.lab.netlink.sockets import CREATE, EXCLUSIVE, Message, Netlink

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
GROUP_LINK = 1  # RTMGRP_LINK
_NEW_STATS, _GET_STATS = 92, 94
_UP, _LOWER_UP = 0x1, 0x10000
_ADDRESS, _NAME, _MTU, _LINKINFO, _NS_FD = 1, 3, 4, 18, 28
_TX_QUEUES, _RX_QUEUES = 31, 32
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_HEAD = struct.Struct("=BBHiII")  # struct ifinfomsg
_STATS_64, _STATS = 1, struct.Struct("=24Q")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a veth pair to be: namespace by file descriptor, interface number and name, hardware address."""

    namespace: int
    index: int
    name: str
    mac: bytes


@dataclass(frozen=True, slots=True)
class LinkState:
    """An interface as the kernel has it: ``up`` is the administrator's word, ``carrier`` the wire's."""

    index: int
    name: str
    up: bool
    carrier: bool
    mtu: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Counters:
    """What an interface has carried since it was made."""

    receive_packets: int
    transmit_packets: int
    receive_bytes: int
    transmit_bytes: int
    receive_dropped: int
    transmit_dropped: int


def make_veth(a: End, b: End, mtu: int) -> Message:
    """Make two interfaces, each in its namespace and already named: nothing shows in the machine's own namespace."""
    common = u32(_MTU, mtu) + u32(_TX_QUEUES, 1) + u32(_RX_QUEUES, 1)

    def described(end: End) -> bytes:
        named = text(_NAME, end.name) + attribute(_ADDRESS, end.mac) + u32(_NS_FD, end.namespace)
        return _HEAD.pack(socket.AF_UNSPEC, 0, 0, end.index, 0, 0) + named + common

    info = nest(_LINKINFO, text(_INFO_KIND, "veth"), nest(_INFO_DATA, attribute(_VETH_PEER, described(b))))
    return Message(NEW_LINK, CREATE | EXCLUSIVE, described(a) + info, f"make the link {a.name} - {b.name}")


def make_simple(name: str, kind: str) -> Message:
    """Make an interface that needs nothing but a name, such as a bridge."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0) + text(_NAME, name)
    return Message(
        NEW_LINK, CREATE | EXCLUSIVE, body + nest(_LINKINFO, text(_INFO_KIND, kind)), f"make the {kind} {name}"
    )


def set_link(index: int, name: str, *, up: bool) -> Message:
    """Set an interface up or down."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, _UP if up else 0, _UP)
    return Message(NEW_LINK, 0, body, f"set {name} {'up' if up else 'down'}")


def set_mtu(index: int, name: str, mtu: int) -> Message:
    """Set the largest packet of an interface, bytes."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, 0, 0) + u32(_MTU, mtu)
    return Message(NEW_LINK, 0, body, f"set the MTU of {name} to {mtu}")


def delete_link(index: int, name: str) -> Message:
    """Delete an interface; of a veth pair the other end goes as well."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, 0, 0)
    return Message(DEL_LINK, 0, body, f"delete {name}", (errno.ENODEV,))


def link_state(kind: int, body: bytes) -> LinkState:
    """Return what an RTM_NEWLINK or RTM_DELLINK says."""
    _, _, _, index, flags, _ = _HEAD.unpack_from(body)
    found = read(body[_HEAD.size :])
    name = string(found.get(_NAME, b""))
    up, carrier = bool(flags & _UP), bool(flags & _UP) and bool(flags & _LOWER_UP)
    return LinkState(index, name, up, carrier, number(found.get(_MTU, b"\0")), kind == DEL_LINK)


def links(netlink: Netlink) -> list[LinkState]:
    """Return all interfaces of a namespace."""
    ask = Message(GET_LINK, 0, _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0), "list its links")
    return [link_state(kind, body) for kind, body in netlink.dump(ask)]


def counters(netlink: Netlink) -> Iterator[tuple[int, Counters]]:
    """Yield interface number and counters of every interface of a namespace (RTM_GETSTATS)."""
    ask = Message(_GET_STATS, 0, struct.pack("=BBHII", socket.AF_UNSPEC, 0, 0, 0, 1 << (_STATS_64 - 1)), "count")
    for kind, body in netlink.dump(ask):
        if kind != _NEW_STATS:
            continue
        index = struct.unpack_from("=I", body, 4)[0]
        values = read(body[12:])[_STATS_64]
        yield index, Counters(*struct.unpack_from("=4Q", values), *struct.unpack_from("=2Q", values, 48))
