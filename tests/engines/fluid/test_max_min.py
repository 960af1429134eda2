"""Rates are weighted max-min fair: against closed forms, the plain reference, and linear programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from weft.engines.fluid import reference
from weft.engines.fluid.allocation import Allocation, max_min

Usage = list[dict[int, float]]


def allocate(usage: Usage, capacity: list[float], **of: object) -> Allocation:
    indptr = np.cumsum([0, *(len(each) for each in usage)])
    resource = [row for each in usage for row in each]
    return max_min(indptr, resource, [share for each in usage for share in each.values()], capacity, **of)  # type: ignore[arg-type]


@st.composite
def problems(draw: st.DrawFn, classes: bool = False) -> tuple[Usage, list[float], dict[str, list[float]]]:
    rows = draw(st.integers(1, 8))
    capacity = draw(st.lists(st.sampled_from([0.0, 0.1, 1.0, 1.0, 2.0, 3.0, 50.0]), min_size=rows, max_size=rows))
    share = st.sampled_from([0.125, 1 / 3, 0.5, 1.0, 1.0, 2.0])
    usage = draw(st.lists(st.dictionaries(st.integers(0, rows - 1), share, min_size=1), min_size=1, max_size=10))
    count = len(usage)

    def each(*values: float) -> list[float]:
        return draw(st.lists(st.sampled_from(values), min_size=count, max_size=count))

    of = {"weight": each(1.0, 1.0, 2.0, 1e-3, 1e3), "cap_Bps": each(np.inf, np.inf, 0.2, 1.0, 0.0)}
    if classes:
        of["level"] = each(0, 1, 5)
    return usage, capacity, of


@settings(deadline=None)
@given(problems(classes=True))
def test_the_kernel_equals_the_reference(problem: tuple[Usage, list[float], dict[str, list[float]]]) -> None:
    usage, capacity, of = problem
    expected = reference.max_min(usage, capacity, **of)  # type: ignore[arg-type]
    np.testing.assert_allclose(allocate(usage, capacity, **of).rate_Bps, expected, rtol=1e-9, atol=1e-11)


@settings(deadline=None)
@given(problems())
def test_every_transfer_has_a_bottleneck(problem: tuple[Usage, list[float], dict[str, list[float]]]) -> None:
    """The condition that characterises max-min fairness, and no resource above its capacity."""
    usage, capacity, of = problem
    done = allocate(usage, capacity, **of)
    share = done.rate_Bps / np.array(of["weight"])
    load = np.zeros(len(capacity))
    for each, rate in zip(usage, done.rate_Bps, strict=True):
        for row, part in each.items():
            load[row] += part * rate
    assert np.all(load <= np.array(capacity) * (1 + 1e-9) + 1e-300)
    for f, row in enumerate(done.bottleneck.tolist()):
        if row < 0:
            assert done.rate_Bps[f] == of["cap_Bps"][f]
        else:
            assert load[row] == pytest.approx(capacity[row], rel=1e-9)
            assert share[f] >= max(share[g] for g in range(len(usage)) if row in usage[g]) * (1 - 1e-9)


def lexicographic(usage: Usage, capacity: list[float], weight: list[float], cap: list[float]) -> NDArray[np.float64]:
    """Max-min by linear programs: raise the least rate / weight, fix who cannot go above it, go on."""
    count = len(usage)
    matrix = np.zeros((len(capacity), count + 1))
    for f, each in enumerate(usage):
        for row, part in each.items():
            matrix[row, f] = part
    fixed: dict[int, float] = {}
    while len(fixed) < count:
        growing = [f for f in range(count) if f not in fixed]
        floor = np.zeros((len(growing), count + 1))
        for i, f in enumerate(growing):
            floor[i, f], floor[i, count] = -1.0, weight[f]
        upper = np.vstack([matrix, floor])
        right = np.concatenate([capacity, np.zeros(len(growing))])
        bounds = [(fixed.get(f, 0.0), fixed.get(f, cap[f])) for f in range(count)]
        goal = np.zeros(count + 1)
        goal[count] = -1.0
        least = linprog(goal, upper, right, bounds=[*bounds, (0, None)]).x[count]
        for f in growing:
            goal = np.zeros(count + 1)
            goal[f] = -1.0
            most = linprog(goal, upper, right, bounds=[*bounds, (least * (1 - 1e-9), None)]).x[f]
            if most <= least * weight[f] * (1 + 1e-6) + 1e-9:
                fixed[f] = least * weight[f]
    return np.array([fixed[f] for f in range(count)])


@pytest.mark.parametrize("seed", range(8))
def test_rates_are_lexicographically_largest(seed: int) -> None:
    draw = np.random.default_rng(seed)
    capacity = draw.choice([1.0, 2.0, 3.0, 5.0], 5).tolist()
    usage = [
        {int(row): float(draw.choice([0.5, 1.0, 2.0])) for row in draw.choice(5, draw.integers(1, 4), replace=False)}
        for _ in range(7)
    ]
    weight = draw.choice([1.0, 2.0], 7).tolist()
    cap = draw.choice([0.3, 100.0], 7, p=[0.2, 0.8]).tolist()
    expected = lexicographic(usage, capacity, weight, cap)
    np.testing.assert_allclose(
        allocate(usage, capacity, weight=weight, cap_Bps=cap).rate_Bps, expected, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("flows", [1, 3, 1000])
def test_flows_on_one_link_share_it(flows: int) -> None:
    done = allocate([{0: 1.0}] * flows, [50e9])
    np.testing.assert_allclose(done.rate_Bps, 50e9 / flows, rtol=1e-12)
    assert done.water_levels == 1


def test_parking_lot() -> None:
    """One flow over n links against one on each: it gets half of each, whatever n; with weight w, w / (w + 1)."""
    for links in (1, 2, 7):
        for weight in (1.0, 3.0):
            usage: Usage = [dict.fromkeys(range(links), 1.0), *({row: 1.0} for row in range(links))]
            done = allocate(usage, [1.0] * links, weight=[weight, *[1.0] * links])
            expected = [weight / (weight + 1)] + [1 / (weight + 1)] * links
            np.testing.assert_allclose(done.rate_Bps, expected, rtol=1e-12)


def test_rates_are_in_proportion_to_weights_and_caps_leave_the_rest_to_others() -> None:
    done = allocate([{0: 1.0}] * 3, [12.0], weight=[1.0, 2.0, 3.0])
    assert done.rate_Bps.tolist() == [2.0, 4.0, 6.0]
    done = allocate([{0: 1.0}] * 3, [12.0], cap_Bps=[1.0, np.inf, np.inf])
    assert done.rate_Bps.tolist() == [1.0, 5.5, 5.5]
    assert done.bottleneck.tolist() == [-1, 0, 0]


def test_a_class_gets_what_those_before_it_leave() -> None:
    done = allocate([{0: 1.0}, {0: 1.0}, {0: 1.0}], [10.0], cap_Bps=[4.0, np.inf, np.inf], level=[0, 1, 2])
    assert done.rate_Bps.tolist() == [4.0, 6.0, 0.0]


def test_spraying_loads_each_link_with_its_part() -> None:
    """Two flows over two links each evenly, one over the first only."""
    done = allocate([{0: 0.5, 1: 0.5}, {0: 0.5, 1: 0.5}, {0: 1.0}], [1.0, 1.0])
    np.testing.assert_allclose(done.rate_Bps, [0.5, 0.5, 0.5])


def test_the_ends_of_the_range() -> None:
    """A link that is down, nothing to use, no flows at all, equal stops from unequal links."""
    done = allocate([{0: 1.0, 1: 1.0}, {1: 1.0}, {}, {}], [0.0, 1.0], cap_Bps=[np.inf, np.inf, 3.0, np.inf])
    assert done.rate_Bps.tolist() == [0.0, 1.0, 3.0, np.inf]
    assert done.bottleneck.tolist() == [0, 1, -1, -2]
    assert len(allocate([], [1.0]).rate_Bps) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_flows_does_not_matter(seed: int) -> None:
    draw = np.random.default_rng(seed)
    usage = [dict.fromkeys(draw.choice(20, 3, replace=False).tolist(), 1.0) for _ in range(40)]
    order = draw.permutation(40)
    rate = allocate(usage, [1.0] * 20).rate_Bps
    np.testing.assert_allclose(allocate([usage[f] for f in order], [1.0] * 20).rate_Bps, rate[order], rtol=1e-12)


def test_weights_far_apart_do_not_spoil_what_is_left() -> None:
    """A heavy flow that stops first must not leave its rounding to a light one."""
    usage: Usage = [{0: 1.0, 1: 1.0}, {1: 1.0}, {1: 1.0}]
    done = allocate(usage, [1.0, 3.0], weight=[1e12, 1e-6, 2e-6])
    np.testing.assert_allclose(done.rate_Bps, [1.0, 2 / 3, 4 / 3], rtol=1e-9)
