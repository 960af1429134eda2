"""Trees of switches that reduce: who a rank's data goes to inside its unit, and above it.

Between units each rail has an aggregation tree: its ranks' leaves, a switch above them while there is more than one,
and one root (Graham et al., Scalable Hierarchical Aggregation Protocol, COM-HPC 2016). A switch sends one reduced copy
up however many ranks it hears, and one copy of the result down each branch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weft.collectives.flows import Flows
from weft.collectives.layout import Layout
from weft.fabric import Fabric
from weft.fabric.tables import Domain, Kind, csr


def scale_up_switches(layout: Layout) -> NDArray[np.int64]:
    """int64[groups, units], the first switch of each unit; routing takes it for all of them."""
    fabric = layout.fabric
    switches = fabric.rows(Kind.SCALE_UP_SWITCH)
    parents, first = np.unique(fabric.nodes.parent[switches], return_index=True)
    of_host = np.full(len(fabric.nodes), -1, np.int64)
    of_host[parents] = switches[first]
    hosts = fabric.rows(Kind.HOST)[: fabric.plan.nodes]
    found: NDArray[np.int64] = of_host[hosts[layout.rank[:, layout.at[:, 0]] // fabric.plan.per_node]]
    return found


def aggregation_trees(layout: Layout, bytes_x: float) -> Flows:
    """A tree for each place of each group, up and down, in the channel of the place."""
    fabric, width = layout.fabric, layout.width
    rank = layout.rank[:, layout.at]  # groups x units x places
    tree = np.broadcast_to(np.arange(layout.groups)[:, None, None] * width + np.arange(width), rank.shape).ravel()
    below = fabric.rows(Kind.ACCELERATOR)[rank].ravel()
    at = _leaves(fabric)[rank].ravel()
    up = _Uplinks(fabric)
    src, dst, channel = [below], [at], [tree]
    while True:
        tree, at = np.unique(np.stack([tree, at]), axis=1)
        alone = np.bincount(tree)[tree] == 1
        tree, at = tree[~alone], at[~alone]
        if not len(at):
            break
        above = up.choose(at, tree % width)
        if (above == at).any():  # nothing is above: the first switch of the tree takes the root's part
            above = at[np.searchsorted(tree, tree)]
        src.append(at)
        dst.append(above)
        channel.append(tree)
        at = above
    a, b, c = (np.concatenate(column) for column in (src, dst, channel))
    both = np.concatenate([c, c])
    return Flows(
        np.concatenate([a, b]).astype(np.int64),
        np.concatenate([b, a]).astype(np.int64),
        np.full(len(both), bytes_x),
        both.astype(np.int32),
        (both // width).astype(np.int32),
        ("multicast", "switch"),
    )


def _leaves(fabric: Fabric) -> NDArray[np.int64]:
    """int64[accelerators], the switch above each one's NIC."""
    links, plan = fabric.links, fabric.plan
    up = 2 * np.flatnonzero(links.domain[::2] == Domain.SCALE_OUT)
    switch = np.full(len(fabric.nodes), -1, np.int64)
    switch[links.src[up][::-1]] = links.dst[up][::-1]  # of several the first
    nic = np.arange(fabric.accelerators) // plan.per_node * plan.nics + fabric.locality.rail
    found: NDArray[np.int64] = switch[fabric.rows(Kind.NIC)[nic]]
    return found


class _Uplinks:
    """The switches above each switch, in the order of their rows."""

    def __init__(self, fabric: Fabric) -> None:
        links = fabric.links
        up = 2 * np.flatnonzero(links.domain[::2] == Domain.SCALE_OUT)
        kind = fabric.nodes.kind
        up = up[(kind[links.src[up]] != Kind.NIC) & np.isin(kind[links.dst[up]], (Kind.SPINE, Kind.CORE))]
        src, dst = np.unique(np.stack([links.src[up], links.dst[up]]).astype(np.int64), axis=1)
        self.indptr, order = csr(src, len(fabric.nodes))
        self.above = dst[order]

    def choose(self, switch: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
        """One above each switch, the same for the same number where they have the same above them; itself if none."""
        count = np.diff(self.indptr)[switch]
        if not (count > 0).all():
            return switch
        found: NDArray[np.int64] = self.above[self.indptr[switch] + number % count]
        return found
