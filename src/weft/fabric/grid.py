"""Products of lines: routers at the points of a grid, each dimension wired alike along every one of its lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.fabric.tables import IntArray


def coordinates(dims: Sequence[int]) -> npt.NDArray[np.int32]:
    """Return int32[routers, dimensions]: router numbers count the last dimension fastest."""
    return np.indices(tuple(dims), dtype=np.int32).reshape(len(dims), -1).T


def along(dims: Sequence[int], dim: int, first: IntArray, second: IntArray) -> tuple[IntArray, IntArray]:
    """Return the ends of links that join, on every line of one dimension, position ``first[i]`` to ``second[i]``."""
    lines = np.moveaxis(np.arange(math.prod(dims), dtype=np.int32).reshape(tuple(dims)), dim, 0)
    return lines[first].ravel(), lines[second].ravel()


def product_cut(dims: Sequence[int], line_cuts: Sequence[float]) -> float:
    """Return the links in the thinnest cut along the axes that halves a grid of routers.

    An even dimension is cut in its middle. An odd one leaves a middle layer, which is cut along the next dimension, and
    so on: Σ over the dimensions up to the first even one of c_i · Π_{j after i} k_j, in the cheapest order, where c_i
    links halve one line. Exact for tori and meshes (J. Arjona Aroca and A. Fernández Anta, Bisection (band)width of
    product networks with application to data centers, TPDS 25 (2014)).

    Args:
        dims: routers along each dimension.
        line_cuts: links that must be cut to halve one line of each dimension.
    """
    lines = [(k, cut) for k, cut in zip(dims, line_cuts, strict=True) if k > 1]
    if len(lines) > 6:  # thin cuts first: exact where the thinnest is even
        return _cut_in_order(sorted(lines, key=lambda line: line[1] / line[0]))
    return min(_cut_in_order(order) for order in permutations(lines))


def _cut_in_order(lines: Sequence[tuple[int, float]]) -> float:
    rest, total = math.prod(k for k, _ in lines), 0.0
    for k, cut in lines:
        rest //= k
        total += cut * rest
        if k % 2 == 0:
            break
    return total


def per_dimension(value: int | bool | Sequence[int] | Sequence[bool], dims: Sequence[int], field: str) -> list[int]:
    """Return one value a dimension from an option that holds for all, or lists one each.

    Raises:
        ConfigError: the list is not as long as ``dims``.
    """
    if not isinstance(value, Sequence):
        return [int(value)] * len(dims)
    if len(value) != len(dims):
        raise ConfigError(f"{len(value)} values for {len(dims)} dimensions; give one, or one each", field=field)
    return [int(each) for each in value]
