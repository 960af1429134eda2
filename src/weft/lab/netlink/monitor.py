"""Hears links come and go, in many namespaces at once."""

from __future__ import annotations

import select
from collections.abc import Mapping

from weft.lab.netlink.links import LinkState, link_state, links
from weft.lab.netlink.sockets import Netlink


class Monitor:
    """Waits on one event socket a namespace."""

    def __init__(self, sockets: Mapping[str, Netlink]) -> None:
        """Listen on sockets that were opened with `GROUP_LINK`, by device name."""
        self._sockets = dict(sockets)
        self._by_descriptor = {socket.fileno(): name for name, socket in self._sockets.items()}
        self._poll = select.epoll()
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, select.EPOLLIN)

    def close(self) -> None:
        """Stop listening and close the sockets."""
        self._poll.close()
        for socket in self._sockets.values():
            socket.close()

    def wait(self, timeout_s: float) -> list[tuple[str, LinkState]]:
        """Return what changed, by device, after at most so long; where events were lost, the state of all its links."""
        found = []
        for descriptor, _ in self._poll.poll(max(0.0, timeout_s)):
            name = self._by_descriptor[descriptor]
            socket = self._sockets[name]
            try:
                found += [(name, link_state(kind, body)) for kind, body in socket.events() if kind in (16, 17)]
            except OSError:  # ENOBUFS: more came than fitted, so ask for the whole
                found += [(name, state) for state in links(socket)]
        return found
