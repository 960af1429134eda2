"""A maximum flow between the halves of the host ports, over the links as they are: independent of every closed form."""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np

from weft.fabric import Domain, Fabric, Kind


def max_flow_Bps(fabric: Fabric) -> float:
    """Return the flow from the first half of the NICs to the second, one way (Edmonds and Karp).

    Optical switches pass light by their circuits only: each circuit is one link between the switches at its ends.
    """
    room: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    links, kinds = fabric.links, fabric.nodes.kind
    for row in range(len(links)):
        a, b = int(links.src[row]), int(links.dst[row])
        if links.domain[row] in (Domain.SCALE_OUT, Domain.LONG_HAUL) and Kind.OCS not in (kinds[a], kinds[b]):
            room[a][b] += float(links.rate_Bps[row])
            room[b][a] += 0.0
    for one, other in fabric.network.circuits if fabric.network.circuits is not None else ():
        a, b, rate = int(links.src[2 * one]), int(links.src[2 * other]), float(links.rate_Bps[2 * one])
        room[a][b] += rate
        room[b][a] += rate
    nics = fabric.rows(Kind.NIC)[: fabric.endpoints]
    half = (len(nics) + 1) // 2
    source, sink, flow = -1, -2, 0.0
    for index, nic in enumerate(nics.tolist()):
        a, b = (source, nic) if index < half else (nic, sink)
        room[a][b] += 1e18
        room[b][a] += 0.0
    while True:
        came = {source: source}
        queue = deque([source])
        while queue and sink not in came:
            here = queue.popleft()
            for there, rate in room[here].items():
                if rate > 1 and there not in came:
                    came[there] = here
                    queue.append(there)
        if sink not in came:
            return flow
        path, at = [], sink
        while at != source:
            path.append((came[at], at))
            at = came[at]
        pushed = min(room[a][b] for a, b in path)
        for a, b in path:
            room[a][b] -= pushed
            room[b][a] += pushed
        flow += pushed


def components(fabric: Fabric, rows: np.ndarray) -> int:
    """Return into how many parts some nodes fall over the links between them."""
    label = {int(row): int(row) for row in rows}

    def root(node: int) -> int:
        while label[node] != node:
            node = label[node]
        return node

    for a, b in zip(fabric.links.src[::2].tolist(), fabric.links.dst[::2].tolist(), strict=True):
        if a in label and b in label:
            label[root(a)] = root(b)
    return len({root(node) for node in label})
