"""Pipeline schedules: every pass once and in a legal order, the bubble and the activations of the papers."""

from __future__ import annotations

import pytest
from fixed_engine import FixedEngine
from hypothesis import assume, given
from hypothesis import strategies as st

from weft.engines.executor import execute
from weft.errors import ConfigError
from weft.workload.pipeline import Pass, in_flight, order
from weft.workload.program import Program

shapes = st.tuples(st.integers(1, 8), st.integers(1, 24), st.integers(1, 4))


def legal(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    p, m, v = shape
    assume(v == 1 or m % p == 0)
    return p, m, v


@given(shapes)
def test_each_pass_is_run_once_and_backward_after_forward(shape: tuple[int, int, int]) -> None:
    p, m, v = legal(shape)
    for stage in range(p):
        passes = order(stage, p, m, v)
        assert set(passes) == {Pass(i, c, back) for i in range(m) for c in range(v) for back in (False, True)}
        assert len(passes) == 2 * m * v
        for i, c, _ in {(one.micro_batch, one.chunk, None) for one in passes}:
            assert passes.index(Pass(i, c, True)) > passes.index(Pass(i, c, False))
        for c in range(v):  # micro-batches keep their order within a chunk
            for back in (False, True):
                assert [x.micro_batch for x in passes if x.chunk == c and x.backward is back] == list(range(m))


@given(shapes)
def test_in_flight_by_counting(shape: tuple[int, int, int]) -> None:
    p, m, v = legal(shape)
    for stage in range(p):
        held = most = 0
        for one in order(stage, p, m, v):
            held += -1 if one.backward else 1
            most = max(most, held)
        assert held == 0
        assert in_flight(stage, p, m, v) == pytest.approx(most / v)


@given(p=st.integers(1, 64), more=st.integers(1, 4), v=st.integers(2, 6))
def test_in_flight_of_the_first_stage_by_the_published_formulae(p: int, more: int, v: int) -> None:
    """p micro-batches without interleaving, p (1 + (p-1)/(p v)) with (Korthikanti et al., section 4.2.3)."""
    assert in_flight(0, p, more * p, 1) == p
    if more > 1:
        assert in_flight(0, p, more * p, v) == pytest.approx(p * (1 + (p - 1) / (p * v)))


def program_of(p: int, m: int, v: int, forward_s: float, backward_s: float) -> Program:
    """A schedule as a program: uniform passes, activations and gradients handed on in no time."""
    program, last = Program(ranks=list(range(p))), p * v - 1
    number: dict[tuple[int, bool, int], int] = {}  # (micro-batch, backward, virtual stage) -> operation
    orders = [order(stage, p, m, v) for stage in range(p)]
    position = [0] * p
    while any(position[stage] < len(orders[stage]) for stage in range(p)):
        before = sum(position)
        for stage in range(p):
            while position[stage] < len(orders[stage]):
                one = orders[stage][position[stage]]
                virtual = one.chunk * p + stage
                if one.backward:
                    needs = (one.micro_batch, *((False, virtual) if virtual == last else (True, virtual + 1)))
                else:
                    needs = (one.micro_batch, False, virtual - 1)
                if virtual + one.backward > 0 and needs not in number:
                    break
                number[(one.micro_batch, one.backward, virtual)] = program.compute(
                    stage, backward_s if one.backward else forward_s, "", [number[needs]] if needs in number else []
                )
                position[stage] += 1
        assert sum(position) > before, "the schedule waits for itself"
    return program


@given(shape=shapes, forward_s=st.integers(1, 5), ratio=st.integers(1, 3))
def test_the_bubble_is_that_of_the_papers(shape: tuple[int, int, int], forward_s: int, ratio: int) -> None:
    """(p-1)/(m v) of the ideal time (Narayanan et al. SC'21, section 2.2) for any schedule with uniform passes."""
    p, m, v = legal(shape)
    assume(m >= p)
    span = execute(program_of(p, m, v, forward_s, ratio * forward_s), FixedEngine()).span_s
    ideal = m * v * (1 + ratio) * forward_s
    assert span == pytest.approx(ideal * (1 + (p - 1) / (m * v)))


@given(p=st.integers(2, 8), m=st.integers(1, 8))
def test_fewer_micro_batches_than_stages_only_lengthen_the_bubble(p: int, m: int) -> None:
    span = execute(program_of(p, m, 1, 1.0, 2.0), FixedEngine()).span_s
    assert span == pytest.approx(3.0 * (m + p - 1))


@pytest.mark.parametrize(("p", "m", "v"), [(4, 6, 2), (8, 12, 3), (3, 1, 2)])
def test_interleaving_needs_whole_rounds(p: int, m: int, v: int) -> None:
    with pytest.raises(ConfigError, match=f"micro-batches \\({m}\\) divisible by pp \\({p}\\)"):
        order(0, p, m, v)


def test_1f1b_by_hand() -> None:
    """PipeDream-Flush on the first of three stages with four micro-batches (arXiv 2006.09503, figure 2)."""
    found = "".join(f"{'B' if x.backward else 'F'}{x.micro_batch}" for x in order(0, 3, 4))
    assert found == "F0F1F2B0F3B1B2B3"
    assert "".join(f"{'B' if x.backward else 'F'}{x.micro_batch}" for x in order(2, 3, 4)) == "F0B0F1B1F2B2F3B3"


def test_interleaved_by_hand() -> None:
    """Four stages of two chunks, eight micro-batches: the first device of SC'21's figure 4, counted from nought."""
    found = [(x.micro_batch, x.chunk) for x in order(0, 4, 8, 2) if not x.backward]
    assert found == [(i, c) for group in (0, 4) for c in (0, 1) for i in range(group, group + 4)]
    warm_up = order(0, 4, 8, 2).index(Pass(0, 1, True))
    assert warm_up == 11  # 2 (p - 1) + (v - 1) p = 10 before the first pair, and that pair's forward
