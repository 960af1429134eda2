"""Where a communicator's ranks stand on a fabric, as columns; many groups that stand alike are one batch.

A job of 131,072 accelerators has 16,384 tensor-parallel groups of 8, each inside its own node. Groups are congruent
when they fill scale-up units in the same way and meet at the same tiers; flows made for the first serve them all, in
one vectorised call. O(groups · ranks · log ranks).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.group import CommGroup
from weft.fabric.locality import Ranks
from weft.fabric.tables import IntArray, Kind


@dataclass(frozen=True, eq=False)
class Layout:
    """Congruent communicators on a fabric.

    Attributes:
        fabric: where they are.
        rank: int64[groups, n], accelerator numbers in communicator order.
        unit: int32[n], the scale-up domain each rank is in, numbered from 0 in the order of the accelerators, so that
            neighbours are under one leaf where possible.
        place: int32[n], position among the group's ranks in its unit, in the order of the accelerators.
    """

    fabric: Fabric
    rank: NDArray[np.int64]
    unit: NDArray[np.int32]
    place: NDArray[np.int32]

    @classmethod
    def of(cls, fabric: Fabric, ranks: Ranks) -> Layout:
        """Lay out one communicator.

        Raises:
            ConfigError: empty, repeated, or out of range.
        """
        fabric.group(ranks)  # checks them
        ((_, layout),) = cls.batch(fabric, np.asarray(ranks, np.int64)[None, :])
        return layout

    @classmethod
    def batch(cls, fabric: Fabric, ranks: IntArray) -> list[tuple[NDArray[np.int64], Layout]]:
        """Split groups into congruent batches: (rows of ``ranks``, their layout).

        Args:
            fabric: where they are.
            ranks: int[groups, n], accelerator numbers.

        Raises:
            ConfigError: not a table, empty, repeated, or out of range.
        """
        table = np.asarray(ranks, np.int64)
        if table.ndim != 2 or not table.size:
            raise ConfigError("groups are a table of accelerator numbers, one row a group", field="ranks")
        order = np.argsort(table, axis=1, kind="stable")
        ordered = np.take_along_axis(table, order, axis=1)
        if ordered[:, 0].min() < 0 or ordered[:, -1].max() >= fabric.accelerators:
            raise ConfigError(f"accelerators are 0 to {fabric.accelerators - 1}", field="ranks")
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            raise ConfigError("an accelerator is named twice in one group", field="ranks")
        first = _run_starts(fabric.locality.scale_up_unit[ordered])
        number = np.cumsum(first, axis=1) - 1
        at = np.broadcast_to(np.arange(table.shape[1]), table.shape)
        within = at - np.maximum.accumulate(np.where(first, at, 0), axis=1)
        unit, place = np.empty_like(order), np.empty_like(order)
        np.put_along_axis(unit, order, number, axis=1)
        np.put_along_axis(place, order, within, axis=1)
        key = [unit, place, *(column[:, None] for column in _seen(fabric, ordered, first))]
        if fabric.plan.scale_up.grid is not None:
            key.append(table % fabric.plan.per_node)
        which = _alike(np.concatenate(key, axis=1))
        found = []
        for row in np.flatnonzero(np.bincount(which) > 0):
            groups = np.flatnonzero(which == row)
            one = groups[0]
            found.append((groups, cls(fabric, table[groups], unit[one].astype(np.int32), place[one].astype(np.int32))))
        return found

    @property
    def groups(self) -> int:
        """How many groups."""
        return len(self.rank)

    @property
    def ranks(self) -> int:
        """Members of a group."""
        return len(self.unit)

    @property
    def units(self) -> int:
        """Scale-up units that a group touches."""
        return int(self.unit.max()) + 1

    @property
    def width(self) -> int:
        """Ranks in the fullest unit."""
        return int(self.place.max()) + 1

    @cached_property
    def rail(self) -> NDArray[np.int16]:
        """int16[groups, n], the NIC of its node that each rank uses."""
        rail: NDArray[np.int16] = self.fabric.locality.rail[self.rank]
        return rail

    @cached_property
    def slot(self) -> NDArray[np.int32]:
        """int32[n], the number of each rank's accelerator in its node; the first group's where groups differ."""
        slot: NDArray[np.int32] = (self.rank[0] % self.fabric.plan.per_node).astype(np.int32)
        return slot

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """int64[groups, n], node rows of the accelerators."""
        return self.fabric.rows(Kind.ACCELERATOR)[self.rank]

    @cached_property
    def group(self) -> CommGroup:
        """What the first group sees of the fabric, and all others alike."""
        return self.fabric.group(self.rank[0])

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """int64[n], the columns of the ranks, in the order of their accelerators: unit by unit, place by place."""
        return np.lexsort((self.place, self.unit))

    @cached_property
    def at(self) -> NDArray[np.int64]:
        """int64[units, width], the column of the rank at each place; where a unit has fewer ranks, they take turns."""
        size = np.bincount(self.unit)
        starts = np.cumsum(size) - size
        found: NDArray[np.int64] = self.order[starts[:, None] + np.arange(self.width) % size[:, None]]
        return found

    @cached_property
    def filled(self) -> NDArray[np.bool_]:
        """bool[units, width], where `at` names a rank for the first time."""
        return np.arange(self.width) < np.bincount(self.unit)[:, None]


def _run_starts(ordered: IntArray) -> NDArray[np.bool_]:
    """Where a new value begins in each row."""
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return first


def _alike(rows: IntArray) -> NDArray[np.int64]:
    """int64[rows], equal for equal rows, numbered in order of first appearance."""
    if len(rows) == 1 or (rows == rows[0]).all():
        return np.zeros(len(rows), np.int64)
    _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[which.ravel()]


def _seen(fabric: Fabric, ordered: IntArray, first: NDArray[np.bool_]) -> list[IntArray | NDArray[np.bool_]]:
    """All that `Locality.group` makes a group's levels of, as one column each: int[groups].

    How many rails meet the domains, and for each tier into how many units the ranks go, how many the fullest has, and
    whether a domain is torn apart.
    """
    locality = fabric.locality
    rail = locality.rail[ordered]
    pairs = (first | _run_starts(rail)).sum(axis=1)
    rails = _run_starts(np.sort(rail, axis=1)).sum(axis=1)
    found: list[IntArray | NDArray[np.bool_]] = [pairs == first.sum(axis=1) * rails]
    columns = [column for pair in zip(locality.unit, locality.rail_unit, strict=True) for column in pair]
    known: dict[int, list[IntArray | NDArray[np.bool_]]] = {}
    for column in columns:
        if id(column) not in known:
            unit = column[ordered]
            torn = np.asarray((_run_starts(unit) & ~first).any(axis=1))
            known[id(column)] = [torn, *_counted(np.sort(unit, axis=1))]
        found += known[id(column)]
    return found


def _counted(ordered: IntArray) -> tuple[IntArray, IntArray]:
    """Of each row, ascending: how many values there are, and how often the most frequent one comes."""
    first = _run_starts(ordered)
    starts = np.flatnonzero(first)
    length = np.diff(starts, append=first.size)
    most = np.zeros(len(ordered), np.int64)
    np.maximum.at(most, starts // ordered.shape[1], length)
    return first.sum(axis=1), most
