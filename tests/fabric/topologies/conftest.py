"""The graph of switches as a matrix, and brute force on it."""

from __future__ import annotations

from itertools import combinations, islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from weft.fabric import Fabric, Kind
from weft.fabric.tables import SWITCHES

Matrix = npt.NDArray[np.float64]


def switch_rows(fabric: Fabric) -> npt.NDArray[Any]:
    return np.flatnonzero(np.isin(fabric.nodes.kind, SWITCHES))


def rates(fabric: Fabric, rows: npt.NDArray[Any] | None = None) -> Matrix:
    """Return float64[n, n]: the one-way rate between every two switches (or other rows), as multiples of 50 GB/s."""
    rows = switch_rows(fabric) if rows is None else rows
    number = np.full(len(fabric.nodes), -1)
    number[rows] = np.arange(len(rows))
    a, b = number[fabric.links.src], number[fabric.links.dst]
    both = (a >= 0) & (b >= 0)
    matrix = np.zeros((len(rows), len(rows)))
    np.add.at(matrix, (a[both], b[both]), fabric.links.rate_Bps[both] / 50e9)
    return matrix


def hops(matrix: Matrix) -> npt.NDArray[Any]:
    """Return the distance between every two nodes, by breadth-first search; -1 where there is no way."""
    joined = matrix > 0
    far = np.where(np.eye(len(matrix), dtype=bool), 0, -1)
    front = np.eye(len(matrix), dtype=bool)
    for step in range(1, len(matrix) + 1):
        front = (front.astype(np.float32) @ joined.astype(np.float32) > 0) & (far < 0)
        if not front.any():
            break
        far[front] = step
    return far


def thinnest_halving(matrix: Matrix) -> float:
    """Return the least rate between two halves of the nodes (as equal as can be), over all halvings."""
    n = len(matrix)
    least = np.inf
    halves = combinations(range(n), n // 2) if n % 2 else ((0, *rest) for rest in combinations(range(1, n), n // 2 - 1))
    while chunk := list(islice(halves, 20_000)):
        side = np.zeros((len(chunk), n))
        np.put_along_axis(side, np.array(chunk), 1.0, axis=1)
        least = min(least, float(np.einsum("ci,ci->c", side @ matrix, 1 - side).min()))
    return least


def degrees(fabric: Fabric, kind: Kind = Kind.ROUTER) -> npt.NDArray[Any]:
    """Return how many cables each switch of a kind has, to hosts and others."""
    counts = np.bincount(fabric.links.src, minlength=len(fabric.nodes))
    return counts[fabric.nodes.kind == kind]


@pytest.fixture(scope="session")
def brute() -> SimpleNamespace:
    return SimpleNamespace(
        rates=rates, hops=hops, thinnest_halving=thinnest_halving, degrees=degrees, switch_rows=switch_rows
    )
