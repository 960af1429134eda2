"""Links that carry less than they should: every switch's queues are read all the time, and what they prove is told.

It reads what any switch has, bytes sent and bytes waiting of each port, and never the rate that a port was set to. All
ports of a switch come in one answer. All switches are read so often that a twenty-fifth of a processor goes into it;
those where something waits are read twice as often as a small lab's, as that is where something can be learnt. Probes
are frames that nobody takes; they wait in the port's queue like all others and are counted there.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from functools import partial

from weft.control import Change, Event, Southbound
from weft.control.slowness import Meter, Slowness
from weft.errors import InfeasibleError
from weft.lab import namespace
from weft.lab.lab import Lab
from weft.lab.netlink import Netlink
from weft.lab.netlink.queues import waiting
from weft.lab.plan import LabPort
from weft.lab.watching import WatchingSouthbound, sender_by

_INTERVAL_s, _CLOSER_s = 0.01, 0.005
_OF_A_PROCESSOR = 25
_LATE = 3  # intervals without a look, and what it sees proves nothing
_TYPE = 0x88B6  # IEEE 802: local experimental Ethertype 2
_SEND_BUFFER = 32  # SO_SNDBUFFORCE
_BUFFER_bytes = 4 << 20

End = tuple[str, str]  # node and port


class SlowLinkSouthbound(WatchingSouthbound):
    """A `Southbound` that also finds links slow, and recovered."""

    def __init__(self, lab: Lab, inner: Southbound, meter: Meter | None = None) -> None:
        """Open sockets in all switches, and begin to look.

        Args:
            lab: it.
            inner: where other events come from, and groups go to.
            meter: how slow is told from whole; the lab's own sizes of queue and burst by default.

        Raises:
            InfeasibleError: raw sockets are not allowed here.
        """
        super().__init__(inner)
        self._readers: dict[str, tuple[Netlink, dict[int, End]]] = {}
        self._probers: dict[End, tuple[socket.socket, bytes]] = {}
        rates_Bps: dict[End, float] = {}
        switches = {node.name: node for node in lab.plan.switches}
        try:
            for node in switches.values():
                between = [(place, port) for place, port in enumerate(node.ports) if port.peer in switches]
                reader, senders = namespace.within(lab.namespace(node.name), partial(_sockets, node.name, between))
                ends = {node.index(place): (node.name, port.name) for place, port in between}
                self._readers[node.name] = reader, ends
                for (_, port), sender in zip(between, senders, strict=True):
                    rates_Bps[node.name, port.name] = port.rate_Bps
                    self._probers[node.name, port.name] = sender, _frame(port, lab.plan.mtu)
            began_s = time.thread_time()
            self._read(self._readers)
            self.interval_s = max(_INTERVAL_s, _OF_A_PROCESSOR * (time.thread_time() - began_s))
        except OSError as error:
            self.close()
            raise InfeasibleError(f"probes need raw sockets: {error.strerror}") from None
        own = Meter(late_s=_LATE * self.interval_s, burst_bytes=lab.plan.burst_bytes, queue_bytes=lab.plan.queue_bytes)
        self.slowness: Slowness[End] = Slowness(rates_Bps, meter or own)
        self._next_s = self._all_s = self.now_s()
        self._closer: set[str] = set()  # switches where something waits

    def close(self) -> None:
        """Close the sockets; the inner southbound stays open."""
        for reader, _ in self._readers.values():
            reader.close()
        for sender, _ in self._probers.values():
            sender.close()

    def _look(self) -> list[Event]:
        """Read ports, tell what that proves, and probe where it is time to."""
        now_s = self.now_s()
        every = now_s >= self._all_s
        seen = self._read(self._readers if every else self._closer)
        for end, time_s, sent, backlog in seen:
            self.slowness.look(end, time_s, sent, backlog)
        self._closer = {device for (device, _), _, _, backlog in seen if backlog}
        if every:
            self._all_s = max(self._all_s + self.interval_s, now_s)
        self._next_s = max(self._next_s + _CLOSER_s, now_s)
        changed = self.slowness.changed(now_s)
        for end, size in self.slowness.probes(now_s).items() if every else ():
            self._closer.add(end[0])
            sender, frame = self._probers[end]
            with contextlib.suppress(OSError):  # the port is down, or its queue full: that tells enough
                for _ in range(-(-size // len(frame))):
                    sender.send(frame)
        return [Event(now_s, *end, Change.SLOW, share) for end, share in changed.items()]

    def _read(self, devices: Iterable[str]) -> list[tuple[End, float, int, int]]:
        """Return port, time, bytes sent and bytes that wait of all ports of some switches."""
        found = []
        for device in devices:
            reader, ends = self._readers[device]
            time_s = self.now_s()
            for interface, sent, backlog in waiting(reader):
                end = ends.get(interface)
                if end is not None:
                    found.append((end, time_s, sent, backlog))
        return found


def _frame(port: LabPort, mtu: int) -> bytes:
    head = bytes.fromhex(port.peer_mac) + bytes.fromhex(port.mac) + struct.pack("!H", _TYPE)
    return head.ljust(len(head) + mtu, b"\0")


def _sockets(name: str, between: Sequence[tuple[int, LabPort]]) -> tuple[Netlink, list[socket.socket]]:
    """Open, in the thread's namespace, one socket that reads queues, and one a port to send by."""
    own = (socket.SOL_SOCKET, _SEND_BUFFER, _BUFFER_bytes)
    return Netlink(name), [sender_by(port.name, *own) for _, port in between]
