"""How far apart routers are: shortest latencies over the cables between them, whole arrays at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weft.fabric.tables import FloatArray, IntArray, LinkClass

SOURCES = 8  # routers that a mean is taken from, spread evenly over all


@dataclass(frozen=True)
class Cables:
    """Cables of one class between routers.

    Attributes:
        a, b: int[cables], router numbers of the two ends; as often as there are parallel cables.
        link: what they share.
    """

    a: IntArray
    b: IntArray
    link: LinkClass


def distances_s(cables: Sequence[Cables], routers: int, sources: IntArray) -> FloatArray:
    """Return the latency from some routers to all, float64[sources, routers]; infinite where there is no way.

    Bellman and Ford's relaxation over all links at once: O(sources · links · diameter).
    """
    src = np.concatenate([end for some in cables for end in (some.a, some.b)])
    dst = np.concatenate([end for some in cables for end in (some.b, some.a)])
    step = np.concatenate(
        [np.full(len(some.a), s) for some in cables for s in (some.link.latency_up_s, some.link.latency_down_s)]
    )
    order = np.argsort(dst, kind="stable")
    src, step = src[order], step[order]
    reached, starts = np.unique(dst[order], return_index=True)
    far = np.full((len(sources), routers), np.inf)
    far[np.arange(len(sources)), sources] = 0.0
    while len(reached):
        nearer = np.minimum.reduceat(far[:, src] + step, starts, axis=1)
        before = far[:, reached]
        if not (nearer < before - 1e-15).any():
            break
        far[:, reached] = np.minimum(before, nearer)
    return far


def mean_latency_s(cables: Sequence[Cables], at: IntArray, units: Sequence[IntArray]) -> list[float]:
    """Return, for each tier, the mean latency between the routers of two ports whose lowest common tier it is.

    Measured from a few routers to all; zero where no two ports are so far apart.

    Args:
        cables: between routers.
        at: int[endpoints], the router of each port.
        units: for each tier, inner to outer, int[routers]: the unit each router is in.
    """
    routers = len(units[0])
    weight = np.bincount(at, minlength=routers).astype(np.float64)
    filled = np.flatnonzero(weight)
    sources = np.unique(filled[np.linspace(0, len(filled) - 1, min(SOURCES, len(filled))).astype(np.int64)])
    if not any(len(some.a) for some in cables):
        return [0.0] * len(units)
    far = distances_s(cables, routers, sources)
    inside = np.zeros(far.shape, bool)
    means = []
    for unit in units:
        here = (unit[sources][:, None] == unit[None, :]) & (weight > 0)
        pairs = np.where(here & ~inside & np.isfinite(far), weight, 0.0)
        inside |= here
        means.append(float((np.where(pairs > 0, far, 0.0) * pairs).sum() / pairs.sum()) if pairs.sum() else 0.0)
    return means
