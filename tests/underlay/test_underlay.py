"""Addresses, AS numbers and next hops of whole designs."""

from __future__ import annotations

import itertools
from typing import Any

import networkx as nx
import pytest

from weft.errors import ConfigError
from weft.fabric import Cluster, build_fabric
from weft.underlay import Role, Underlay, build_underlay, next_hops

NODE = {"system": "dgx_h100"}
FABRICS: dict[str, dict[str, Any]] = {
    "leaf_spine": {"topology": "leaf_spine"},
    "fat_tree": {"topology": "fat_tree", "radix": 8},
    "rail_optimised": {"topology": "rail_optimised"},
    "rail_only": {"topology": "rail_only"},
    "dragonfly": {"topology": "dragonfly", "a": 4, "h": 2, "p": 4},
    "torus": {"topology": "torus", "dims": [2, 4], "p": 8},
    "hyperx": {"topology": "hyperx", "dims": [4, 2], "p": 8},
}


def underlay_of(nodes: int, scale_out: dict[str, Any], **more: Any) -> Underlay:
    return build_underlay(build_fabric(Cluster(nodes=nodes, node=NODE, scale_out=scale_out, **more)))


@pytest.fixture(params=sorted(FABRICS))
def underlay(request: pytest.FixtureRequest) -> Underlay:
    return underlay_of(8, FABRICS[request.param])


def test_every_cable_is_one_port_at_each_end(underlay: Underlay) -> None:
    for device in underlay.devices:
        assert len({port.name for port in device.ports}) == len(device.ports)
        for place, port in enumerate(device.ports):
            other = underlay.peer(port)
            assert (other.peer, other.peer_port) == (device.number, place)
            assert other.far_cable == port.cable
    ends = sum(len(device.ports) for device in underlay.devices)
    assert ends == 2 * underlay.fabric.cables()


def test_host_ports_share_a_31_inside_their_switchs_prefix(underlay: Underlay) -> None:
    for host in underlay.hosts:
        for port in host.ports:
            other = underlay.peer(port)
            assert port.address is not None
            assert other.address is not None
            assert int(port.address) == int(other.address) + 1
            prefix = underlay.devices[port.peer].prefix
            assert prefix is not None
            assert port.address in prefix
            assert other.address in prefix


def test_prefixes_are_apart(underlay: Underlay) -> None:
    prefixes = [device.prefix for device in underlay.switches if device.prefix is not None]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(prefixes, 2))


def test_next_hops_are_all_shortest_paths(underlay: Underlay) -> None:
    """Against networkx, which knows no AS: a healthy design has no shortest path that BGP would drop."""
    graph = nx.Graph(
        (device.number, port.peer) for device in underlay.switches for port in device.ports if port.faces is Role.SWITCH
    )
    graph.add_nodes_from(device.number for device in underlay.switches)
    routes = next_hops(underlay)
    for destination in underlay.switches:
        if destination.prefix is None:
            continue
        far = nx.single_source_shortest_path_length(graph, destination.number)
        for device in underlay.switches:
            if device is destination:
                continue
            nearer = {n for n in graph[device.number] if far.get(n, 1e9) == far.get(device.number, -1) - 1}
            assert {port.peer for port in routes.next_hops(device, destination)} == nearer


def test_a_cut_leaves_no_valley() -> None:
    """A leaf whose uplink to a spine is cut: other leaves leave that spine out, and no path goes down and up again."""
    underlay = underlay_of(8, {"topology": "fat_tree", "radix": 8})
    leaf = next(device for device in underlay.switches if device.kind == "leaf")
    cut = next(port for port in leaf.ports if port.faces is Role.SWITCH)
    routes = next_hops(underlay, dead={cut.cable})
    spine = underlay.devices[cut.peer]
    assert routes.next_hops(spine, leaf) == () or all(
        underlay.devices[port.peer].kind != "leaf" for port in routes.next_hops(spine, leaf)
    )
    tier = {"leaf": 0, "spine": 1, "core": 2, "host": -1}
    for host in underlay.hosts[:2]:
        for path in routes.paths(host, leaf):
            heights = [tier[underlay.devices[port.peer].kind] for port in path]
            top = heights.index(max(heights))
            assert heights[:top] == sorted(heights[:top])
            assert heights[top:] == sorted(heights[top:], reverse=True)
            assert cut.cable not in {port.cable for port in path}


@pytest.mark.parametrize("topology", ["leaf_spine", "rail_optimised", "fat_tree"])
def test_growth_renumbers_nothing(topology: str) -> None:
    small, large = (underlay_of(nodes, {"topology": topology, "radix": 32}) for nodes in (8, 24))
    kept = 0
    for device in small.devices:
        other = large.device(device.name)
        assert (device.asn, device.loopback, device.prefix) == (other.asn, other.loopback, other.prefix)
        if device.role is Role.HOST:
            assert [port.address for port in device.ports] == [port.address for port in other.ports]
            kept += len(device.ports)
    assert kept == small.fabric.endpoints
    assert len(large.devices) > len(small.devices)


def test_numbered_links_have_a_31_each() -> None:
    underlay = underlay_of(8, {"topology": "fat_tree", "radix": 8}, underlay={"bgp": "numbered"})
    for device in underlay.switches:
        for port in device.ports:
            other = underlay.peer(port)
            assert port.address is not None
            assert other.address is not None
            assert abs(int(port.address) - int(other.address)) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"hosts": "10.0.0.0/30"}, "underlay.hosts: 10.0.0.0/30 is too small for the host ports, which take a /"),
        ({"hosts": "172.16.0.0/16"}, "overlaps"),
        ({"asn": 4_294_967_000}, "underlay.asn"),
    ],
)
def test_pools_that_do_not_do(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        underlay_of(8, {"topology": "fat_tree", "radix": 8}, underlay=options)
    assert says in str(caught.value)


def test_no_network_to_configure() -> None:
    with pytest.raises(ConfigError, match="no scale_out network"):
        build_underlay(build_fabric(Cluster(nodes=1, node=NODE)))
