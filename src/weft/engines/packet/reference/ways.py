"""Shortest ways: which ports of switches lead towards an edge, and how often each is taken."""

from __future__ import annotations

import math
from functools import reduce

from weft.engines.packet.reference.port import Port
from weft.engines.packet.reference.switch import Switch

_EIGHTHS = 8


def find_ways(edges: list[Switch], switches: list[Switch], carries: dict[Port, float], weighted: bool) -> None:
    """Tell all switches their shortest ways to all edges.

    Args:
        edges: that hosts are at.
        switches: all.
        carries: bytes/s of ports between switches; those that are down are not in it.
        weighted: ports get shares by what they and all beyond them carry (J. Zhou et al., WCMP, EuroSys 2014).
    """
    for switch in switches:
        switch.ways = {}
    for place, edge in enumerate(edges):
        _find_ways_to(place, edge, carries, weighted)


def _find_ways_to(place: int, edge: Switch, carries: dict[Port, float], weighted: bool) -> None:
    """Search breadth first."""
    hops, beyond = {edge: 0}, {edge: math.inf}
    reached = [edge]
    for switch in reached:
        for port in carries:
            if port.far is switch and isinstance(port.near, Switch) and port.near not in hops:
                hops[port.near] = hops[switch] + 1
                reached.append(port.near)
    for switch in reached[1:]:
        through: dict[Port, float] = {}
        for port, rate in carries.items():
            far = port.far
            if port.near is switch and isinstance(far, Switch) and hops.get(far) == hops[switch] - 1:
                through[port] = min(rate, beyond[far])
        beyond[switch] = sum(through.values())
        ports = _shared(through) if weighted else list(through)
        known = next((known for _, known in switch.ways.values() if known == ports), ports)
        switch.ways[place] = hops[switch], known  # one list, for turns are taken through it


def _shared(through: dict[Port, float]) -> list[Port]:
    """Return each port as often as is its share, in eighths of the widest, and no oftener than ratios need."""
    widest = max(through.values())
    times = {port: max(1, int(_EIGHTHS * rate / widest + 0.5)) for port, rate in through.items()}
    common = reduce(math.gcd, times.values())
    return [port for port, count in times.items() for _ in range(count // common)]
