"""Links between sites take their time, lose nothing, and are cut at both ends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from lab_helpers import UDP_PORT, Udp, transfer

from weft.lab import Lab, faults
from weft.lab.netlink.links import links
from weft.lab.status import status


def one_way_s(lab: Lab, source: str, destination: str) -> float:
    address = lab.plan.node(destination).ports[0].address
    with Udp(lab) as udp:
        receiver = udp.sockets[destination]
        receiver.settimeout(3)
        began_s = time.monotonic()
        udp.sockets[source].sendto(b"x", (address, UDP_PORT))
        receiver.recv(10)
        return time.monotonic() - began_s


def test_packets_between_sites_take_the_dilated_time_of_the_fibre(labs: Callable[[str], Lab]) -> None:
    """80 km at 1.468 times the time of light in vacuum, a thousandfold; a busy machine adds to it."""
    lab = labs("two-sites")
    fibre_s = 80e3 * 1.468 / 299_792_458 * 1000
    for pair in (("site0-host0", "site1-host3"), ("site1-host0", "site0-host1")):
        assert 0.95 * fibre_s < one_way_s(lab, *pair) < 1.05 * fibre_s + 0.1
    assert one_way_s(lab, "site0-host0", "site0-host3") < 0.1
    assert status(lab, 0.01)["delays_emulated"] is True


def test_a_stream_between_sites_arrives_whole(labs: Callable[[str], Lab]) -> None:
    data = random.Random(3).randbytes(200_000)
    assert transfer(labs("two-sites"), "site0-host2", "site1-host2", data) == data


def test_a_cut_long_link_is_down_at_both_ends(labs: Callable[[str], Lab]) -> None:
    lab = labs("two-sites")
    link = lab.plan.long_links[0]
    ends = ((link.a, link.a_port), (link.b, link.b_port))

    def carriers() -> list[bool]:
        return [next(state.carrier for state in links(lab.sockets[node]) if state.name == port) for node, port in ends]

    faults.cut(lab, link)
    assert carriers() == [False, False]
    faults.heal(lab, link)
    assert carriers() == [True, True]
    faults.stop_node(lab, lab.plan.node(link.b))
    assert carriers() == [False, False]
    faults.heal_node(lab, lab.plan.node(link.b))
    assert carriers() == [True, True]
