"""A small leaf-spine of Open vSwitches: flows spread over both spines, streams arrive, a near cut is gone round."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lab_helpers import FAMILY, Udp, all_pairs, received, sent, small_leaf_spine, socket_in, transfer

from weft.control import Group, Reaction
from weft.lab import Lab, faults
from weft.lab.lab import wait_until
from weft.lab.ovs_southbound import OvsSouthbound
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


@pytest.fixture
def southbound(lab: Lab) -> Iterator[OvsSouthbound]:
    found = lab.backend.southbound(lab)
    assert isinstance(found, OvsSouthbound)
    with found:
        yield found
        faults.heal_all(lab)
        found.replace([replace(group, hops=tuple((port, 1) for port, _ in group.hops)) for group in designed(lab)])


def designed(lab: Lab) -> list[Group]:
    return [
        Group(node.name, destination, tuple((port, 1) for port in ports))
        for node in lab.plan.nodes
        for destination, ports in node.routes.items()
        if destination != node.name
    ]


def test_groups_are_the_designs_and_what_was_acknowledged_is_in_place(lab: Lab, southbound: OvsSouthbound) -> None:
    assert sorted(southbound.groups(), key=str) == sorted(designed(lab), key=str)
    wanted = [Group("leaf0", "leaf1", (("swp3", 1), ("swp4", 7))), Group("leaf1", "leaf0", (("swp4", 1),))]
    assert [ack.error for ack in southbound.replace(wanted)] == ["", ""]
    assert set(wanted) <= set(southbound.groups())


def test_weights_are_shares_of_flows(lab: Lab, southbound: OvsSouthbound) -> None:
    """256 flows at 1 to 7: within five standard deviations of 32."""
    southbound.replace([Group("leaf0", "leaf1", (("swp3", 1), ("swp4", 7)))])
    shares = spray(lab, 256)
    assert abs(shares["spine0"] - 32) < 5 * (256 * 7 / 64) ** 0.5


def test_what_cannot_be_is_said_and_the_rest_is_done(lab: Lab, southbound: OvsSouthbound) -> None:
    good = Group("leaf1", "leaf0", (("swp3", 1),))
    asked = [
        Group("leaf9", "leaf0", (("swp3", 1),)),
        Group("leaf0", "leaf1", (("swp77", 1),)),
        Group("leaf0", "leaf0", (("swp3", 1),)),  # a switch has no group towards itself
        Group("host0", "leaf1", (("eth0", 1),)),
        good,
    ]
    errors = [ack.error for ack in southbound.replace(asked)]
    assert errors[:2] == ["leaf9: no such device", "leaf0: no port swp77"]
    assert errors[2].startswith("leaf0: Open vSwitch refused: ")
    assert errors[3:] == ["", ""]
    assert good in southbound.groups()


def test_the_loop_goes_round_a_cut_that_only_the_other_end_sees(lab: Lab, southbound: OvsSouthbound) -> None:
    """leaf0 goes on sending to the spine that lost leaf1, until it is told; and uses it again when it is back."""
    reaction = Reaction(lab.underlay, southbound)
    link = lab.plan.link("leaf1", "spine0")
    faults.cut(lab, link)
    assert wait_until(lambda: reacted(reaction), 5)
    assert reaction.log[0].failed == ()
    assert spray(lab, 64) == {"spine0": 0, "spine1": 64}
    faults.heal(lab, link)
    reaction.log.clear()
    assert wait_until(lambda: reacted(reaction) and min(spray(lab, 32).values()) > 0, 10)
    assert sorted(southbound.groups(), key=str) == sorted(designed(lab), key=str)


def reacted(reaction: Reaction) -> bool:
    reaction.step(0.05)
    return bool(reaction.log)


def _all_arrive(lab: Lab) -> bool:
    try:
        return spray(lab, 32)["spine1"] == 32
    except (TimeoutError, AssertionError):
        return False
