"""Two hosts on one User-Mode Linux switch that holds packets back, or marks them."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from lab_helpers import FAMILY, Udp, all_pairs, one_switch, socket_in, transfer

from weft.errors import ConfigError
from weft.lab import Lab, faults
from weft.lab.lab import wait_until
from weft.lab.probe import lacking
from weft.lab.uml_backend import UmlBackend


@contextmanager
def switched(backend: UmlBackend) -> Iterator[Lab]:
    lacks = lacking(["uml"])
    if lacks:
        pytest.skip("; ".join(lacks))
    with Lab.up(one_switch(), backend, family=FAMILY) as lab:
        yield lab


def round_trip_s(lab: Lab) -> float:
    with Udp(lab) as udp:
        one, other = udp.sockets["host0"], udp.sockets["host1"]
        for each in (one, other):
            each.settimeout(5)
        began_s = time.monotonic()
        one.sendto(b"x", (lab.plan.node("host1").ports[0].address, 9999))
        _, back = other.recvfrom(10)
        other.sendto(b"y", back)
        one.recv(10)
        return time.monotonic() - began_s


def test_a_switch_with_netem_delays_both_ways(machine: None) -> None:
    with switched(UmlBackend(marks=False, delay_s=0.05)) as lab:
        shortest_s = min(round_trip_s(lab) for _ in range(3))
        assert 0.0995 < shortest_s < 0.15
        data = bytes(range(256)) * 800
        assert transfer(lab, "host0", "host1", data) == data
        link = lab.plan.link("host1", "leaf0")
        faults.cut(lab, link)
        faults.heal(lab, link)
        assert wait_until(lambda: _arrives(lab), 5)


def _arrives(lab: Lab) -> bool:
    with Udp(lab) as udp:
        return udp.heard(all_pairs(lab), 0.5) == set(all_pairs(lab))


def test_a_switch_with_red_marks_packets_of_a_flood(machine: None) -> None:
    """Datagrams that say they can be marked (ECT) arrive marked (CE), once two senders are too many for a port."""
    with switched(UmlBackend()) as lab:
        marks = 0
        with socket_in(lab, "host1") as receiver, socket_in(lab, "host0") as sender, socket_in(lab, "host2") as other:
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            receiver.bind(("0.0.0.0", 7000))
            receiver.setblocking(False)
            target = (lab.plan.node("host1").ports[0].address, 7000)
            for one in (sender, other):
                one.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x02)
                one.setblocking(False)
            end_s = time.monotonic() + 5
            while marks < 10 and time.monotonic() < end_s:
                for one in (sender, other):
                    try:
                        one.sendto(b"x" * 1400, target)
                    except BlockingIOError:
                        select.select([], [one], [], 0.001)
                marks += _marked(receiver)
        assert marks >= 10


def _marked(receiver: socket.socket) -> int:
    found = 0
    while True:
        try:
            _, notes, _, _ = receiver.recvmsg(2000, 100)
        except BlockingIOError:
            return found
        found += sum(note[0] == socket.IPPROTO_IP and note[2][0] & 3 == 3 for note in notes)


def test_marks_and_delays_do_not_go_together(labs: Callable[[str], Lab]) -> None:
    with pytest.raises(ConfigError, match="marks packets or delays them"):
        UmlBackend(marks=True, delay_s=0.01)
