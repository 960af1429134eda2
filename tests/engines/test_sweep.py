"""The sweep gives the event loop's answer, on programs of any shape."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engines.executor import execute
from weft.engines.sweep import sweep
from weft.workload.program import Category, Communication, Program, Stream


class Fixed:
    """Communications take as many seconds as they have bytes; the executor is told that they contend, or not."""

    name = "fixed"

    def __init__(self, contends: bool) -> None:
        self.contends = contends
        self.flying: list[tuple[float, int]] = []

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        self.flying.append((now_s + communication.size_bytes, token))

    def peek(self, limit_s: float = math.inf) -> float:
        return min(self.flying, default=(float("inf"), 0))[0]

    def pop(self) -> tuple[float, int]:
        first = min(self.flying)
        self.flying.remove(first)
        return first

    def alone_s(self, communication: Communication) -> float:
        return communication.size_bytes

    def bound(self, communication: Communication) -> str:
        return "fixed"


_SECONDS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7, 10.0])
_OPERATION = st.tuples(
    st.integers(0, 2), st.sampled_from([None, *Stream]), _SECONDS, st.lists(st.integers(1, 6), max_size=2)
)


def _program(operations: list[tuple[int, Stream | None, float, list[int]]]) -> Program:
    program = Program(ranks=[0, 1, 2])
    for i, (rank, stream, seconds, back) in enumerate(operations):
        after = [i - distance for distance in back]
        if stream is None:
            program.compute(rank, seconds, "", after)
        else:
            program.communicate(rank, stream, Category.DP, Communication("all_reduce", seconds, range(8)), "", after)
    return program


@settings(max_examples=300, deadline=None)
@given(st.lists(_OPERATION, max_size=30), st.sampled_from([0.0, 0.2, 0.5]))
def test_one_pass_and_events_agree(
    operations: list[tuple[int, Stream | None, float, list[int]]], slowdown: float
) -> None:
    program = _program(operations)
    swept = execute(program, Fixed(contends=False), slowdown=slowdown)
    events = execute(program, Fixed(contends=True), slowdown=slowdown)
    np.testing.assert_allclose(swept.start_s, events.start_s, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(swept.end_s, events.end_s, rtol=1e-12, atol=1e-12)


def test_a_collective_that_reaches_back_over_timed_compute_is_left_to_the_events() -> None:
    program = _program([(0, None, 4.0, []), (0, Stream.DP, 2.0, [])])
    assert sweep(program, [4.0, 2.0], slowdown=0.5) is None
    assert sweep(program, [4.0, 2.0], slowdown=0.0) == ([0.0, 0.0], [4.0, 2.0])
    assert execute(program, Fixed(contends=False), slowdown=0.5).span_s == 5.0  # two seconds' work takes four of them


def test_a_collective_ahead_of_compute_slows_it_in_one_pass() -> None:
    program = _program([(0, Stream.DP, 2.0, []), (0, None, 4.0, [])])
    assert sweep(program, [2.0, 4.0], slowdown=0.5) == ([0.0, 0.0], [2.0, 5.0])
