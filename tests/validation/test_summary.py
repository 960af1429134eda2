"""Summaries against numpy and hand counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.validation.rows import Prediction
from weft.validation.summary import by_group, percentile, reasons, summarise, worst


def made(predicted: float, measured: float, **labels: str) -> Prediction:
    return Prediction("r", labels.pop("metric", "m"), predicted, measured, **labels)  # type: ignore[arg-type]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_percentile_is_numpys(values: list[float], fraction: float) -> None:
    assert percentile(sorted(values), fraction) == pytest.approx(float(np.quantile(values, fraction)), abs=1e-6)


def test_figures_by_hand() -> None:
    predictions = [made(110, 100), made(80, 100), made(100, 100), Prediction("u", "m", None, 5, "unsupported", "why")]
    s = summarise(predictions)
    assert (s.n, s.unsupported) == (3, 1)
    assert s.median_abs_error == pytest.approx(0.1)
    assert s.p90_abs_error == pytest.approx(0.18)
    assert s.bias == pytest.approx(-0.1 / 3)
    assert reasons(predictions) == {"why": 1}


def test_nothing_predicted_gives_no_figures() -> None:
    assert summarise([]).to_dict() == {
        "n": 0,
        "unsupported": 0,
        "median_abs_error": None,
        "p90_abs_error": None,
        "bias": None,
    }


def test_groups_partition_the_rows_and_hide_where_they_tell_nothing_apart() -> None:
    predictions = [made(1, 1, metric="a", accelerator="x"), made(2, 1, metric="b", accelerator="x")]
    tables = by_group(predictions)
    assert by_group(predictions, least=2) == {}
    assert list(tables) == ["metric"]
    assert {name: s.n for name, s in tables["metric"].items()} == {"a": 1, "b": 1}


def test_worst_first() -> None:
    predictions = [made(1.1, 1), made(5, 1), made(0.2, 1)]
    assert [p.predicted for p in worst(predictions, 2)] == [5, 0.2]


@pytest.mark.parametrize("predicted_measured", [(1.0, 0.0), (None, 1.0), (1.0, None), (float("inf"), 1.0)])
def test_no_error_where_none_is_defined(predicted_measured: tuple[float | None, float | None]) -> None:
    assert Prediction("r", "m", *predicted_measured).relative_error is None
