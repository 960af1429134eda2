"""AS numbers after RFC 7938, section 5.2.1: one a leaf, one for all spines of a pod, one for all cores of a site.

BGP drops a route that comes back to an AS it has been in. Spines that share a number therefore never hand a packet down
to a leaf and up again: no valleys, also after failures. A router of a direct network has a number of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.fabric.checks.graph import components
from weft.fabric.tables import IntArray, Kind, NodeTable
from weft.underlay.numbering import own_asn

_TIER = {Kind.LEAF: 0, Kind.ROUTER: 0, Kind.SPINE: 1, Kind.CORE: 2}


def asns(first: int, nodes: NodeTable, switches: Sequence[int], ends: IntArray) -> dict[int, int]:
    """Return the AS number of every switch, by row.

    Switches of a tier share one if they are joined by the tiers below them; it is that of the first among them, so that
    a pod that grows keeps its own.

    Args:
        first: AS number from which they count.
        nodes: the fabric's nodes.
        switches: their rows, in order.
        ends: int64[links, 2], node rows of the devices at the ends of every link.

    Raises:
        ConfigError: a number would be beyond the last.
    """
    tier = np.full(len(nodes), -1, np.int64)
    tier[list(switches)] = [_TIER[Kind(int(nodes.kind[row]))] for row in switches]
    a, b = tier[ends[:, 0]], tier[ends[:, 1]]
    between_tiers = (a >= 0) & (b >= 0) & (a != b)
    found = {}
    for level in range(3):
        mine = [row for row in switches if tier[row] == level]
        below = between_tiers & (np.maximum(a, b) <= level)
        label = components(ends[below, 0], ends[below, 1], len(nodes)) if level else np.arange(len(nodes))
        head: dict[int, int] = {}
        for row in mine:
            found[row] = own_asn(first, nodes, head.setdefault(int(label[row]), row))
    return found
