"""Netlink attributes: a length, a kind and a value, padded to four bytes (RFC 3549, section 2.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEAD = struct.Struct("=HH")
_NESTED = 0x8000
_KIND = 0x3FFF


def attribute(kind: int, value: bytes = b"") -> bytes:
    """Return one attribute."""
    return _HEAD.pack(4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def u8(kind: int, value: int) -> bytes:
    """Return an attribute that holds one byte."""
    return attribute(kind, struct.pack("=B", value))


def u32(kind: int, value: int) -> bytes:
    """Return an attribute that holds 32 bits."""
    return attribute(kind, struct.pack("=I", value))


def u64(kind: int, value: int) -> bytes:
    """Return an attribute that holds 64 bits."""
    return attribute(kind, struct.pack("=Q", value))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a string, ended by a zero as the kernel wants it."""
    return attribute(kind, value.encode() + b"\0")


def nest(kind: int, *inside: bytes) -> bytes:
    """Return an attribute that holds others."""
    return attribute(kind | _NESTED, b"".join(inside))


def read_all(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and value of every attribute."""
    place = 0
    while place + 4 <= len(data):
        length, kind = _HEAD.unpack_from(data, place)
        if length < 4:
            return
        yield kind & _KIND, data[place + 4 : place + length]
        place += length + -length % 4


def read(data: bytes) -> dict[int, bytes]:
    """Return attributes by kind."""
    return dict(read_all(data))


def number(value: bytes) -> int:
    """Return what an attribute of 1, 2, 4 or 8 bytes holds."""
    return int.from_bytes(value, "little" if struct.pack("=H", 1) == b"\1\0" else "big")


def string(value: bytes) -> str:
    """Return what an attribute with a string holds."""
    return value.rstrip(b"\0").decode(errors="replace")
