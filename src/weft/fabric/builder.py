"""Collects blocks of nodes and cables, then makes the tables: whole arrays at a time, never one GPU at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.fabric.tables import IntArray, Kind, LinkClass, LinkTable, NodeTable

Column = int | IntArray


class GraphBuilder:
    """A fabric under construction. ``hosts`` are the rows of the nodes' hosts, for topologies that place them."""

    def __init__(self) -> None:
        self.hosts: npt.NDArray[np.int32] = np.empty(0, np.int32)
        self.parts: list[Part] = []
        self._rows = 0
        self._nodes: list[tuple[int, tuple[npt.NDArray[np.integer[Any]], ...]]] = []
        self._cables: list[tuple[IntArray, IntArray, int]] = []
        self._classes: list[LinkClass] = []

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
            _column(parent, count, np.int32),
            _column(np.arange(count) if ordinal is None else ordinal, count, np.int32),
            _column(rail, count, np.int16),
        )
        self._nodes.append((self._rows, columns))
        self._rows += count
        return rows

    def place(self, rows: IntArray, parent: IntArray) -> None:
        """Move a block of nodes (all that one call of `nodes` added) into places; ``parent`` must be ascending."""
        columns = next(block for first, block in self._nodes if first == rows[0])
        columns[2][:] = parent
        starts = np.searchsorted(parent, parent, side="left")
        columns[3][:] = np.arange(len(rows)) - starts

    def cables(self, lower: IntArray, upper: IntArray, link_class: LinkClass) -> None:
        """Add one cable of ``link_class`` between each ``lower[i]`` and ``upper[i]`` (node rows, equal lengths)."""
        self._cables.append((lower, upper, len(self._classes)))
        self._classes.append(replace(link_class, cables=len(lower)))

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
        for array in (*stacked, src, dst, classes):
            array.setflags(write=False)
        return NodeTable(*stacked), LinkTable(src, dst, classes, tuple(self._classes))

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
