"""A small leaf-spine of Open vSwitches: flows spread over both spines, streams arrive, a near cut is gone round."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from lab_helpers import FAMILY, Udp, all_pairs, received, sent, small_leaf_spine, socket_in, transfer

from weft.lab import Lab, faults
from weft.lab.lab import wait_until
from weft.lab.probe import lacking


@pytest.fixture(scope="module")
def lab(machine: None) -> Iterator[Lab]:
    lacks = lacking(["tun", "ovs"])
    if lacks:
        pytest.skip("; ".join(lacks))
    with Lab.up(small_leaf_spine(), "ovs", family=FAMILY) as found:
        yield found


def spray(lab: Lab, flows: int) -> dict[str, int]:
    """Send one datagram of each of many flows from leaf to leaf, and return how many each spine passed on."""
    before = sent(lab)
    with socket_in(lab, "host2") as receiver:
        receiver.bind(("0.0.0.0", 7000))
        for number in range(flows):
            with socket_in(lab, "host0") as sender:
                sender.bind((lab.plan.node("host0").ports[0].address, 20_000 + number))
                sender.sendto(b"x", (lab.plan.node("host2").ports[0].address, 7000))
        assert received(receiver, flows) == flows
    after = sent(lab)
    return {spine: after[spine, "swp2"] - before[spine, "swp2"] for spine in ("spine0", "spine1")}


def test_all_hosts_reach_each_other(lab: Lab) -> None:
    pairs = all_pairs(lab)
    with Udp(lab) as udp:
        assert set(pairs) - udp.heard(pairs, 5.0) == set()


def test_flows_spread_over_both_spines(lab: Lab) -> None:
    """128 flows by a fair coin: within five standard deviations of 64 each."""
    shares = spray(lab, 128)
    assert sum(shares.values()) == 128
    assert all(abs(share - 64) < 5 * (128 * 0.25) ** 0.5 for share in shares.values())


def test_a_stream_arrives_whole(lab: Lab) -> None:
    """A long one: what the kernel leaves for the wire to do (checksums, cutting) is done before the switch sees it."""
    data = random.Random(4).randbytes(1_000_000)
    assert transfer(lab, "host1", "host3", data) == data


def test_a_near_cut_is_gone_round(lab: Lab) -> None:
    link = lab.plan.link("leaf0", "spine0")
    faults.cut(lab, link)
    assert wait_until(lambda: _all_arrive(lab), 5)
    faults.heal(lab, link)
    assert wait_until(lambda: min(spray(lab, 32).values()) > 0, 5)


def _all_arrive(lab: Lab) -> bool:
    try:
        return spray(lab, 32)["spine1"] == 32
    except (TimeoutError, AssertionError):
        return False
