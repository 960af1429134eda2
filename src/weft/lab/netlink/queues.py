"""Queues of interfaces: a token bucket that holds a port to its rate, how much waits in it, and silent loss."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from weft.lab.netlink.attributes import attribute, nest, number, read, string, text, u32, u64
from weft.lab.netlink.sockets import CREATE, EXCLUSIVE, REPLACE, Message, Netlink

_NEW_QUEUE, _DELETE_QUEUE, _GET_QUEUE = 36, 37, 38
_NEW_FILTER, _DELETE_FILTER, _GET_FILTER = 44, 45, 46
_KIND, _OPTIONS, _STATS2 = 1, 2, 7
_STATS_BASIC, _STATS_QUEUE = 1, 3
_TBF_PARAMETERS, _TBF_RATE64, _TBF_BURST = 1, 4, 6
_BPF_OPS_LENGTH, _BPF_OPS, _BPF_NAME, _BPF_FLAGS = 4, 5, 7, 8
_HEAD = struct.Struct("=BBHiIII")  # struct tcmsg
_ROOT, _CLSACT, _INGRESS = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFFFFF2
_SHAPER, _INGRESS_QUEUE = 0x10000, 0xFFFF0000
_ETHERNET, _ALL_PROTOCOLS = 1, 0x0003
_RETURN, _SHOT, _DIRECT_ACTION = 0x06, 2, 1
_DROP_ALL = struct.pack("=HBBI", _RETURN, 0, 0, _SHOT)  # one classic BPF instruction
_SILENT = "weft-silent"
_SILENT_PRIORITY = 7


@dataclass(frozen=True, slots=True)
class Queue:
    """The root queue of an interface.

    Attributes:
        interface: its number.
        kind: such as ``tbf``.
        rate_Bps: that it is held to; 0 where it is not.
        backlog_bytes, backlog_packets: that wait.
        dropped: packets, since it was set.
        sent_bytes: that have left it; of packets that the kernel cuts late, with the headers of every part.
    """

    interface: int
    kind: str
    rate_Bps: float
    backlog_bytes: int
    backlog_packets: int
    dropped: int
    sent_bytes: int


def shape(index: int, name: str, rate_Bps: float, burst_bytes: int, limit_bytes: int) -> Message:
    """Hold an interface to a rate, with a queue of ``limit_bytes``; ``burst_bytes`` exceeds the largest packet."""
    rate = int(rate_Bps)
    low = min(rate, 0xFFFFFFFF)
    spec = struct.pack("=BBHhHI", 0, _ETHERNET, 0, 0, 0, low)
    parameters = spec + bytes(12) + struct.pack("=III", limit_bytes, 0, 0)
    inside = [attribute(_TBF_PARAMETERS, parameters), u32(_TBF_BURST, burst_bytes)]
    if rate > low:
        inside.append(u64(_TBF_RATE64, rate))
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, _SHAPER, _ROOT, 0) + text(_KIND, "tbf") + nest(_OPTIONS, *inside)
    return Message(_NEW_QUEUE, CREATE | REPLACE, body, f"hold {name} to {rate * 8 / 1e6:g} Mbit/s")


def netem(index: int, name: str, delay_s: float, limit_packets: int = 100_000) -> Message:
    """Hold every packet that leaves an interface back for a while, where the kernel has netem."""
    ticks = min(int(delay_s * 1e9 / 64), 0xFFFFFFFF)  # the kernel's scheduler counts in 64 ns
    options = struct.pack("=6I", ticks, limit_packets, 0, 0, 0, 0)
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, _SHAPER, _ROOT, 0) + text(_KIND, "netem")
    return Message(_NEW_QUEUE, CREATE | REPLACE, body + attribute(_OPTIONS, options), f"delay what leaves {name}")


def silence(index: int, name: str) -> list[Message]:
    """Drop all that arrives by an interface, before anyone sees it, while its carrier stays."""
    queue = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, _INGRESS_QUEUE, _CLSACT, 0) + text(_KIND, "clsact")
    program = attribute(_BPF_OPS_LENGTH, struct.pack("=H", 1)) + attribute(_BPF_OPS, _DROP_ALL)
    program += text(_BPF_NAME, _SILENT) + u32(_BPF_FLAGS, _DIRECT_ACTION)
    what = f"silence {name}"
    body = _filter(index) + text(_KIND, "bpf") + nest(_OPTIONS, program)
    return [
        Message(_NEW_QUEUE, CREATE | EXCLUSIVE, queue, what, (errno.EEXIST,)),
        Message(_NEW_FILTER, CREATE | EXCLUSIVE, body, what, (errno.EEXIST,)),
    ]


def hear(index: int, name: str) -> Message:
    """Undo `silence`."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, _INGRESS_QUEUE, _CLSACT, 0) + text(_KIND, "clsact")
    return Message(_DELETE_QUEUE, 0, body, f"let {name} hear again", (errno.ENOENT, errno.EINVAL))


def is_silent(netlink: Netlink, index: int) -> bool:
    """Return whether `silence` is in force on an interface."""
    body = _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, 0, _INGRESS, 0)
    ask = Message(_GET_FILTER, 0, body, "list its filters")
    return any(
        read(read(answer[_HEAD.size :]).get(_OPTIONS, b"")).get(_BPF_OPS) == _DROP_ALL
        for kind, answer in netlink.dump(ask)
        if kind == _NEW_FILTER
    )


def queues(netlink: Netlink) -> Iterator[Queue]:
    """Yield the root queue of every interface of a namespace, with what waits in it."""
    ask = Message(_GET_QUEUE, 0, _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0, 0), "list its queues")
    for kind, body in netlink.dump(ask):
        _, _, _, index, _, parent, _ = _HEAD.unpack_from(body)
        if kind != _NEW_QUEUE or parent != _ROOT:
            continue
        found = read(body[_HEAD.size :])
        stats = read(found.get(_STATS2, b""))
        length, backlog, drops, *_ = struct.unpack_from("=5I", stats.get(_STATS_QUEUE, bytes(20)))
        (sent,) = struct.unpack_from("=Q", stats.get(_STATS_BASIC, bytes(8)))
        name = string(found[_KIND])
        rate_Bps = _rate(found.get(_OPTIONS, b"")) if name == "tbf" else 0.0
        yield Queue(index, name, rate_Bps, backlog, length, drops, sent)


def waiting(netlink: Netlink) -> Iterator[tuple[int, int, int]]:
    """Yield interface, bytes sent and bytes waiting of every root queue of a namespace: the quick part of `queues`."""
    for kind, body in netlink.dump(Message(_GET_QUEUE, 0, bytes(_HEAD.size), "list its queues")):
        _, _, _, index, _, parent, _ = _HEAD.unpack_from(body)
        if kind == _NEW_QUEUE and parent == _ROOT:
            stats = read(read(body[_HEAD.size :]).get(_STATS2, b""))
            (sent,) = struct.unpack_from("=Q", stats.get(_STATS_BASIC, bytes(8)))
            yield index, sent, struct.unpack_from("=II", stats.get(_STATS_QUEUE, bytes(8)))[1]


def has_clsact(netlink: Netlink) -> set[int]:
    """Return the interfaces that have an ingress queue, where alone `silence` can be in force."""
    ask = Message(_GET_QUEUE, 0, _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0, 0), "list its queues")
    found = set()
    for _, body in netlink.dump(ask):
        _, _, _, index, _, parent, _ = _HEAD.unpack_from(body)
        if parent == _CLSACT:
            found.add(index)
    return found


def _rate(options: bytes) -> float:
    found = read(options)
    if _TBF_RATE64 in found:
        return float(number(found[_TBF_RATE64]))
    parameters = found.get(_TBF_PARAMETERS, bytes(12))
    return float(struct.unpack_from("=I", parameters, 8)[0])


def _filter(index: int) -> bytes:
    info = _SILENT_PRIORITY << 16 | socket.htons(_ALL_PROTOCOLS)
    return _HEAD.pack(socket.AF_UNSPEC, 0, 0, index, 1, _INGRESS, info)
