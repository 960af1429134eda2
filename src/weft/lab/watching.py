"""A southbound that tells more than the one within: between the inner one's events it looks for some of its own."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence

from weft.control import Ack, Event, Group, Southbound


class WatchingSouthbound(ABC):
    """Passes groups on to an inner southbound, and its events out, and looks when it is due."""

    def __init__(self, inner: Southbound) -> None:
        """Begin to be due now.

        Args:
            inner: where other events come from, and groups go to.
        """
        self._inner = inner
        self._next_s = inner.now_s()

    @abstractmethod
    def _look(self) -> list[Event]:
        """Look, say in ``_next_s`` when to look again, and return what is new."""

    def now_s(self) -> float:
        """The inner southbound's clock."""
        return self._inner.now_s()

    def groups(self) -> Sequence[Group]:
        """All groups as they are in place now."""
        return self._inner.groups()

    def replace(self, groups: Sequence[Group]) -> Sequence[Ack]:
        """Put groups in place."""
        return self._inner.replace(groups)

    def events(self, timeout_s: float) -> Sequence[Event]:
        """Wait for what the inner southbound tells or a look finds, at most so long."""
        end_s = self.now_s() + timeout_s
        while True:
            if self.now_s() >= self._next_s:
                found = self._look()
                if found:
                    return found
            now_s = self.now_s()
            events = self._inner.events(max(0.0, min(self._next_s, end_s) - now_s))
            if events or self.now_s() >= end_s:
                return events


def sender_by(port: str, level: int, option: int, value: int) -> socket.socket:
    """Open, in the thread's namespace, a raw socket that sends by a port and never waits, with one option set."""
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((port, 0))
    sender.setsockopt(level, option, value)
    sender.setblocking(False)
    return sender
