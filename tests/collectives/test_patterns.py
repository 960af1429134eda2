"""Who sends to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.collectives import patterns
from weft.errors import ConfigError


@pytest.mark.parametrize("count", [2, 3, 10, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_a_permutation_has_one_sender_for_everybody_and_nobody_hears_itself(count: int, seed: int) -> None:
    src, dst = patterns.permutation(count, seed)
    assert src.tolist() == sorted(dst.tolist()) == list(range(count))
    assert (src != dst).all()
    assert (patterns.permutation(count, seed)[1] == dst).all()


def test_every_derangement_is_as_likely() -> None:
    """Of 4 there are 9."""
    seen = [tuple(patterns.permutation(4, seed)[1].tolist()) for seed in range(900)]
    counts = np.array([seen.count(each) for each in set(seen)])
    assert len(counts) == 9
    assert ((counts - 100) ** 2 / 100).sum() < 26.1  # chi-square of 8 degrees, 1 in 1,000


def test_a_tornado_goes_just_short_of_half_way() -> None:
    src, dst = patterns.tornado((4, 5))
    assert (src[0], dst[0]) == (0, 1 * 5 + 2)
    moved = (np.stack(np.unravel_index(dst, (4, 5))) - np.stack(np.unravel_index(src, (4, 5)))) % [[4], [5]]
    assert (moved == [[1], [2]]).all()


def test_group_shift_keeps_groups_together() -> None:
    src, dst = patterns.group_shift(12, 4)
    assert ((dst // 4 - src // 4) % 3 == 1).all()
    assert (dst % 4 == src % 4).all()


def test_incast_and_uniform() -> None:
    src, dst = patterns.incast(10, 2)
    assert src.tolist() == list(range(2, 10))
    assert np.bincount(dst).tolist() == [4, 4]
    pairs = set(zip(*(column.tolist() for column in patterns.uniform(5)), strict=True))
    assert pairs == {(i, j) for i in range(5) for j in range(5) if i != j}


@pytest.mark.parametrize(
    ("make", "arguments", "says"),
    [
        (patterns.permutation, (1,), "two or more"),
        (patterns.shift, (8, 16), "back to the sender"),
        (patterns.tornado, ((2, 2),), "ring of 3"),
        (patterns.group_shift, (10, 4), "do not fill groups of 4"),
        (patterns.incast, (4, 4), "1 to 3 targets"),
    ],
)
def test_what_is_no_pattern_says_why(make: Callable[..., Any], arguments: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make(*arguments)
