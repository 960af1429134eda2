"""Numbers that stay as a cluster grows, and never meet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.underlay.numbering import paired, power_of_two


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), unique=True, max_size=200))
def test_pairs_never_meet_and_stay_small(pairs: list[tuple[int, int]]) -> None:
    numbers = [paired(a, b) for a, b in pairs]
    assert len(set(numbers)) == len(pairs)
    assert all(paired(a, b) < (max(a, b) + 1) ** 2 for a, b in pairs)


def test_a_square_is_filled_without_holes() -> None:
    assert sorted(paired(a, b) for a in range(20) for b in range(20)) == list(range(400))


@given(st.integers(1, 1 << 40))
def test_power_of_two(least: int) -> None:
    size = power_of_two(least)
    assert size.bit_count() == 1
    assert size >= least > size // 2 or least == size == 1
