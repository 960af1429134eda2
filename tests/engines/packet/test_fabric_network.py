"""A fabric's packet network: every pair has a way, every port the rate of its links, and what is sent arrives."""

from __future__ import annotations

import numpy as np
import pytest
from fluid_cases import cluster, example
from packet_fabrics import packets

from weft.engines.packet.flows import simple
from weft.engines.packet.of_fabric import of_fabric
from weft.engines.packet.ways import best_ways
from weft.errors import ConfigError
from weft.fabric.routing_options import Routing
from weft.fabric.tables import Domain, Kind

NAMES = [
    "dragonfly", "edge_list", "flattened_butterfly", "full_mesh", "hamming_mesh", "hyperx", "jellyfish", "ocs",
    "rail-only", "slim_fly", "three-sites", "torus",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_has_a_way(name: str) -> None:
    """And as few switches on it as the fabric's own graph has between them."""
    fabric = example(f"topologies/{name}")
    made = of_fabric(fabric)
    rows = fabric.rows(Kind.ACCELERATOR)
    rng = np.random.default_rng(1)
    some = rng.choice(rows, min(64, len(rows)), replace=False)
    src, dst = (column.ravel() for column in np.meshgrid(some, some))
    src, dst = src[src != dst], dst[src != dst]
    pairs = made.pairs(made.router(), src, dst)
    assert len(pairs.lost) == 0
    over, within = (
        np.bincount(pairs.flow[part], pairs.share[part], len(src)) for part in (~pairs.inside, pairs.inside)
    )
    assert ((over < 1e-9) | (abs(over - 1) < 1e-9)).all()  # all of it crosses the network, or none
    assert ((within <= 1 + 1e-9) & (within + over >= 1 - 1e-9)).all()  # part of it changes rails first
    ways = best_ways(made.network, simple(pairs.src, pairs.dst, 1))
    links = (ways >= 0).sum(axis=1)
    assert np.array_equal(links, made.links_between(pairs.src, pairs.dst))
    assert (links >= 2).all()
    apart = fabric.nodes.parent[src] != fabric.nodes.parent[dst]
    assert over[apart] == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_ports_are_as_fast_as_their_links(name: str) -> None:
    fabric = example(f"topologies/{name}")
    made = of_fabric(fabric)
    network, parts, links = made.network, made.parts, fabric.links
    between = network.rate_Bps[2 * network.hosts :]
    assert np.array_equal(between, links.rate_Bps[parts.row])
    cabled = np.flatnonzero(parts.cable >= 0)
    assert (network.rate_Bps[cabled] <= links.rate_Bps[parts.cable[cabled]]).all()
    near_Bps = np.bincount(parts.near_host, links.rate_Bps[parts.near_link] * parts.near_x, minlength=network.hosts)
    limit = np.minimum(near_Bps[cabled], links.rate_Bps[parts.cable[cabled]])
    assert network.rate_Bps[cabled] == pytest.approx(limit)
    domain = np.array([each.domain for each in links.classes])[links.link_class]
    into_network = ((domain == Domain.SCALE_OUT) & (fabric.nodes.kind[links.src] == Kind.NIC)).sum()
    forwards = (fabric.nodes.kind[links.src[parts.row]] == Kind.NIC).sum()  # NICs that are switches themselves
    assert len(cabled) == into_network - forwards


def test_mixed_speeds() -> None:
    """One NIC at half its rate: what it sends takes twice as long, what others send does not."""
    fabric, slow = cluster(4), {"faults": [{"node": "host0/nic0", "rate": 0.5}]}
    wire_s = 8e6 * 4150 / 4086 / 50e9
    for ranks, x in (((0, 24), 2), ((24, 0), 2), ((8, 24), 1)):
        found = packets(fabric, "send_recv", ranks, 8e6, named="ideal", scenario=slow).run(8e6)
        assert found.time_s - found.latency_s == pytest.approx(x * wire_s, rel=0.02)


@pytest.mark.parametrize("kind", ["all_reduce", "all_to_all", "broadcast"])
def test_what_is_sent_arrives_and_no_more(kind: str) -> None:
    """Wire bytes at receivers, and on the ports into hosts: data and acknowledgements, each counted once."""
    fabric = cluster(4)
    run = packets(fabric, kind, range(0, 32, 8), 4e6)
    run.run(4e6)
    found = run.outcome()
    flow, network, transport = found.flow, found.network, found.settings.transport
    assert np.isfinite(flow["end_s"]).all()
    assert flow["retransmissions"].sum() == 0
    payload = transport.mtu_bytes - transport.header_bytes
    assert np.array_equal(flow["packets"], -(-flow["size_bytes"] // payload))
    wire = flow["size_bytes"] + flow["packets"] * transport.header_bytes
    into = np.bincount(flow["dst"], wire, minlength=network.hosts)
    answers = np.bincount(flow["src"], flow["acks"], minlength=network.hosts) * transport.control_bytes
    sent = found.port["sent_bytes"][network.hosts : 2 * network.hosts]
    late = np.bincount(flow["src"], minlength=network.hosts) * 2 * transport.control_bytes  # answers still on their way
    assert (sent >= into + answers).all()
    assert (sent <= into + answers + late).all()
    assert found.packet_hops >= 2 * flow["packets"].sum()


def test_polarised_hashes_repeat_the_choice_of_the_tier_below() -> None:
    """A spine then sends all that it was given to one of its four cores, where others use nearly all."""
    fabric = cluster(16, topology="fat_tree", radix=8)
    used = {}
    for polarised in (False, True):
        ranks, size = range(0, 128, 8), 16e4
        made = packets(
            fabric, "all_to_all", ranks, size, algorithm="direct", named="ideal", policy="ecmp", polarised=polarised
        )
        made.run(size)
        found = made.outcome()
        names = [found.network.port_name(row) for row in range(found.network.ports)]
        up = [row for row, name in enumerate(names) if "spine" in name and "-> core" in name]
        used[polarised] = np.count_nonzero(found.port["sent_bytes"][up] > 4150) / len(up)
    assert used[False] > 0.7
    assert used[True] <= 0.25


@pytest.mark.parametrize("policy", ["static", "dimension_order"])
def test_policies_that_packets_cannot_follow(policy: str) -> None:
    with pytest.raises(ConfigError, match=f"no {policy} routing; use adaptive"):
        of_fabric(cluster(4), Routing(policy=policy, paths="x.csv" if policy == "static" else None))
