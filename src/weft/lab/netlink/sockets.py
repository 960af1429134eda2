"""One netlink socket: requests with acknowledgements, batches of them, and dumps."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weft.errors import InfeasibleError
from weft.lab.netlink.attributes import read, string

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800

_HEAD = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_CAPPED, _WITH_TEXT = 0x100, 0x200
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _STRICT = 270, 10, 11, 12
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_BUFFER_bytes = 4 << 20
_BATCH = 256  # messages in one send: their acknowledgements fit into the receive buffer many times over
_READ_bytes = 1 << 18


class NetlinkError(InfeasibleError):
    """The kernel refused something; ``code`` is its errno."""

    def __init__(self, where: str, what: str, code: int, detail: str = "") -> None:
        self.code = code
        why = f"{os.strerror(code)} ({detail})" if detail else os.strerror(code)
        super().__init__(f"{where}: the kernel refused to {what}: {why}")


@dataclass(frozen=True, slots=True)
class Message:
    """A request.

    Attributes:
        kind: RTM_ number.
        flags: besides REQUEST and ACK.
        body: header of its kind and attributes.
        what: what it does, as a verb phrase, for errors.
        forgive: errno that do not matter, such as ENOENT of a deletion.
    """

    kind: int
    flags: int
    body: bytes
    what: str
    forgive: tuple[int, ...] = ()


class Netlink:
    """A route socket in the namespace of the thread that makes it."""

    def __init__(self, where: str, groups: int = 0) -> None:
        """Open it; ``where`` names the device in errors, ``groups`` is the mask of RTMGRP_ events to hear."""
        self.where = where
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        for option, size in ((_SO_SNDBUFFORCE, _BUFFER_bytes), (_SO_RCVBUFFORCE, _BUFFER_bytes)):
            with contextlib.suppress(OSError):  # without CAP_NET_ADMIN outside: the default has to do
                self.socket.setsockopt(socket.SOL_SOCKET, option, size)
        for option in (_CAP_ACK, _EXT_ACK, _STRICT):
            with contextlib.suppress(OSError):
                self.socket.setsockopt(_SOL_NETLINK, option, 1)
        self.socket.bind((0, groups))
        self._sequence = 0

    def close(self) -> None:
        """Close the socket; closing twice is no harm."""
        self.socket.close()

    def fileno(self) -> int:
        """Its file descriptor, for selectors."""
        return self.socket.fileno()

    def do(self, messages: Sequence[Message]) -> None:
        """Have all of some requests done, in order.

        Raises:
            NetlinkError: the first that was refused; those after it were done nevertheless.
        """
        for error in self.attempt(messages):
            if error is not None:
                raise error

    def attempt(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        """Have requests done, in order, and return what came of each: None where it was done."""
        answers: list[NetlinkError | None] = []
        for begin in range(0, len(messages), _BATCH):
            answers += self._batch(messages[begin : begin + _BATCH])
        return answers

    def _batch(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        first = self._sequence + 1
        parts = []
        for place, message in enumerate(messages):
            self._sequence += 1
            # Errors are always answered. Requests are worked through in order, so the last acknowledgement is for all.
            flags = REQUEST | message.flags | (ACK if place == len(messages) - 1 else 0)
            length = _HEAD.size + len(message.body)
            parts += [_HEAD.pack(length, message.kind, flags, self._sequence, 0), message.body]
            parts.append(b"\0" * (-length % 4))
        self.socket.send(b"".join(parts))
        answers: list[NetlinkError | None] = [None] * len(messages)
        while True:
            for kind, flags, sequence, body in _split(self.socket.recv(_READ_bytes)):
                if kind != _ERROR or sequence < first:
                    continue
                message = messages[sequence - first]
                code = -struct.unpack_from("=i", body)[0]
                if code and code not in message.forgive:
                    answers[sequence - first] = NetlinkError(self.where, message.what, code, _detail(flags, body))
                if sequence == self._sequence:
                    return answers

    def ask(self, message: Message) -> tuple[int, bytes]:
        """Return kind and body of the one answer to a question.

        Raises:
            NetlinkError: there is none.
        """
        for found in self._asked(message, 0):
            return found
        raise NetlinkError(self.where, message.what, 61)  # ENODATA

    def dump(self, message: Message) -> list[tuple[int, bytes]]:
        """Return kind and body of every answer to a dump.

        Raises:
            NetlinkError: it was refused.
        """
        return list(self._asked(message, DUMP))

    def _asked(self, message: Message, flags: int) -> Iterator[tuple[int, bytes]]:
        self._sequence += 1
        length = _HEAD.size + len(message.body)
        head = _HEAD.pack(length, message.kind, REQUEST | message.flags | flags, self._sequence, 0)
        self.socket.send(head + message.body)
        while True:
            for kind, flag, sequence, body in _split(self.socket.recv(_READ_bytes)):
                if sequence != self._sequence:
                    continue
                if kind == _ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    if code:
                        raise NetlinkError(self.where, message.what, code, _detail(flag, body))
                    return
                if kind == _DONE:
                    return
                yield kind, body
                if not flags:
                    return

    def events(self) -> Iterator[tuple[int, bytes]]:
        """Yield kind and body of what has come in, without waiting.

        Raises:
            OSError: ENOBUFS where events were lost.
        """
        while True:
            try:
                data = self.socket.recv(_READ_bytes, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            for kind, _, _, body in _split(data):
                yield kind, body


def _split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    place = 0
    while place + _HEAD.size <= len(data):
        length, kind, flags, sequence, _ = _HEAD.unpack_from(data, place)
        if length < _HEAD.size:
            return
        yield kind, flags, sequence, data[place + _HEAD.size : place + length]
        place += length + -length % 4


def _detail(flags: int, body: bytes) -> str:
    """Return the kernel's own words, where it gave some (NLMSGERR_ATTR_MSG)."""
    if not flags & _WITH_TEXT:
        return ""
    inside = 20 if flags & _CAPPED else 4 + struct.unpack_from("=I", body, 4)[0]
    return string(read(body[inside:]).get(1, b""))
