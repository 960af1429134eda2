"""Forwarding tables hold all shortest ways and no others, and switches with the same next hops share them."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
from hypothesis import given, settings
from packet_cases import networks, ring, wired

from weft.engines.packet.fat_tree import regular
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.table_kernels import FAR


def check(network: PacketNetwork) -> None:
    """Compare with breadth-first search of another library."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.switches))
    ends = list(zip(network.link_src.tolist(), network.link_dst.tolist(), strict=True))
    graph.add_edges_from(ends)
    tables = network.tables()
    for place, edge in enumerate(network.edge_switch.tolist()):
        far = nx.single_source_shortest_path_length(graph.reverse(), edge)
        for switch in range(network.switches):
            if switch not in far:
                assert tables.hops[switch, place] == FAR
                assert tables.next_set[switch, place] == -1
                continue
            assert tables.hops[switch, place] == far[switch]
            row = tables.next_set[switch, place]
            best = {i for i, (a, b) in enumerate(ends) if a == switch and far.get(b, FAR) + 1 == far[switch]}
            if switch == edge:
                assert row == -1
                continue
            first, count = tables.row[row]
            ports = tables.port[first : first + count] - 2 * network.hosts
            assert len(ports) == len(set(ports.tolist()))
            assert set(ports.tolist()) == best


@settings(max_examples=150, deadline=None, derandomize=True)
@given(networks())
def test_shortest_ways(network: PacketNetwork) -> None:
    check(replace(network, weight=None, weighted=False))


def test_what_cannot_be_reached() -> None:
    check(wired([0, 1, 2, 3], [(0, 1), (2, 3)]))


def test_large_tables() -> None:
    """More sets and ports than the first guess has room for."""
    check(ring(40))
    tree = regular(54, 3, 1.0).network()
    check(tree)
    whole = wired(list(range(24)), [(a, b) for a in range(24) for b in range(a)])
    check(whole)


def test_uplinks_are_stored_once() -> None:
    tree = regular(128, 2, 1.0).network()  # 16 leaves and 8 spines
    tables = tree.tables()
    assert all(len(np.unique(row[row >= 0])) == 1 for row in tables.next_set[:16])
    assert len(tables.row) == 16 + 8 * 16
