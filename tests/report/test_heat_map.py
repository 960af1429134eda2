"""The heat map: bounded, in proportion, and whole over time whatever its width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engines.fluid.link_use import LinkUse
from weft.report.heat_map import SHADES, heat_map, resampled


def use_of(over_time: list[list[float]], *, bin_s: float = 1.0) -> LinkUse:
    values = np.array(over_time)
    count = len(values)
    deciles = np.zeros((count, 10), np.int64)
    deciles[:, 3] = 5
    each = np.ones(count)
    names = tuple(f"class{number}" for number in range(count))
    span_s = values.shape[1] * bin_s
    return LinkUse(span_s, names, 5 * each.astype(int), each, each, each / 2, each, deciles, bin_s, values, ())


def test_shades_follow_use() -> None:
    text = heat_map(use_of([[0.0, 0.05, 0.5, 1.0]]))
    (row,) = (line for line in text.splitlines() if line.startswith("class0 |"))
    drawn = row.split("|")[1]
    counts = [drawn.count(SHADES[step]) for step in (0, 1, 4, 8)]
    # Columns that lie across two bins have a shade between.
    assert len(drawn) - 3 <= sum(counts) <= len(drawn)
    assert max(counts) - min(counts) <= 1


def test_it_stays_within_the_page() -> None:
    text = heat_map(use_of([[0.5] * 1000] * 60))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 60
    assert "and 36 classes that were less full" in text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "."), (999, "999"), (1000, "1.0k"), (9949, "9.9k"), (9950, "10k"), (999_499, "999k"), (999_500, "1.0M")],
)
def test_counts_are_short(count: int, text: str) -> None:
    use = use_of([[0.5]])
    use.deciles[0, 3] = count
    assert f" {text} " in heat_map(use)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(1, 200), st.floats(0.1, 0.999))
def test_parts_add_up_to_the_whole(values: list[float], columns: int, last: float) -> None:
    """The last bin is cut by the run's end."""
    span_s = len(values) - 1 + last
    parts = resampled(np.array([values]), 1.0, span_s, columns)
    lengths = np.ones(len(values))
    lengths[-1] = last
    assert parts.sum() * span_s / columns == pytest.approx(float(np.array(values) @ lengths), abs=1e-9)
