"""What one failure takes away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from weft.fabric.cabling.counting import networked
from weft.fabric.checks.finding import Finding, first_of
from weft.fabric.checks.graph import components, cut_points
from weft.fabric.tables import Domain, Kind

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric

MOST_TRIED = 20


def single_points_of_failure(fabric: Fabric) -> Iterator[Finding]:
    """No single switch cuts a node off the others."""
    homes = _homes(fabric)
    if not len(homes):
        return
    hosts, inverse = np.unique(homes[:, 0], return_inverse=True)
    if len(hosts) < 2:
        return
    alone = homes[np.bincount(inverse)[inverse] == 1]
    if len(alone):
        switches, cut = np.unique(alone[:, 1], return_counts=True)
        where, more = first_of(fabric, switches)
        yield Finding(
            "single_points_of_failure",
            "warning",
            where,
            f"its loss cuts off {int(cut[0]):,} nodes: all their ports lead to it{more}",
            "give every node ports on two switches: rail_optimised, dual_tor or multi_plane",
        )
    yield from _between_switches(fabric, homes, inverse)


def _homes(fabric: Fabric) -> npt.NDArray[np.int64]:
    """Return (host, switch) rows, each pair once, of the scale-out network."""
    pairs = [
        np.stack([lower, upper], axis=1)[fabric.nodes.kind[lower] == Kind.HOST]
        for link, lower, upper in networked(fabric)
        if link.domain == Domain.SCALE_OUT
    ]
    return np.unique(np.concatenate(pairs), axis=0) if pairs else np.empty((0, 2), np.int64)


def _between_switches(fabric: Fabric, homes: npt.NDArray[np.int64], host: npt.NDArray[np.int64]) -> Iterator[Finding]:
    """Find switches above whose loss parts the network, and count the nodes that then reach no majority."""
    pairs = [
        np.stack([np.minimum(lower, upper), np.maximum(lower, upper)], axis=1)[fabric.nodes.kind[lower] != Kind.HOST]
        for link, lower, upper in networked(fabric)
        if link.domain in (Domain.SCALE_OUT, Domain.LONG_HAUL)
    ]
    edges = np.unique(np.concatenate(pairs), axis=0)
    rows, flat = np.unique(np.concatenate([edges.ravel(), homes[:, 1]]), return_inverse=True)
    a, b = flat[: edges.size].reshape(-1, 2).T
    home = flat[edges.size :]
    terminal = np.zeros(len(rows), bool)
    terminal[home] = True
    for switch in cut_points(a, b, len(rows), terminal)[:MOST_TRIED]:
        kept = (a != switch) & (b != switch)
        part = components(a[kept], b[kept], len(rows))[home]
        part[home == switch] = -1
        reached = np.unique(np.stack([part, host], axis=1)[part >= 0], axis=0)
        majority = np.bincount(reached[:, 0]).argmax()
        still = np.unique(reached[reached[:, 0] == majority, 1])
        homed = np.unique(host[part >= 0])  # those that lost every switch are counted above
        lost = len(homed) - len(still)
        if lost:
            yield Finding(
                "single_points_of_failure",
                "warning",
                fabric.node_name(int(rows[switch])),
                f"its loss parts {lost:,} nodes from the others",
                "use two or more switches above every switch (bundle, radix)",
            )
