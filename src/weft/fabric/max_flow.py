"""The exact bandwidth between two sets of host ports over any graph of switches, for graphs that users draw."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from weft.fabric.distance import Cables
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import IntArray, Kind, LinkTable, NodeTable

_LEAST = 1e-6  # of a bytes/s: less than that is rounding


def halves_Bps(cables: Sequence[Cables], routers: int, at: IntArray, rate_Bps: float) -> float:
    """Return the one-way bandwidth between the first and the second half of the host ports: their maximum flow.

    Args:
        cables: between routers.
        routers: how many.
        at: int[endpoints], the router of each port, in node order.
        rate_Bps: of a port.
    """
    half = (len(at) + 1) // 2
    flow = _Flow(routers + 2)
    pairs: dict[tuple[int, int], float] = {}
    for some in cables:
        ends, counts = np.unique(np.sort(np.stack([some.a, some.b]), axis=0), axis=1, return_counts=True)
        for a, b, count in zip(*ends.tolist(), counts.tolist(), strict=True):
            pairs[a, b] = pairs.get((a, b), 0.0) + count * some.link.rate_Bps
    for (a, b), rate in pairs.items():
        flow.join(a, b, rate, rate)
    for end, ports in ((routers, at[:half]), (routers + 1, at[half:])):
        for router, count in enumerate(np.bincount(ports, minlength=routers).tolist()):
            if count:
                a, b = (end, router) if end == routers else (router, end)
                flow.join(a, b, count * rate_Bps, 0.0)
    return flow.most(routers, routers + 1)


def halves_over_circuits_Bps(nodes: NodeTable, links: LinkTable, network: ScaleOut) -> float:
    """Return the one-way bandwidth between the first and the second half of the host ports of a network with optical
    circuit switches: their maximum flow, light going where the circuits lead it.
    """
    assert network.circuits is not None
    number = np.full(len(nodes), -1, np.int64)
    switches = np.flatnonzero(np.isin(nodes.kind, (Kind.LEAF, Kind.SPINE, Kind.CORE, Kind.ROUTER)))
    number[switches] = np.arange(len(switches))
    lower, upper, kind = links.src[::2], links.dst[::2], links.link_class[::2]
    joined = (number[lower] >= 0) & (number[upper] >= 0)
    hosts = np.flatnonzero((nodes.kind[lower] == Kind.NIC) & (number[upper] >= 0))
    a, b = network.circuits.T
    ends = [
        (number[lower[joined]], number[upper[joined]], kind[joined]),
        (number[lower[a]], number[lower[b]], kind[a]),
    ]
    cables = [
        Cables(one[which == row], other[which == row], links.classes[row])
        for one, other, which in ends
        for row in np.unique(which)
    ]
    at = number[upper[hosts]][np.argsort(lower[hosts], kind="stable")]
    return halves_Bps(cables, len(switches), at, links.classes[int(kind[hosts[0]])].rate_Bps)


class _Flow:
    """Dinic's algorithm: arcs in pairs, arc ``i ^ 1`` the way back of arc ``i``.

    O(nodes² · arcs) at worst, and far less in networks of few tiers.
    """

    def __init__(self, nodes: int) -> None:
        self.out: list[list[int]] = [[] for _ in range(nodes)]
        self.to: list[int] = []
        self.room: list[float] = []

    def join(self, a: int, b: int, there: float, back: float) -> None:
        """Add room from a to b and from b to a."""
        for here, end, room in ((a, b, there), (b, a, back)):
            self.out[here].append(len(self.to))
            self.to.append(end)
            self.room.append(room)

    def most(self, source: int, sink: int) -> float:
        """Return the maximum flow."""
        total = 0.0
        while (level := self._levels(source, sink)) is not None:
            turn = [0] * len(self.out)
            while pushed := self._push(source, sink, level, turn):
                total += pushed
        return total

    def _levels(self, source: int, sink: int) -> list[int] | None:
        """Return how far each node is from the source over arcs with room; None where the sink is out of reach."""
        level = [-1] * len(self.out)
        level[source] = 0
        queue = deque([source])
        while queue:
            here = queue.popleft()
            for arc in self.out[here]:
                if self.room[arc] > _LEAST and level[self.to[arc]] < 0:
                    level[self.to[arc]] = level[here] + 1
                    queue.append(self.to[arc])
        return level if level[sink] >= 0 else None

    def _push(self, source: int, sink: int, level: list[int], turn: list[int]) -> float:
        """Fill one shortest path and return what it took; 0 where none is left."""
        path: list[int] = []
        here = source
        while here != sink:
            arcs = self.out[here]
            while turn[here] < len(arcs):
                arc = arcs[turn[here]]
                if self.room[arc] > _LEAST and level[self.to[arc]] == level[here] + 1:
                    break
                turn[here] += 1
            else:
                if not path:
                    return 0.0
                here = self.to[path.pop() ^ 1]
                turn[here] += 1
                continue
            path.append(arc)
            here = self.to[arc]
        least = min(self.room[arc] for arc in path)
        for arc in path:
            self.room[arc] -= least
            self.room[arc ^ 1] += least
        return least
