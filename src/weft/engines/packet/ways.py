"""The ways that flows take through a network when nothing is in the way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.engines.packet.flows import Flows
from weft.engines.packet.network import PacketNetwork, Tables
from weft.errors import InfeasibleError

Ints = npt.NDArray[np.int32]


def best_ways(network: PacketNetwork, flows: Flows) -> Ints:
    """Return the ports of a shortest way of each flow, by the fastest links among equal ones.

    Returns:
        int32[flows, ports]: from the host's own port to that before the receiver; -1 after the last.

    Raises:
        InfeasibleError: a flow has no way.
    """
    tables = network.tables()
    best = _best(network, tables)
    edges = network.edge_switch
    goal, down = network.host_switch[flows.dst], (flows.dst + network.hosts).astype(np.int32)
    edge = np.searchsorted(edges, goal)
    at, going = network.host_switch[flows.src], np.ones(len(flows), bool)
    columns = [flows.src.astype(np.int32)]
    while going.any():
        there = going & (at == goal)
        column = np.full(len(flows), -1, np.int32)
        column[there] = down[there]
        going &= ~there
        sets = tables.next_set[at[going], edge[going]]
        if (sets < 0).any():
            raise _cut_off(network, flows, tables)
        column[going] = best[sets]
        at = at.copy()
        at[going] = network.link_dst[best[sets] - 2 * network.hosts]
        columns.append(column)
    return np.stack(columns, axis=1)


def _best(network: PacketNetwork, tables: Tables) -> Ints:
    """Of each set of next hops the fastest, of equally fast ones the nearest."""
    if not len(tables.row):
        return np.zeros(0, np.int32)
    group = np.repeat(np.arange(len(tables.row)), tables.row[:, 1])
    order = np.lexsort((network.latency_s[tables.port], -network.rate_Bps[tables.port], group))
    return tables.port[order[tables.row[:, 0]]].astype(np.int32)


def _cut_off(network: PacketNetwork, flows: Flows, tables: Tables) -> InfeasibleError:
    """Say which flows have no way."""
    goal = network.host_switch[flows.dst]
    start = network.host_switch[flows.src]
    edge = np.searchsorted(network.edge_switch, goal)
    lost = np.flatnonzero((start != goal) & (tables.next_set[start, edge] < 0))
    first = int(lost[0])
    names = network.host_name(int(flows.src[first])), network.host_name(int(flows.dst[first]))
    count = f"{len(lost)} of {len(flows)} flows have no way" if len(lost) > 1 else "the flow has no way"
    return InfeasibleError(f"{names[0]} cannot reach {names[1]}: with the links that are down {count}")
