"""Waiting for the slowest rank, against Monte Carlo and the tables of order statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade_jobs import fabric, job, planned
from numpy.typing import NDArray
from pydantic import ValidationError

from weft.engines.step import run_step
from weft.workload.spec import Jitter, Outer
from weft.workload.stragglers import greatest_of, straggling_s

V, C = 0.05, 3.0


def drawn(*shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(7).standard_normal(shape)


@pytest.mark.parametrize(
    ("count", "mean", "deviation"),
    # Closed forms for 2 and 3; Harter (Biometrika 48, 1961) for the others' means, Tippett (1925) for deviations.
    [
        (1, 0.0, 1.0),
        (2, np.pi**-0.5, (1 - 1 / np.pi) ** 0.5),
        (3, 1.5 * np.pi**-0.5, None),
        (10, 1.53875, 0.58681),
        (100, 2.50759, 0.42942),
        (1000, 3.24144, 0.35143),
    ],
)
def test_the_greatest_of_normal_numbers_is_as_in_the_tables(count: int, mean: float, deviation: float | None) -> None:
    found = greatest_of(count)
    assert found[0] == pytest.approx(mean, abs=2e-5)
    if deviation is not None:
        assert found[1] == pytest.approx(deviation, abs=5e-4)


@pytest.mark.parametrize("exponent", range(2, 10))
def test_it_approaches_the_extreme_value_limit_from_below(exponent: int) -> None:
    """Gumbel: sqrt(2 ln n) - (ln ln n + ln 4 pi - 2 gamma) / (2 sqrt(2 ln n))."""
    log = exponent * np.log(10.0)
    first = (2 * log) ** 0.5
    mean, deviation = greatest_of(10**exponent)
    assert mean < first
    assert mean == pytest.approx(first - (np.log(4 * np.pi * log) - 2 * np.euler_gamma) / (2 * first), rel=0.05)
    assert deviation == pytest.approx(np.pi / 6**0.5 / first, rel=0.35)


def found(layout: dict[str, Any], **more: Any) -> float:
    return straggling_s(planned(**layout, **more), C)


@pytest.mark.parametrize("layout", [{}, {"tp": 8}, {"pp": 4}])
def test_a_step_waits_for_its_slowest_rank(layout: dict[str, Any]) -> None:
    expected = C * (1 + V * drawn(50_000, 32)).max(axis=1).mean() - C
    assert found(layout, jitter=Jitter(cv=V)) == pytest.approx(expected, rel=0.01)


def test_ranks_that_meet_once_a_step_even_out() -> None:
    """Eight micro-batches on 32 ranks that only share gradients."""
    expected = (C / 8 * (1 + V * drawn(20_000, 32, 8)).sum(axis=2)).max(axis=1).mean() - C
    assert found({"batch": 256}, jitter=Jitter(cv=V, per="micro_batch")) == pytest.approx(expected, rel=0.01)


def test_ranks_that_meet_in_every_micro_batch_do_not() -> None:
    """Four micro-batches on four groups of eight tensor-parallel ranks."""
    groups = (C / 4 * (1 + V * drawn(20_000, 4, 4, 8)).max(axis=3)).sum(axis=2)
    expected = groups.max(axis=1).mean() - C
    assert found({"tp": 8, "batch": 16}, jitter=Jitter(cv=V, per="micro_batch")) == pytest.approx(expected, rel=0.02)


def test_fsdp_meets_at_every_layer() -> None:
    more = {"stack": "torchtitan", "zero": 3, "batch": 256}
    assert found(more, jitter=Jitter(cv=V, per="micro_batch")) == pytest.approx(found(more, jitter=Jitter(cv=V)))


def test_groups_that_rarely_meet_wait_less() -> None:
    """Two groups of 16 ranks; they meet every 25 steps."""
    steps = C * (1 + V * drawn(2_000, 2, 25, 16)).max(axis=3)
    expected = steps.sum(axis=2).max(axis=1).mean() / 25 - C
    apart = found({}, jitter=Jitter(cv=V), outer=Outer(every=25, groups=2))
    assert apart == pytest.approx(expected, rel=0.02)
    beside = found({}, jitter=Jitter(cv=V), outer=Outer(every=25, groups=2, overlap=True))
    assert beside == pytest.approx(C * V * greatest_of(16)[0])
    assert beside < apart < found({}, jitter=Jitter(cv=V))


@pytest.mark.parametrize("outer", [None, Outer(every=10, groups=2)])
def test_it_is_a_part_of_the_step(outer: Outer | None) -> None:
    even, uneven = (run_step(fabric(), job(jitter=each, outer=outer)) for each in (None, Jitter(cv=V)))
    assert "stragglers" not in even.breakdown_s
    assert uneven.breakdown_s["stragglers"] > 0
    assert uneven.step_s - even.step_s == pytest.approx(uneven.breakdown_s["stragglers"])
    assert sum(uneven.breakdown_s.values()) == pytest.approx(uneven.step_s)
    assert run_step(fabric(), job(jitter=Jitter(cv=0), outer=outer)).step_s == even.step_s


@pytest.mark.parametrize("nodes", [1, 4, 128])
def test_a_job_waits_for_a_slow_node_where_it_has_one(nodes: int) -> None:
    """Two nodes in a hundred take a fifth longer; jobs are placed anywhere."""
    slow = (np.random.default_rng(3).binomial(nodes, 0.02, 500_000) > 0).mean()
    plan = planned(nodes, batch=8 * nodes, jitter=Jitter(slow_nodes=0.02, slow_by=0.2))
    assert straggling_s(plan, C) == pytest.approx(0.2 * C * slow, rel=0.02)


def test_a_node_that_is_always_slow_holds_up_groups_that_rarely_meet() -> None:
    every, rarely = (
        found({}, jitter=Jitter(slow_nodes=0.1), outer=outer) for outer in (None, Outer(every=25, groups=2))
    )
    assert every == rarely > 0


def test_slow_nodes_add_to_what_varies() -> None:
    both, slow, varied = (
        found({}, jitter=each)
        for each in (Jitter(cv=V, slow_nodes=0.1), Jitter(slow_nodes=0.1), Jitter(cv=V, slow_nodes=0.0))
    )
    assert both == pytest.approx(slow + varied)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_what_is_no_share_of_nodes_is_refused(share: float) -> None:
    with pytest.raises(ValidationError):
        Jitter(slow_nodes=share)


@pytest.mark.parametrize("cv", [-0.1, 1.5, float("nan")])
def test_what_is_no_variation_is_refused(cv: float) -> None:
    with pytest.raises(ValidationError):
        Jitter(cv=cv)
