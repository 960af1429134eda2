"""The switches of a HammingMesh: every line of boards' edge ports joined without oversubscription."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.errors import InfeasibleError
from weft.fabric.tables import IntArray


@dataclass(frozen=True)
class Lines:
    """The switches of all lines of one direction. Leaves and spines are numbered apart, from 0.

    Attributes:
        leaf_of: int[lines' ports], the leaf of each port, in the order of the ports.
        leaves, spines: how many; no spines where one switch holds a line.
        row: int[leaves + spines], the row (or column) of boards each switch serves, leaves first.
        up: int[2, links], leaf and spine of every link between them.
    """

    leaf_of: IntArray
    leaves: int
    spines: int
    row: IntArray
    up: npt.NDArray[np.int64]


def edge_ports(low: IntArray, high: IntArray) -> IntArray:
    """Return int[rows, lines, ports] from the accelerators at both edges of the boards, int[rows, boards, lines]."""
    both = np.stack([low, high], axis=-1).transpose(0, 2, 1, 3)
    return both.reshape(*both.shape[:2], -1)


def join_lines(ports: IntArray, radix: int) -> Lines:
    """Return the switches for lines of ports, int[rows, lines, ports]; none where a line is of one board.

    Raises:
        InfeasibleError: a line has more ports than a two-level tree.
    """
    rows, lines, length = ports.shape
    if length <= 2:
        return Lines(np.empty(0, np.int64), 0, 0, np.empty(0, np.int64), np.empty((2, 0), np.int64))
    if length <= radix:
        per_switch = min(lines, radix // length)
        each = math.ceil(lines / per_switch)
        leaf = np.arange(rows)[:, None] * each + np.arange(lines) // per_switch
        return Lines(
            np.repeat(leaf.ravel(), length),
            rows * each,
            0,
            np.repeat(np.arange(rows), each),
            np.empty((2, 0), np.int64),
        )
    leaves, spines = _tree(length, radix)
    line = np.arange(rows * lines)[:, None]
    leaf = line * leaves + np.arange(length) * leaves // length
    start = np.searchsorted(leaf[0], leaf[0], side="left")  # a port's number on its leaf is its uplink's number
    spine = line * spines + (np.arange(length) - start) % spines
    row = np.concatenate([np.repeat(np.arange(rows), lines * each) for each in (leaves, spines)])
    up = np.stack([leaf.ravel(), spine.ravel()])
    return Lines(leaf.ravel(), rows * lines * leaves, rows * lines * spines, row, up)


def _tree(length: int, radix: int) -> tuple[int, int]:
    """Return leaves and spines of a two-level tree over a line: as few as keep equal links within the radix.

    Raises:
        InfeasibleError: two levels do not reach.
    """
    leaves = math.ceil(length / (radix // 2))
    if leaves > radix:
        raise InfeasibleError(
            f"scale_out.boards: a line has {length:,} ports; two levels of {radix}-port switches join "
            f"{radix * (radix // 2):,}; use larger boards, a squarer grid of them, or larger switches"
        )
    up, spines = math.ceil(length / leaves), math.ceil(length / radix)
    while leaves * math.ceil(up / spines) > radix:
        spines += 1
    return leaves, spines


def stacked(directions: Sequence[Lines]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the coordinates of all leaves and of all spines: (direction, tier, row, number in the row)."""
    leaves: list[IntArray] = []
    spines: list[IntArray] = []
    for direction, lines in enumerate(directions):
        for tier, kept, row in ((0, leaves, lines.row[: lines.leaves]), (1, spines, lines.row[lines.leaves :])):
            number = np.arange(len(row)) - np.searchsorted(row, row, side="left")
            kept.append(np.stack([np.full(len(row), direction), np.full(len(row), tier), row, number], axis=1))
    return np.concatenate(leaves).astype(np.int32), np.concatenate(spines).astype(np.int32)
