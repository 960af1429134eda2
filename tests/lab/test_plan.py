"""The plan of a lab, against the fabric it comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lab_helpers import plan_of

from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.fabric import Cluster, build_fabric
from weft.lab import LabPlan, lab_plan
from weft.underlay import Underlay, build_underlay, next_hops


def underlay_of(nodes: int, **scale_out: Any) -> Underlay:
    return build_underlay(build_fabric(Cluster(nodes=nodes, node={"system": "dgx_h100"}, scale_out=scale_out)))


def test_one_namespace_a_device_and_one_link_a_cable() -> None:
    plan = plan_of("leaf-spine")
    assert (len(plan.hosts), len(plan.switches), len(plan.links)) == (8, 6, 8 + 4 * 2)
    ends = [end for link in plan.links for end in ((link.a, link.a_port), (link.b, link.b_port))]
    assert len(set(ends)) == len(ends)
    assert set(ends) == {(node.name, port.name) for node in plan.nodes for port in node.ports}


def test_all_rates_are_scaled_by_one_factor() -> None:
    underlay = underlay_of(2, topology="leaf_spine", uplink_rate="800Gb/s")
    plan = lab_plan(underlay, 6.25e6)
    assert plan.dilation == pytest.approx(5e10 / 6.25e6)
    for link in plan.links:
        assert link.design_rate_Bps / link.rate_Bps == pytest.approx(plan.dilation)
    assert {port.rate_Bps for host in plan.hosts for port in host.ports} == {6.25e6}


def test_addresses_and_routes_are_the_underlays() -> None:
    plan = plan_of("fat-tree")
    underlay = plan.underlay
    assert underlay is not None
    routes = next_hops(underlay)
    for device in underlay.devices:
        node = plan.node(device.name)
        assert [port.address for port in node.ports] == [str(port.address or "") for port in device.ports]
        for destination in underlay.switches:
            if destination.prefix is not None:
                hops = tuple(port.name for port in routes.next_hops(device, destination))
                assert node.routes.get(destination.hostname, ()) == hops


def test_the_two_ends_of_a_link_know_each_other() -> None:
    for name in ("rail-only", "two-sites"):
        plan = plan_of(name)
        for node in plan.nodes:
            for port in node.ports:
                other = plan.node(port.peer).ports[plan.node(port.peer).place(port.peer_port)]
                assert (other.peer, other.peer_port) == (node.name, port.name)
                assert (other.mac, other.peer_mac) == (port.peer_mac, port.mac)
                assert port.gateway in (other.address, plan.node(port.peer).loopback)


def test_long_links_have_their_delay_in_dilated_time() -> None:
    plan = plan_of("two-sites")
    long = [link for link in plan.links if link.delay_s]
    assert len(long) == 2
    for link in long:
        in_glass_s = 80e3 * 1.468 / 299_792_458  # group index of standard fibre at 1550 nm
        assert link.delay_s == pytest.approx(in_glass_s * plan.dilation, rel=0.05)


def test_a_plan_survives_being_written_down() -> None:
    plan = plan_of("rail-only")
    again = LabPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan


def test_too_many_nodes_are_refused_with_their_number() -> None:
    with pytest.raises(InfeasibleError, match=r"128 hosts and \d+ switches, \d+ nodes; a lab has at most 128"):
        lab_plan(underlay_of(128, topology="leaf_spine"))


@pytest.mark.parametrize("rate_Bps", [0.0, 1e3, 1e12])
def test_rates_that_no_lab_can_have(rate_Bps: float) -> None:
    with pytest.raises(ConfigError, match=r"--rate: a lab's rate lies between 1 Mb/s and 10 Gb/s"):
        lab_plan(underlay_of(2, topology="leaf_spine"), rate_Bps)


def test_links_are_found_by_name_and_port() -> None:
    plan = plan_of("leaf-spine")
    link = plan.link("spine1", "leaf0")
    assert (link.a, link.b) == ("leaf0", "spine1")
    assert plan.link(f"leaf0:{link.a_port}", "spine1") is link
    with pytest.raises(UnknownName, match="unknown node 'leaf9'; did you mean"):
        plan.link("leaf9", "spine1")
    with pytest.raises(UnknownName, match="unknown port of leaf0 'swp99'"):
        plan.link("leaf0:swp99", "spine1")
    with pytest.raises(ConfigError, match="leaf0 and leaf1 are not joined by a link; leaf0 is joined to host0, host1,"):
        plan.link("leaf0", "leaf1")


def test_parallel_links_need_a_port() -> None:
    plan = lab_plan(underlay_of(2, topology="rail_only"))
    with pytest.raises(ConfigError, match=r"are joined by \d+ links; name a port, such as host0:eth0"):
        lab_plan(underlay_of(2, topology="leaf_spine")).link("host0", "leaf0")
    assert plan.link("host0", "leaf0").a_port == "eth0"
