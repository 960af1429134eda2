"""Every host reaches every other, by the paths that the design has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from lab_helpers import TOPOLOGIES, Udp, all_pairs

from weft.lab import Lab
from weft.lab.netlink.routes import Flow
from weft.lab.predict import path
from weft.underlay import next_hops


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_host_reaches_every_address_of_every_other(name: str, labs: Callable[[str], Lab]) -> None:
    lab = labs(name)
    pairs = all_pairs(lab)
    with Udp(lab) as udp:
        assert set(pairs) - udp.heard(pairs, 3.0) == set()


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_flows_take_paths_of_the_design_and_in_the_end_all_of_them(name: str, labs: Callable[[str], Lab]) -> None:
    """The kernels' own answers, hop by hop, against `Routes.paths`."""
    lab = labs(name)
    underlay = lab.underlay
    routes = next_hops(underlay)
    first, *others = lab.plan.hosts
    for host in others:
        for port in host.ports:
            leaf = underlay.device(port.peer)
            last = (port.peer, port.peer_port)
            source = underlay.device(first.name)
            designed = {
                (*((underlay.devices[hop.device].hostname, hop.name) for hop in hops), last)
                for hops in routes.paths(source, leaf)
            }
            taken = set()
            for number in range(40 * len(designed)):
                flow = Flow(IPv4Address(first.ports[0].address), IPv4Address(port.address), 17, 20_000 + number, 4791)
                taken.add(tuple(path(lab, flow)))
                if taken == designed:
                    break
            assert taken == designed


def test_ip_sees_what_was_made(leaf_spine: Lab) -> None:
    """Against iproute2, which reads the same kernel with other code."""
    lab = leaf_spine

    def ip(node: str, *words: str) -> list[dict[str, object]]:
        command = ["ip", "netns", "exec", lab.namespace(node), "ip", "-j", "-d", *words]
        found: list[dict[str, object]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return found

    links = {str(link["ifname"]): link for link in ip("leaf0", "link")}
    assert set(links) == {"lo", "swp1", "swp2", "swp3", "swp4"}
    assert {links[port.name]["address"] for port in lab.plan.node("leaf0").ports} == {
        ":".join(port.mac[place : place + 2] for place in range(0, 12, 2)) for port in lab.plan.node("leaf0").ports
    }
    hops = {hop["id"]: hop for hop in ip("leaf0", "nexthop")}
    towards = [route for route in ip("leaf0", "route") if route["dst"] == lab.plan.node("leaf3").prefix]
    assert len(towards) == 1
    group = hops[towards[0]["nhid"]]["group"]
    assert isinstance(group, list)
    devices = [(hops[member["id"]]["dev"], hops[member["id"]]["gateway"]) for member in group]
    spines = [lab.plan.node(name).loopback for name in ("spine0", "spine1")]
    assert devices == [("swp3", spines[0]), ("swp4", spines[1])]
    (address,) = [link for link in ip("host0", "address") if link["ifname"] == "eth0"]
    info = address["addr_info"]
    assert isinstance(info, list)
    assert [(one["local"], one["prefixlen"]) for one in info] == [(lab.plan.node("host0").ports[0].address, 31)]


def test_ports_are_held_to_their_rate(leaf_spine: Lab) -> None:
    lab = leaf_spine
    shown = subprocess.run(
        ["ip", "netns", "exec", lab.namespace("leaf0"), "tc", "-j", "qdisc", "show", "dev", "swp3"],
        capture_output=True,
        check=True,
    )
    (queue,) = json.loads(shown.stdout)
    assert queue["kind"] == "tbf"
    assert queue["options"]["rate"] == 12_500_000
    assert queue["options"]["burst"] == pytest.approx(128 * 1024, rel=0.01)
    longest_wait_us = (lab.plan.queue_bytes - lab.plan.burst_bytes) / 12.5  # as tc computes it from the queue's length
    assert queue["options"]["lat"] == pytest.approx(longest_wait_us, rel=0.01)
