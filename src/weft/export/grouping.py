"""What to draw: every node of a small fabric; of a large one its pods and racks, alike nodes and links as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.export.columns import node_names
from weft.fabric import Fabric, Kind
from weft.fabric.tables import IntArray
from weft.units import format_count, format_rate

MOST_NODES = 2_000
MOST_MARKS = 400


@dataclass(frozen=True, slots=True)
class Mark:
    """One box: a node, a place with all in it, or all nodes of a kind.

    Attributes:
        label: for people.
        kind: of the node or place, which says how high it stands.
        nodes: how many nodes it stands for.
    """

    label: str
    kind: Kind
    nodes: int


@dataclass(frozen=True, slots=True)
class Trunk:
    """All links between two marks.

    Attributes:
        a, b: marks.
        links: how many.
        rate_Bps: together, one way.
    """

    a: int
    b: int
    links: int
    rate_Bps: float

    @property
    def label(self) -> str:
        """``32 links, 12.8 Tb/s``."""
        return f"{format_count(self.links)} links, {format_rate(self.rate_Bps)}"


def grouped(fabric: Fabric) -> tuple[list[Mark], list[Trunk]]:
    """Return what to draw of a fabric: the finest grouping that a reader can take in."""
    count = len(fabric.nodes)
    if count <= MOST_NODES:
        owner, marks = np.arange(count), _each(fabric)
    else:
        owner, marks = _folded(fabric)
    return marks, _trunks(fabric, owner, len(marks))


def _each(fabric: Fabric) -> list[Mark]:
    kinds = fabric.nodes.kind.tolist()
    return [Mark(str(name), Kind(kind), 1) for name, kind in zip(node_names(fabric), kinds, strict=True)]


def _folded(fabric: Fabric) -> tuple[npt.NDArray[np.int64], list[Mark]]:
    """Group by racks if they are few enough, else by the outermost places, else by kind."""
    placement = fabric.placement
    ways = [] if placement is None else [(placement.rack.astype(np.int64), True)]
    ways += [(_ancestor(fabric, depth), False) for depth in (2, 1, 0)]
    for key, is_rack in ways:
        owner, marks = _by(fabric, key, is_rack)
        if len(marks) <= MOST_MARKS:
            return owner, marks
    return _by(fabric, np.full(len(fabric.nodes), -1), False)


def _ancestor(fabric: Fabric, depth: int) -> npt.NDArray[np.int64]:
    """Return the place that holds each node ``depth`` steps inside the outermost; itself where it is no deeper.

    Nodes that stand in no place are told apart by kind only (-1).
    """
    parent = fabric.nodes.parent.astype(np.int64)
    chain = [np.arange(len(parent))]
    while (inside := parent[chain[-1]] >= 0).any():
        chain.append(np.where(inside, parent[chain[-1]], chain[-1]))
    deep = sum((step != chain[-1]).astype(np.int64) for step in chain)
    steps = np.maximum(deep - depth, 0)
    at = np.stack(chain)[steps, np.arange(len(parent))]
    lone = (deep == 0) & (np.bincount(chain[-1], minlength=len(parent)) == 1)
    return np.where(lone, -1, at)


def _by(fabric: Fabric, key: IntArray, is_rack: bool) -> tuple[npt.NDArray[np.int64], list[Mark]]:
    """Make a mark of each key, and one of each kind of node that has none (-1)."""
    kinds = fabric.nodes.kind.astype(np.int64)
    lone = key < 0
    code = np.where(lone, kinds, key + len(Kind))
    found, owner, sizes = np.unique(code, return_inverse=True, return_counts=True)
    names = node_names(fabric)
    marks = []
    for value, size in zip(found.tolist(), sizes.tolist(), strict=True):
        if value < len(Kind):
            kind = Kind(value)
            marks.append(Mark(f"{format_count(size)} {kind.label.replace('_', ' ')}", kind, size))
        elif is_rack and fabric.placement is not None:
            rack = value - len(Kind)
            highest = Kind(int(kinds[key == rack].max()))
            marks.append(Mark(fabric.placement.rack_name(rack), highest, size))
        else:
            place = value - len(Kind)
            marks.append(Mark(_held(str(names[place]), size), Kind(int(kinds[place])), size))
    return owner.ravel(), marks


def _held(name: str, size: int) -> str:
    return name if size == 1 else f"{name} ({format_count(size - 1)} inside)"


def _trunks(fabric: Fabric, owner: IntArray, marks: int) -> list[Trunk]:
    links = fabric.links
    a, b = owner[links.src[::2]], owner[links.dst[::2]]
    low, high = np.minimum(a, b), np.maximum(a, b)
    between = low != high
    pair = low[between] * marks + high[between]
    rates = links.rate_Bps[::2][between]
    found, index, counts = np.unique(pair, return_inverse=True, return_counts=True)
    sums = np.bincount(index, weights=rates, minlength=len(found))
    return [
        Trunk(int(code // marks), int(code % marks), int(count), float(rate))
        for code, count, rate in zip(found, counts, sums, strict=True)
    ]
