"""Racks with switches only, among the racks of nodes they serve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.errors import InfeasibleError
from weft.fabric.floor_plan import FloorPlan
from weft.fabric.placement.node_racks import NodeRacks, number_in
from weft.fabric.placement.switch_table import Switches
from weft.fabric.tables import IntArray, NodeTable


class NetworkRacks:
    """Network racks as they are added.

    Attributes:
        count: racks so far.
        rows, rack, unit: of each switch: node row, network rack (from 0), lowest rack unit.
        key: of each rack: where it stands among node racks 0, 1, 2 ...
        block: of each rack: the row of racks (2r) it belongs to, or the gap behind row r (2r + 1); 0 without rows.
        row_nodes: node racks in a row, where leaves stand in every row; 0 where they do not.
    """

    def __init__(self, nodes: NodeTable, hosts: IntArray, packed: NodeRacks, floor: FloorPlan, limit_w: float) -> None:
        self._nodes, self._packed, self._floor, self._limit_w = nodes, packed, floor, limit_w
        self.count = 0
        self.rows = np.empty(0, np.int64)
        self.rack = np.empty(0, np.int64)
        self.unit = np.empty(0, np.int64)
        self.key = np.empty(0)
        self.block = np.empty(0, np.int64)
        self.row_nodes = 0
        self._first, self._last = _spans(nodes, hosts, packed)

    def add_by_place(self, switches: Switches) -> None:
        """Add switches, a set of racks for each pod, unit or group (or the whole cluster) they belong to."""
        if not len(switches.rows):
            return
        places, which = np.unique(self._nodes.parent[switches.rows], return_inverse=True)
        first, last = self._first[places], self._last[places]  # -1 is the whole cluster's
        middle = self._floor.network == "middle"
        key = ((first + last) // 2 if middle else last).astype(np.float64) + 0.5
        block = np.zeros(len(places), np.int64)
        if self.row_nodes:  # in rows of their own between rows of nodes
            block = 2 * (key // self.row_nodes).astype(np.int64) + 1
        self._add(switches, which, key, block)

    def add_by_row(self, switches: Switches) -> None:
        """Add leaves in the middle or at the end of every row of node racks.

        Raises:
            InfeasibleError: the leaves leave no room for nodes in a row.
        """
        if not len(switches.rows):
            return
        per_row, each = self._floor.racks_per_row, self._per_rack(switches)
        serves = self._packed.rack[np.floor(switches.serves).astype(np.int64)]
        for network in range(1, per_row):
            self.row_nodes = per_row - network
            row = serves // self.row_nodes
            if np.bincount(row).max() <= network * each:
                break
        else:
            raise InfeasibleError(
                f"floor_plan.leaf: a row of {per_row} racks cannot hold nodes and the switches they need; "
                "set racks_per_row higher, or leaf: network_racks"
            )
        rows, which = np.unique(row, return_inverse=True)
        ends = np.minimum((rows + 1) * self.row_nodes, self._packed.racks)
        if self._floor.leaf == "middle_of_row":
            ends = (rows * self.row_nodes + ends + 1) // 2
        self._add(switches, which, ends - 0.5, 2 * rows)

    def _per_rack(self, switches: Switches) -> int:
        """Return how many of them fit a rack: as if all were the largest."""
        power_w = float(switches.power_w.max())
        by_power = int(self._limit_w / power_w + 1e-9) if power_w else self._floor.rack_units
        return max(1, min(self._floor.rack_units // int(switches.units.max()), by_power))

    def _add(self, switches: Switches, which: IntArray, key: npt.NDArray[np.float64], block: IntArray) -> None:
        """Add one set of racks for each ``key``, holding the switches that ``which`` gives it, spread evenly."""
        size = np.bincount(which)
        racks = -(-size // self._per_rack(switches))
        start = self.count + np.concatenate([[0], np.cumsum(racks)])
        rack = start[which] + number_in(which) * racks[which] // size[which]
        self.rows = np.concatenate([self.rows, switches.rows])
        self.rack = np.concatenate([self.rack, rack])
        self.unit = np.concatenate([self.unit, 1 + number_in(rack) * int(switches.units.max())])
        self.key = np.concatenate([self.key, np.repeat(key, racks)])
        self.block = np.concatenate([self.block, np.repeat(block, racks)])
        self.count = int(start[-1])


def _spans(nodes: NodeTable, hosts: IntArray, packed: NodeRacks) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first and the last node rack under every node row; the last element (-1) is the whole cluster's."""
    first = np.zeros(len(nodes) + 1, np.int64)
    last = np.full(len(nodes) + 1, packed.racks - 1, np.int64)
    above = nodes.parent[hosts]
    while (above >= 0).any():
        inside = above >= 0
        here, rack = above[inside], packed.rack[inside]
        first[here], last[here] = packed.racks, -1
        np.minimum.at(first, here, rack)
        np.maximum.at(last, here, rack)
        above = np.where(inside, nodes.parent[above], -1)
    return first, last
