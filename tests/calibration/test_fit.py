"""The fit itself: against scipy, known truth, constants that nothing tells, rows that are plainly wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from weft.calibration.fit import fit

Floats = NDArray[np.float64]
SIZES = 2.0 ** np.arange(8, 32)
LATENCY, RATE = 10e-6, 200e9


def line(x: Floats) -> Floats:
    """Latency and bandwidth, and a third constant that nothing depends on."""
    return np.asarray(LATENCY * np.exp(x[0]) + SIZES / (RATE * np.exp(x[1])))


def measured(x: list[float], noise: float, seed: int = 1) -> Floats:
    return line(np.array(x)) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(SIZES)))


FOLLOWS = np.arange(len(SIZES)) > 0
PRIOR, MOST = [1.0, 0.5, 0.3], [np.inf, 5.0, np.inf]


@pytest.mark.parametrize("truth", [[0.0, 0.0, 0.0], [1.2, -0.1, 0.0], [-0.7, 0.15, 0.0]])
def test_known_constants_are_found_and_the_rest_is_held(truth: list[float]) -> None:
    found = fit(line, measured(truth, 0.0), FOLLOWS, PRIOR, MOST)
    assert found.log_factor == pytest.approx(truth, abs=2e-3)
    assert found.identified.tolist() == [True, True, False]
    assert found.matters.tolist() == [True, True, False]
    assert found.sd[2] == pytest.approx(PRIOR[2])


def test_scipy_finds_the_same() -> None:
    times = measured([0.8, -0.12, 0.0], 0.03)
    found = fit(line, times, FOLLOWS, PRIOR, MOST)
    theirs = least_squares(
        lambda x: np.log(line(np.array([*x, 0.0])) / times), [0.0, 0.0], loss="cauchy", f_scale=2 * found.noise
    )
    assert found.log_factor[:2] == pytest.approx(theirs.x, abs=0.01)


def test_confidence_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth, held, runs = np.array([0.8, -0.12]), np.zeros(2), 60
    for seed in range(runs):
        found = fit(line, measured([*truth, 0.0], 0.05, seed), FOLLOWS, PRIOR, MOST)
        held += np.abs(found.log_factor[:2] - truth) <= 1.96 * found.sd[:2]
    assert (held / runs >= 0.87).all()


def test_rows_that_are_plainly_wrong_have_little_say() -> None:
    times = measured([0.5, -0.1, 0.0], 0.02)
    times[[3, 12, 20]] *= [4.0, 3.0, 5.0]
    found = fit(line, times, FOLLOWS, PRIOR, MOST)
    assert found.log_factor[:2] == pytest.approx([0.5, -0.1], abs=0.05)


def test_what_the_rows_cannot_tell_goes_back_to_the_catalog() -> None:
    def large(x: Floats) -> Floats:
        return line(x)[-4:]

    found = fit(large, measured([0.8, -0.12, 0.0], 0.005)[-4:], FOLLOWS[-4:], PRIOR, MOST)
    assert found.identified.tolist() == [False, True, False]
    assert found.matters.tolist() == [True, True, False]
    assert found.log_factor[0] == 0.0
    assert found.log_factor[1] == pytest.approx(-0.12, abs=0.01)


def test_a_factor_stays_below_its_bound() -> None:
    found = fit(line, measured([0.0, 0.4, 0.0], 0.0), FOLLOWS, PRIOR, [np.inf, 1.1, np.inf])
    assert np.exp(found.log_factor[1]) <= 1.1 + 1e-9
