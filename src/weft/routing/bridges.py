"""The links that join groups of switches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.routing.hashing import Keys
from weft.routing.path_parts import chained
from weft.routing.paths import Paths, of_matrix
from weft.routing.policy import Policy
from weft.routing.switch_graph import SwitchGraph

Switches = npt.NDArray[np.int32]
Groups = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bridges:
    """Live directed links between groups, by the group they leave, then by the group they enter.

    Attributes:
        groups: how many.
        pair: int64[bridges], group left · groups + group entered.
        tail, head: int32[bridges], switches.
        resource: int32[bridges].
    """

    groups: int
    pair: Rows
    tail: npt.NDArray[np.int32]
    head: npt.NDArray[np.int32]
    resource: npt.NDArray[np.int32]

    @classmethod
    def of(cls, graph: SwitchGraph, group: Groups) -> Bridges:
        """Find them, given the group of each switch."""
        groups = int(group.max(initial=-1)) + 1
        tail = np.repeat(np.arange(len(graph), dtype=np.int32), np.diff(graph.indptr))
        apart = np.flatnonzero(group[tail] != group[graph.head])
        pair = group[tail[apart]].astype(np.int64) * groups + group[graph.head[apart]]
        order = np.argsort(pair, kind="stable")
        rows = apart[order]
        return cls(groups, pair[order], tail[rows], graph.head[rows], graph.resource[rows])

    def leaving(self, here: Groups) -> tuple[Rows, Rows]:
        """Return (first, end) of the bridges that leave each of some groups."""
        pair = here.astype(np.int64) * self.groups
        return np.searchsorted(self.pair, pair), np.searchsorted(self.pair, pair + self.groups)

    def between(self, here: Groups, there: Groups) -> tuple[Rows, Rows]:
        """Return (first, end) of the bridges between each of some pairs of groups."""
        pair = here.astype(np.int64) * self.groups + there
        return np.searchsorted(self.pair, pair), np.searchsorted(self.pair, pair, side="right")


def over(bridges: Bridges, bridge: Rows, out: Policy, back: Policy, src: Switches, dst: Switches, key: Keys) -> Paths:
    """Route each flow by way of one bridge.

    Args:
        bridges: the bridges.
        bridge: int64[flows], which; -1 for flows that are to stay where they are.
        out, back: take flows to where the bridge begins, and on from where it ends.
        src, dst: int32[flows], switches.
        key: uint64[flows].
    """
    crosses = bridge >= 0
    tail, head, resource = src, dst, np.full(len(src), -1, np.int32)
    if crosses.any():
        tail, head = np.where(crosses, bridges.tail[bridge], src), np.where(crosses, bridges.head[bridge], dst)
        resource = np.where(crosses, bridges.resource[bridge], -1).astype(np.int32)
    crossing = of_matrix(resource[:, None], np.ones(len(src), bool))
    return chained(chained(out.between(src, tail, key), crossing), back.between(head, dst, key))
