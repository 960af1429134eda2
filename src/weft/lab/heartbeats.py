"""Heartbeats on every link between a lab's switches, both ways, told as events beside those of a southbound.

A frame of its own Ethernet type goes out by every port each interval, past the port's queue, as real switches put
theirs first; it comes in behind the filters that faults are made of. Frames are read when the clock says so, not when
they come: one process looks after all links and hardly ever wakes up.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence
from functools import partial

from weft.control import Change, Event, Southbound
from weft.control.heartbeats import Heartbeats, Timing
from weft.errors import InfeasibleError
from weft.lab import namespace
from weft.lab.lab import Lab
from weft.lab.plan import LabPort
from weft.lab.watching import WatchingSouthbound, sender_by

_TYPE = 0x88B5  # IEEE 802: local experimental Ethertype 1
_PAYLOAD = struct.Struct("!HH")  # who sent it: number of the node, place of the port
_FRAME_BYTES = 60
_BYPASS = 20  # PACKET_QDISC_BYPASS of linux/if_packet.h
_PACKET = 263  # SOL_PACKET

End = tuple[str, str]  # node and port


class HeartbeatSouthbound(WatchingSouthbound):
    """A `Southbound` that also hears links fall silent."""

    def __init__(self, lab: Lab, inner: Southbound, timing: Timing | None = None) -> None:
        """Open sockets in all switches, and begin to count.

        Args:
            lab: it.
            inner: where other events come from, and groups go to.
            timing: of heartbeats.

        Raises:
            InfeasibleError: raw sockets are not allowed here.
        """
        super().__init__(inner)
        self.timing = timing or Timing()
        self._senders: list[tuple[socket.socket, bytes]] = []
        self._receivers: list[socket.socket] = []
        self._sender_of: dict[bytes, End] = {}  # payload: the port that hears it
        try:
            self._open(lab)
        except OSError as error:
            self.close()
            raise InfeasibleError(f"heartbeats need raw sockets: {error.strerror}") from None
        self._next_s = self.now_s()
        self.heartbeats = Heartbeats(self._sender_of.values(), self._next_s, self.timing)
        self._beats = True

    def close(self) -> None:
        """Close the sockets; the inner southbound stays open."""
        for sender, _ in self._senders:
            sender.close()
        for receiver in self._receivers:
            receiver.close()

    def _look(self) -> list[Event]:
        """Send, read what came, and look; twice an interval, of which one sends."""
        now_s = self.now_s()
        if self._beats:
            for sender, frame in self._senders:
                with contextlib.suppress(OSError):  # the port is down: its link event says so
                    sender.send(frame)
        self._beats = not self._beats
        # From when it was due, not from now: else a late tick makes all that follow later
        self._next_s = max(self._next_s + self.timing.interval_s / 2, now_s)
        found = [Event(now_s, *end, Change.HEARD, 1.0) for end in self._heard(now_s)]
        return found + [Event(now_s, *end, Change.SILENT) for end in self.heartbeats.look(now_s)]

    def _heard(self, now_s: float) -> list[End]:
        """Read all frames that wait; return the ports that hear again."""
        found = []
        for receiver in self._receivers:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame = receiver.recv(_FRAME_BYTES)
                    end = self._sender_of.get(frame[14 : 14 + _PAYLOAD.size])
                    if end is not None and self.heartbeats.beat(end, now_s) is Change.HEARD:
                        found.append(end)
        return found

    def _open(self, lab: Lab) -> None:
        switches = {node.name: node for node in lab.plan.switches}
        for node in switches.values():
            towards = [(place, port) for place, port in enumerate(node.ports) if port.peer in switches]
            receiver, senders = namespace.within(lab.namespace(node.name), partial(_sockets, towards))
            self._receivers.append(receiver)
            for (place, port), sender in zip(towards, senders, strict=True):
                payload = _PAYLOAD.pack(node.number, place)
                head = bytes.fromhex(port.peer_mac) + bytes.fromhex(port.mac) + struct.pack("!H", _TYPE)
                self._senders.append((sender, (head + payload).ljust(_FRAME_BYTES, b"\0")))
                self._sender_of[payload] = (port.peer, port.peer_port)


def _sockets(towards: Sequence[tuple[int, LabPort]]) -> tuple[socket.socket, list[socket.socket]]:
    """Open, in the thread's namespace, one socket that receives by all ports, and one a port to send."""
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_TYPE))
    receiver.setblocking(False)
    return receiver, [sender_by(port.name, _PACKET, _BYPASS, 1) for _, port in towards]
