"""Addresses of interfaces, and neighbours that need no question because the plan knows them."""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import IPv4Address

from weft.lab.netlink.attributes import attribute
from weft.lab.netlink.sockets import CREATE, REPLACE, Message

_NEW_ADDRESS, _NEW_NEIGHBOUR = 20, 28
_ADDRESS, _LOCAL = 1, 2
_DESTINATION, _MAC, _PERMANENT = 1, 2, 0x80


def add_address(index: int, name: str, address: IPv4Address, length: int) -> Message:
    """Give an interface an address with a prefix length."""
    body = struct.pack("=BBBBI", socket.AF_INET, length, 0, 0, index)
    body += attribute(_LOCAL, address.packed) + attribute(_ADDRESS, address.packed)
    return Message(_NEW_ADDRESS, CREATE | REPLACE, body, f"give {name} the address {address}/{length}", (errno.EEXIST,))


def set_neighbour(index: int, name: str, address: IPv4Address, mac: bytes) -> Message:
    """Say for good which hardware address an address has on an interface."""
    body = struct.pack("=BBHiHBB", socket.AF_INET, 0, 0, index, _PERMANENT, 0, 0)
    body += attribute(_DESTINATION, address.packed) + attribute(_MAC, mac)
    return Message(_NEW_NEIGHBOUR, CREATE | REPLACE, body, f"say where {address} is on {name}")
