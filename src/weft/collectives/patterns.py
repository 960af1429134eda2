"""Traffic patterns that networks are judged by: (src, dst), who sends to whom, accelerators counted from 0.

Sources: W. J. Dally and B. Towles, Principles and Practices of Interconnection Networks (2004), chapter 3, for shift,
tornado and permutations; J. Kim et al., Technology-Driven, Highly-Scalable Dragonfly Topology (ISCA 2008), for the
pattern that a Dragonfly's minimal routing cannot stand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def permutation(count: int, seed: int = 0) -> Pairs:
    """Everybody sends to one other and hears one other, none itself: a seeded derangement.

    Random permutations are drawn until one has no fixed point, 1 in e of them, so that all derangements are alike.

    Raises:
        ConfigError: fewer than two.
    """
    each, random = _each(count), np.random.default_rng(seed)
    while True:
        dst = random.permutation(count)
        if not (dst == each).any():
            return each, dst


def shift(count: int, distance: int = 1) -> Pairs:
    """Everybody sends to the one ``distance`` further on, around the end.

    Raises:
        ConfigError: fewer than two, or a distance that leads back to the sender.
    """
    each = _each(count)
    if distance % count == 0:
        raise ConfigError(f"a shift by {distance} among {count} leads back to the sender", field="distance")
    return each, (each + distance) % count


def tornado(shape: Sequence[int]) -> Pairs:
    """In a grid everybody sends just short of half way around every dimension: ⌈k / 2⌉ - 1 of k, the last one fastest.

    All traffic goes the same way round, and leaves the other direction of every ring idle.

    Raises:
        ConfigError: no side is longer than two, so that nobody would send.
    """
    each = _each(int(np.prod(shape)))
    if max(shape) < 3:
        raise ConfigError(f"a tornado needs a ring of 3 or more, read {list(shape)}", field="shape")
    place = np.stack(np.unravel_index(each, tuple(shape)))
    sides = np.array(shape)[:, None]
    return each, np.ravel_multi_index(tuple((place + (sides + 1) // 2 - 1) % sides), tuple(shape)).astype(np.int64)


def group_shift(count: int, group: int, distance: int = 1) -> Pairs:
    """Everybody of a group sends to the same place ``distance`` groups further on: all of it over few global links.

    Raises:
        ConfigError: groups that do not fill, or a distance that leads back to the sender.
    """
    if group < 1 or count % group:
        raise ConfigError(f"{count} accelerators do not fill groups of {group}", field="group")
    return shift(count, distance * group)


def incast(count: int, targets: int = 1) -> Pairs:
    """Everybody sends to one of the first few, which send nothing.

    Raises:
        ConfigError: nobody would be left to send, or nobody to hear.
    """
    if not 1 <= targets < count:
        raise ConfigError(f"an incast among {count} has 1 to {count - 1} targets, read {targets}", field="targets")
    src = np.arange(targets, count)
    return src, (src - targets) % targets


def uniform(count: int) -> Pairs:
    """Everybody to everybody else: count x (count - 1) pairs.

    Raises:
        ConfigError: fewer than two.
    """
    each = _each(count)
    distance = np.arange(1, count)
    return np.repeat(each, count - 1), ((each[:, None] + distance) % count).ravel()


def _each(count: int) -> NDArray[np.int64]:
    if count < 2:
        raise ConfigError(f"a pattern needs two or more accelerators, read {count}", field="count")
    return np.arange(count)
