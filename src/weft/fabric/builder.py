"""Collects blocks of nodes and cables, then makes the tables: whole arrays at a time, never one GPU at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass, LinkTable, NodeTable

Column = int | IntArray


class GraphBuilder:
    """A fabric under construction.

    Attributes:
        hosts: rows of the nodes' hosts, for topologies that place them.
        parts: catalog parts, as the node columns number them.
        domain: of the network that is being added; topologies say ``SCALE_OUT`` and mean this one.
        root: row of the place that what is added stands in, where it is in no other; -1 for none.
        moves_hosts: False while a network is added that has no say in where hosts stand.
    """

    def __init__(self) -> None:
        self.domain, self.root, self.moves_hosts = Domain.SCALE_OUT, -1, True
        self.hosts: npt.NDArray[np.int32] = np.empty(0, np.int32)
        self.parts: list[Part] = []
        self._rows = 0
        self._nodes: list[tuple[int, tuple[npt.NDArray[np.integer[Any]], ...]]] = []
        self._cables: list[tuple[IntArray, IntArray, int]] = []
        self._classes: dict[LinkClass, int] = {}  # how many cables each has

    @property
    def size(self) -> int:
        """Nodes so far: the row that the next one gets."""
        return self._rows

    @property
    def cable_count(self) -> int:
        """Cables so far: the number that the next one gets."""
        return sum(len(lower) for lower, _, _ in self._cables)

    def rows(self, kind: Kind) -> npt.NDArray[np.int32]:
        """Return the rows of one kind so far, in order."""
        blocks = [np.flatnonzero(block[0] == kind) + first for first, block in self._nodes]
        return np.concatenate([np.empty(0, np.int64), *blocks]).astype(np.int32)

    def nodes(
        self,
        kind: Kind,
        count: int,
        *,
        part: Part | None = None,
        parent: Column = -1,
        ordinal: IntArray | None = None,
        rail: Column = -1,
    ) -> npt.NDArray[np.int32]:
        """Add ``count`` nodes of one kind and return their rows.

        Args:
            kind: what they are.
            count: how many.
            part: the catalog part they all are; None for places.
            parent: row of the place that holds each.
            ordinal: number of each inside its parent; default 0, 1, 2 ...
            rail: rail of each.
        """
        rows = np.arange(self._rows, self._rows + count, dtype=np.int32)
        columns = (
            _column(int(kind), count, np.uint8),
            _column(self._part(part), count, np.int16),
            self._parents(parent, count),
            _column(np.arange(count) if ordinal is None else ordinal, count, np.int32),
            _column(rail, count, np.int16),
        )
        self._nodes.append((self._rows, columns))
        self._rows += count
        return rows

    def place(self, rows: IntArray, parent: IntArray) -> None:
        """Move nodes (a run of those that one call of `nodes` added) into places; ``parent`` must be ascending."""
        if not self.moves_hosts:
            return
        first, columns = next((first, block) for first, block in reversed(self._nodes) if first <= rows[0])
        run = slice(int(rows[0]) - first, int(rows[0]) - first + len(rows))
        columns[2][run] = parent
        columns[3][run] = np.arange(len(rows)) - np.searchsorted(parent, parent, side="left")

    def cables(self, lower: IntArray, upper: IntArray, link_class: LinkClass) -> None:
        """Add one cable of ``link_class`` between each ``lower[i]`` and ``upper[i]`` (node rows, equal lengths)."""
        domain = self.domain if link_class.domain == Domain.SCALE_OUT else link_class.domain
        alike = replace(link_class, domain=domain, cables=0)
        self._classes[alike] = self._classes.get(alike, 0) + len(lower)
        self._cables.append((lower, upper, list(self._classes).index(alike)))

    def finish(self) -> tuple[NodeTable, LinkTable]:
        """Make the read-only tables."""
        stacked = [np.concatenate(column) for column in zip(*(block for _, block in self._nodes), strict=True)]
        count = sum(len(lower) for lower, _, _ in self._cables)
        src, dst = np.empty(2 * count, np.int32), np.empty(2 * count, np.int32)
        classes = np.empty(2 * count, np.int16)
        at = 0
        for lower, upper, index in self._cables:
            end = at + 2 * len(lower)
            src[at:end:2], src[at + 1 : end : 2] = lower, upper
            dst[at:end:2], dst[at + 1 : end : 2] = upper, lower
            classes[at:end] = index
            at = end
        made = tuple(replace(link_class, cables=cables) for link_class, cables in self._classes.items())
        for array in (*stacked, src, dst, classes):
            array.setflags(write=False)
        return NodeTable(*stacked), LinkTable(src, dst, classes, made)

    def used_Bps(self, rows: IntArray) -> npt.NDArray[np.float64]:
        """Return the bandwidth of all cables so far at each of some nodes, one way."""
        total = np.zeros(self._rows)
        rates = [link_class.rate_Bps for link_class in self._classes]
        for lower, upper, index in self._cables:
            for end in (lower, upper):
                total += rates[index] * np.bincount(end, minlength=self._rows)
        used: npt.NDArray[np.float64] = total[rows]
        return used

    def fastest_Bps(self, rows: IntArray) -> float:
        """Return the rate of the fastest cable so far at any of some nodes; 0 for none."""
        rates = [link_class.rate_Bps for link_class in self._classes]
        here = (
            rates[i] for lower, upper, i in self._cables if np.isin(lower, rows).any() or np.isin(upper, rows).any()
        )
        return max(here, default=0.0)

    def part_of(self, row: int) -> Part | None:
        """Return the catalog part of a node; None for places."""
        first, columns = next((first, block) for first, block in reversed(self._nodes) if first <= row)
        index = int(columns[1][row - first])
        return None if index < 0 else self.parts[index]

    def _parents(self, parent: Column, count: int) -> npt.NDArray[np.integer[Any]]:
        column = _column(parent, count, np.int32)
        column[column < 0] = self.root
        return column

    def _part(self, part: Part | None) -> int:
        if part is None:
            return -1
        keys = [(known.kind, known.id) for known in self.parts]
        if (part.kind, part.id) not in keys:
            self.parts.append(part)
            return len(keys)
        return keys.index((part.kind, part.id))


def _column(value: Column, count: int, dtype: type[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    column = np.empty(count, dtype)
    column[:] = value
    return column
