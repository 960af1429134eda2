"""Bruck, PAT and the two-level all-to-all: steps, bytes, and how far they go."""

from __future__ import annotations

import math

import pytest
from fabrics import fabric_of
from handmade_groups import group_of

from weft.collectives import ALGORITHMS, IDEAL, estimate
from weft.collectives.pat import shifts
from weft.errors import ConfigError


@pytest.mark.parametrize("n", [2, 3, 5, 8, 13, 64])
def test_steps_are_the_logarithm(n: int) -> None:
    for name, kind in (("bruck", "all_to_all"), ("bruck", "all_gather"), ("pat", "reduce_scatter")):
        made = ALGORITHMS[name].schedule(kind, n, 1.0)
        assert made.steps == math.ceil(math.log2(n))
    assert ALGORITHMS["bruck"].schedule("all_gather", n, 1.0).total_bytes == pytest.approx(n - 1)
    assert ALGORITHMS["pat"].schedule("all_gather", n, 1.0).total_bytes == pytest.approx(n - 1)


def test_bruck_sends_half_the_buffer_in_each_step() -> None:
    made = ALGORITHMS["bruck"].schedule("all_to_all", 16, 1.0)
    assert made.total_bytes == pytest.approx(16 * 4 / 2)


def test_pat_sends_little_far_and_bruck_much() -> None:
    """16 ranks under two leaves: the farthest step of PAT has one block, of Bruck's algorithm half of all."""
    assert shifts(16) == [(8, 1 / 16), (4, 2 / 16), (2, 4 / 16), (1, 8 / 16)]
    group = group_of(1, 16, leaf_units=8)
    pat, bruck = (ALGORITHMS[name].cost("all_gather", group).stages[0].load[2] for name in ("pat", "bruck"))
    assert pat < bruck


def test_few_messages_pay_for_small_sizes_only() -> None:
    group = group_of(8, 8)
    small, large = (
        [estimate("all_to_all", size, group, library=IDEAL, algorithm=a).time_s for a in ("direct", "two_level")]
        for size in (8.0, 2.0**30)
    )
    assert large[0] < large[1]
    assert small[0] < small[1]  # without a price on messages two steps are slower than one
    nccl = [estimate("all_to_all", 8.0, group, algorithm=a).time_s for a in ("direct", "two_level")]
    assert nccl[1] < nccl[0]


def test_pat_takes_one_rank_a_node() -> None:
    with pytest.raises(ConfigError, match="pat takes one rank in each scale-up unit, the group has 8"):
        estimate("all_gather", 8.0, group_of(8, 2), algorithm="pat")
    fabric = fabric_of(4, 4)
    spread = fabric.group([0, 4, 8, 12])
    ring, pat = (estimate("all_gather", 8.0, spread, algorithm=a) for a in ("ring", "pat"))
    assert pat.time_s < ring.time_s


def test_a_library_takes_them_only_when_told_to() -> None:
    group = group_of(1, 64)
    assert estimate("all_gather", 8.0, group).algorithm == "ring"
    ideal = [estimate("all_gather", 8.0, group, library=IDEAL, algorithm=a).latency_s for a in ("pat", "bruck")]
    assert ideal == pytest.approx([6 * 2e-6] * 2)
