"""A controller's way to the lab: events up, groups down, against what iproute2 reads and what packets do."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lab_helpers import Udp, all_pairs

from weft.control import Change, Event, Group, Southbound
from weft.lab import Lab, faults
from weft.lab.kernel_southbound import KernelSouthbound


@pytest.fixture
def southbound(leaf_spine: Lab) -> Iterator[KernelSouthbound]:
    found = leaf_spine.backend.southbound(leaf_spine)
    assert isinstance(found, KernelSouthbound)
    with found:
        yield found
        faults.heal_all(leaf_spine)
        found.events(0.1)
        found.replace([replace(group, hops=tuple((port, 1) for port, _ in group.hops)) for group in found.groups()])


def shown(lab: Lab, node: str, destination: str) -> list[tuple[str, int]]:
    """Device and weight of every next hop towards a destination, as ``ip`` has them."""

    def ip(*words: str) -> list[dict[str, object]]:
        command = ["ip", "netns", "exec", lab.namespace(node), "ip", "-j", *words]
        found: list[dict[str, object]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return found

    hops = {hop["id"]: hop for hop in ip("nexthop")}
    routes = [route for route in ip("route") if route["dst"] == lab.plan.node(destination).prefix]
    if not routes:
        return []
    group = hops[routes[0]["nhid"]]["group"]
    assert isinstance(group, list)
    return [(str(hops[member["id"]]["dev"]), int(member.get("weight", 1))) for member in group]


def gather(southbound: Southbound, count: int, timeout_s: float = 2.0) -> list[Event]:
    found: list[Event] = []
    end = time.monotonic() + timeout_s
    while len(found) < count and time.monotonic() < end:
        found += southbound.events(0.1)
    return found


def test_groups_are_the_designs(leaf_spine: Lab, southbound: KernelSouthbound) -> None:
    groups = {(group.device, group.destination): group for group in southbound.groups()}
    expected = {
        (node.name, destination): ports
        for node in leaf_spine.plan.nodes
        for destination, ports in node.routes.items()
        if destination != node.name
    }
    assert {key: tuple(port for port, _ in group.hops) for key, group in groups.items()} == expected
    assert all(weight == 1 for group in groups.values() for _, weight in group.hops)


def test_replaced_groups_are_in_the_kernel_when_acknowledged(leaf_spine: Lab, southbound: KernelSouthbound) -> None:
    wanted = Group("leaf0", "leaf3", (("swp3", 1), ("swp4", 256)))
    only = Group("leaf1", "leaf2", (("swp4", 1),))
    assert [ack.error for ack in southbound.replace([wanted, only])] == ["", ""]
    assert shown(leaf_spine, "leaf0", "leaf3") == [("swp3", 1), ("swp4", 256)]
    assert shown(leaf_spine, "leaf1", "leaf2") == [("swp4", 1)]
    assert {wanted, only} <= set(southbound.groups())


def test_what_cannot_be_is_said_and_the_rest_is_done(leaf_spine: Lab, southbound: KernelSouthbound) -> None:
    good = Group("leaf0", "leaf2", (("swp4", 2),))
    faults.cut(leaf_spine, leaf_spine.plan.link("leaf0", "spine0"))
    gather(southbound, 2)  # the far end's kernel takes note a moment later
    asked = [
        Group("leaf9", "leaf0", (("swp3", 1),)),
        Group("leaf0", "spine0", (("swp3", 1),)),
        Group("leaf0", "leaf1", (("swp77", 1),)),
        Group("leaf0", "leaf1", (("swp3", 0),)),
        Group("leaf0", "leaf1", ()),
        Group("leaf0", "leaf1", (("swp3", 1),)),
        good,
    ]
    errors = [ack.error for ack in southbound.replace(asked)]
    assert errors[:5] == [
        "leaf9: no such device",
        "leaf0: spine0 announces no prefix",
        "leaf0: no port swp77",
        "leaf0: weight 0 of swp3 is not between 1 and 256",
        "leaf0: a group has at least one next hop",
    ]
    assert "leaf0: the kernel refused to send towards leaf1 by swp3" in errors[5]
    assert errors[6] == ""
    assert shown(leaf_spine, "leaf0", "leaf2") == [("swp4", 2)]


def test_a_cut_and_its_end_are_told_at_both_ends_at_once(leaf_spine: Lab, southbound: KernelSouthbound) -> None:
    link = leaf_spine.plan.link("leaf0", "spine1")
    ends = {("leaf0", "swp4"), ("spine1", "swp1")}
    began_s = southbound.now_s()
    faults.cut(leaf_spine, link)
    events = gather(southbound, 2)
    assert {(event.device, event.port) for event in events} == ends
    assert {event.change for event in events} == {Change.DOWN}
    assert all(began_s <= event.time_s < began_s + 0.5 for event in events)
    assert shown(leaf_spine, "leaf0", "leaf3") == [("swp3", 1)]
    assert shown(leaf_spine, "spine1", "leaf0") == []
    faults.heal(leaf_spine, link)
    events = gather(southbound, 2)
    assert {(event.device, event.port, event.change) for event in events} == {(*end, Change.UP) for end in ends}
    assert shown(leaf_spine, "leaf0", "leaf3") == [("swp3", 1), ("swp4", 1)]
    assert shown(leaf_spine, "spine1", "leaf0") == [("swp1", 1)]


def test_what_a_controller_wanted_comes_back_with_the_port(leaf_spine: Lab, southbound: KernelSouthbound) -> None:
    """Not the design's: a group that was drained of a port stays so when the port flaps."""
    drained = Group("leaf0", "leaf1", (("swp3", 1),))
    weighted = Group("leaf0", "leaf2", (("swp3", 3), ("swp4", 7)))
    southbound.replace([drained, weighted])
    link = leaf_spine.plan.link("leaf0", "spine1")
    faults.cut(leaf_spine, link)
    gather(southbound, 2)
    faults.heal(leaf_spine, link)
    gather(southbound, 2)
    assert shown(leaf_spine, "leaf0", "leaf1") == [("swp3", 1)]
    assert shown(leaf_spine, "leaf0", "leaf2") == [("swp3", 3), ("swp4", 7)]


def test_without_a_controller_a_remote_cut_loses_flows_and_groups_cure_it(
    leaf_spine: Lab, southbound: KernelSouthbound
) -> None:
    """Static ECMP knows nothing of a link behind its neighbour; replaced groups do."""
    faults.cut(leaf_spine, leaf_spine.plan.link("spine1", "leaf3"))
    gather(southbound, 2)
    to_leaf3 = [(host, address) for host, address in all_pairs(leaf_spine) if address.startswith("10.0.3.")] * 8
    with Udp(leaf_spine) as udp:
        lost = set(to_leaf3) - udp.heard(to_leaf3, 0.3)
        assert lost
        healthy = [Group(f"leaf{number}", "leaf3", (("swp3", 1),)) for number in range(3)]
        assert [ack.error for ack in southbound.replace(healthy)] == [""] * 3
        assert set(to_leaf3) - udp.heard(to_leaf3, 1.0) == set()
