"""Scale-up networks without switches: tori and meshes of accelerators (TPU cubes, chiplet packages, wafers).

A d-dimensional torus of n = k₁ · … · k_d accelerators has d · n links (a dimension of one has none, a dimension of two
has two between each pair); a mesh has n (k - 1) / k in each dimension. What a group can use of it:

- two accelerators: the one route that dimension order gives, so one link's rate, and as many hops as they are apart;
- a box (a set of coordinates in every dimension): rings or lines along each dimension it spans, side by side. A ring
  that closes uses both links of an accelerator in that dimension, a line one;
- anything else: one ring through its members, one link wide.

All-to-all shares every link among the pairs whose route crosses it. Per accelerator that leaves, in the dimension that
is worst, 2 · link / h, with h the mean distance around the ring, ⌊k² / 4⌋ / k with itself counted in; in a line of k
the middle link gives half as much. Sources: W. J. Dally and B. Towles, Principles and Practices of Interconnection
Networks (2004), chapter 5; N. P. Jouppi et al., TPU v4, ISCA 2023.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.fabric.tables import IntArray


@dataclass(frozen=True, slots=True)
class Grid:
    """A torus or mesh.

    Attributes:
        shape: accelerators along each dimension.
        wraps: the last in each dimension is joined to the first.
        link_Bps: of one link in each dimension, one way.
        hop_s: one way over one link.
    """

    shape: tuple[int, ...]
    wraps: bool
    link_Bps: tuple[float, ...]
    hop_s: float

    @property
    def links(self) -> int:
        """How many links there are."""
        n = math.prod(self.shape)
        return sum((n if self.wraps else n - n // k) for k in self.shape if k > 1)

    @property
    def rate_Bps(self) -> float:
        """What the links of an accelerator in the middle add up to, one way."""
        return sum(2 * link for link, k in zip(self.link_Bps, self.shape, strict=True) if k > 1)

    def seen_by(self, members: IntArray) -> tuple[float, float, float]:
        """Return what a group sees: (rate an accelerator has, one-way latency, share of the rate in all-to-all).

        Args:
            members: accelerators of one domain, ascending, counted from 0 with the last dimension fastest.
        """
        if len(members) == 1:
            return self.rate_Bps, self.hop_s, 1.0
        places = np.stack(np.unravel_index(members, self.shape), axis=1)
        if len(members) == 2:
            return self._pair(places)
        if not self.sides(members):
            near = np.abs(places - np.roll(places, 1, axis=0))
            hops = self._shortest(near).sum(axis=1).max()
            return min(self.link_Bps), float(hops) * self.hop_s, 1.0
        return self._box([np.unique(column) for column in places.T])

    def sides(self, members: IntArray) -> tuple[int, ...]:
        """Return how many members a box of them has along each dimension that it spans; nothing for other sets."""
        spans = tuple(len(np.unique(column)) for column in np.unravel_index(members, self.shape))
        return tuple(span for span in spans if span > 1) if math.prod(spans) == len(members) else ()

    def _pair(self, places: IntArray) -> tuple[float, float, float]:
        apart = self._shortest(np.abs(places[0] - places[1]))
        crossed = [d for d in range(len(self.shape)) if apart[d]]
        rate_Bps = min(self.link_Bps[d] * (2 if self.wraps and self.shape[d] == 2 else 1) for d in crossed)
        return rate_Bps, float(apart.sum()) * self.hop_s, 1.0

    def _shortest(self, apart: IntArray) -> npt.NDArray[np.int64]:
        """Return hops in each dimension, the short way round."""
        around = np.array(self.shape) - apart
        return np.asarray(np.minimum(apart, around) if self.wraps else apart, dtype=np.int64)

    def closes(self, dimension: int, span: npt.NDArray[np.int64]) -> bool:
        """Whether evenly spaced coordinates of a dimension, two or more, make a ring that comes round."""
        gaps = np.diff(span, append=span[0] + self.shape[dimension])
        return self.wraps and bool((gaps == gaps[0]).all())

    def _box(self, spans: list[npt.NDArray[np.int64]]) -> tuple[float, float, float]:
        rate_Bps, stride, exchange_Bps = 0.0, 1, math.inf
        for dimension, (link, span) in enumerate(zip(self.link_Bps, spans, strict=True)):
            m = len(span)
            if m == 1:
                continue
            closed = self.closes(dimension, span)
            used = np.diff(span)
            rate_Bps += link * (2 if closed else 1)
            stride = max(stride, int(used.max()))
            # a link carries the routes of every gap that it is part of, once
            mean_hops = (m * m // 4) / m * (1 if closed else 2)
            exchange_Bps = min(exchange_Bps, 2 * link / mean_hops)
        n = math.prod(len(span) for span in spans)
        return rate_Bps, stride * self.hop_s, min(1.0, exchange_Bps * (n - 1) / n / rate_Bps)


def balanced_shape(count: int, dimensions: int, multiple: int = 1) -> tuple[int, ...]:
    """Return the most even grid of ``count``: the one with the smallest sum of sides, smallest side first.

    Args:
        count: how many.
        dimensions: how many sides.
        multiple: each side is a whole number of these; ignored where that cannot be.
    """
    step = multiple if count % multiple**dimensions == 0 else 1
    whole = count // step**dimensions
    divisors = [d for d in range(1, math.isqrt(whole) + 1) if whole % d == 0]
    divisors = sorted({*divisors, *(whole // d for d in divisors)})
    best = (1,) * (dimensions - 1) + (whole,)
    for sides in itertools.combinations_with_replacement(divisors, dimensions - 1):
        last, rest = divmod(whole, math.prod(sides))
        if not rest and (not sides or last >= sides[-1]):
            best = min(best, (*sides, last), key=lambda shape: (sum(shape), shape[::-1]))
    return tuple(side * step for side in best)


def checked_shape(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return a shape that a user wrote, if it holds ``count`` accelerators.

    Raises:
        ConfigError: it does not.
    """
    if math.prod(shape) != count:
        sides = " x ".join(map(str, shape))
        raise ConfigError(
            f"{sides} is {math.prod(shape)} accelerators, a node has {count}; "
            f"such as {list(balanced_shape(count, len(shape)))}",
            field="node.scale_up.shape",
        )
    return shape


def grid_cables(grid: Grid, dimension: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the links of one dimension: (from[links], to[links]), accelerators counted as in `Grid.seen_by`."""
    ids = np.arange(math.prod(grid.shape)).reshape(grid.shape)
    if grid.shape[dimension] == 1:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lower, upper = ids, np.roll(ids, -1, axis=dimension)
    if not grid.wraps:
        inner = [slice(None)] * ids.ndim
        inner[dimension] = slice(0, -1)
        lower, upper = lower[tuple(inner)], upper[tuple(inner)]
    return lower.ravel(), upper.ravel()
