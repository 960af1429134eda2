"""Holds packets back between pairs of interfaces: the glass of long links, where the kernel has no netem.

    python delay_line.py LOWER UPPER SECONDS [LOWER UPPER SECONDS ...]

A program of its own, of the standard library alone, that runs in the namespace of the interfaces. Packets cross it as
the kernel has them, uncut and with checksums to be filled in later (PACKET_VNET_HDR), so that long ones stay one. It
prints one line when it is ready.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence

_ALL = 0x0003
_PACKET, _VNET_HEADER, _IGNORE_OUTGOING = 263, 15, 23
_RECEIVE_BUFFER, _SEND_BUFFER = 33, 32  # SO_RCVBUFFORCE, SO_SNDBUFFORCE
_BUFFER_bytes = 32 << 20
_LONGEST_bytes = 1 << 17
_AT_ONCE = 64


class Way:
    """One direction of a link: what waits, oldest first, with the time it is due."""

    def __init__(self, source: socket.socket, target: socket.socket, delay_s: float) -> None:
        self.source, self.target, self.delay_s = source, target, delay_s
        self.waiting: deque[tuple[float, bytes]] = deque()

    def take(self) -> None:
        """Take what has arrived; at most so much that nobody else has to wait long."""
        for _ in range(_AT_ONCE):
            try:
                packet = self.source.recv(_LONGEST_bytes)
            except OSError:  # nothing more, or the interface is down
                return
            self.waiting.append((time.monotonic() + self.delay_s, packet))

    def hand_on(self, now_s: float) -> None:
        """Hand on what is due. What cannot be sent, as the far port is down, is lost as in a cut fibre."""
        while self.waiting and self.waiting[0][0] <= now_s:
            _, packet = self.waiting.popleft()
            with contextlib.suppress(OSError):
                self.target.send(packet)


def tap(interface: str) -> socket.socket:
    """Return a socket that sees all that arrives by an interface, and sends by it."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    found.setsockopt(_PACKET, _VNET_HEADER, 1)
    found.setsockopt(_PACKET, _IGNORE_OUTGOING, 1)
    for option in (_RECEIVE_BUFFER, _SEND_BUFFER):
        found.setsockopt(socket.SOL_SOCKET, option, _BUFFER_bytes)
    found.bind((interface, _ALL))
    found.setblocking(False)
    return found


def main(words: Sequence[str]) -> None:
    """Hold packets back until ended."""
    ways: dict[socket.socket, Way] = {}
    for place in range(0, len(words), 3):
        lower, upper, delay_s = tap(words[place]), tap(words[place + 1]), float(words[place + 2])
        ways[lower], ways[upper] = Way(lower, upper, delay_s), Way(upper, lower, delay_s)
    with contextlib.suppress(OSError, AttributeError):  # glass is never busy
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print("ready", flush=True)
    while True:
        due_s = min((way.waiting[0][0] for way in ways.values() if way.waiting), default=None)
        timeout_s = None if due_s is None else max(0.0, due_s - time.monotonic())
        readable, _, _ = select.select(list(ways), [], [], timeout_s)
        for one in readable:
            ways[one].take()
        now_s = time.monotonic()
        for way in ways.values():
            way.hand_on(now_s)


if __name__ == "__main__":
    main(sys.argv[1:])
