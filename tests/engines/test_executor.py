"""The executor against a naive one, against hand-worked programs, and its breakdown against the span."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fixed_engine import FixedEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_executor import naive

from weft.engines.executor import breakdown, execute
from weft.errors import InternalError
from weft.workload.program import Category, Communication, Program, Stream

CATEGORY = {Stream.TP: Category.TP, Stream.PP: Category.PP, Stream.DP: Category.DP, Stream.CP: Category.CP}


def sent(seconds: float) -> Communication:
    """What the fixed engine takes so many seconds for."""
    return Communication("all_reduce", seconds, range(8))


@pytest.fixture(scope="module", params=[True, False], ids=["event by event", "swept"])
def contends(request: pytest.FixtureRequest) -> bool:
    """Both ways the executor has: for engines whose transfers contend, and for those whose transfers do not."""
    return bool(request.param)


class Written:
    """A program for an engine that takes a second a byte, with shorthands."""

    def __init__(self, contends: bool, ranks: int = 1) -> None:
        self.contends = contends
        self.program = Program(ranks=list(range(ranks)))

    def compute(self, seconds: float, after: tuple[int, ...] = (), rank: int = 0) -> int:
        return self.program.compute(rank, seconds, "work", after)

    def send(
        self,
        seconds: float,
        after: tuple[int, ...] = (),
        rank: int = 0,
        stream: Stream = Stream.DP,
        alone: bool = False,
    ) -> int:
        where = Stream.COMPUTE if alone else stream
        return self.program.communicate(rank, where, CATEGORY[stream], sent(seconds), "send", after)

    def run(self, slowdown: float = 0.0) -> Any:
        return execute(self.program, FixedEngine(1.0, contends=self.contends), slowdown=slowdown)


def test_an_empty_program_takes_no_time(contends: bool) -> None:
    assert Written(contends).run().span_s == 0.0


def test_a_stream_runs_in_order_and_streams_run_beside_each_other(contends: bool) -> None:
    w = Written(contends)
    for _ in range(3):
        w.compute(2.0)
        w.send(5.0, stream=Stream.TP)
    ran = w.run()
    assert ran.end_s.tolist() == [2, 5, 4, 10, 6, 15]
    assert ran.start_s.tolist() == [0, 0, 2, 5, 4, 10]


def test_ranks_run_beside_each_other_and_wait_for_each_other(contends: bool) -> None:
    w = Written(contends, ranks=2)
    first = w.compute(3.0, rank=0)
    w.compute(1.0, rank=1)
    handed_over = w.send(0.5, (first,), rank=0, stream=Stream.PP)
    w.compute(1.0, (handed_over,), rank=1)
    assert w.run().end_s.tolist() == [3.0, 1.0, 3.5, 4.5]


def test_compute_beside_a_collective_by_hand(contends: bool) -> None:
    """10 s of work; from 2 s to 6 s a collective takes half its rate: 2 + 4 x 0.5 done by then, 6 left."""
    w = Written(contends)
    w.compute(2.0)
    w.compute(8.0)
    w.send(4.0, (0,))
    assert w.run(slowdown=0.5).end_s.tolist() == [2.0, 12.0, 6.0]


def test_collectives_beside_each_other_do_not_slow_compute_twice(contends: bool) -> None:
    w = Written(contends)
    w.compute(10.0)
    w.send(4.0, stream=Stream.DP)
    w.send(6.0, stream=Stream.CP)
    # Slowed from 0 to 6 s: 3 s done, 7 left.
    assert w.run(slowdown=0.5).end_s.tolist() == [13.0, 4.0, 6.0]


@pytest.mark.parametrize("stream", [Stream.TP, Stream.PP])
def test_transfers_by_copy_engines_do_not_slow_compute(stream: Stream, contends: bool) -> None:
    w = Written(contends)
    w.compute(10.0)
    w.send(4.0, stream=stream)
    assert w.run(slowdown=0.5).span_s == 10.0


def test_other_ranks_collectives_do_not_slow_compute(contends: bool) -> None:
    w = Written(contends, ranks=2)
    w.compute(10.0, rank=0)
    w.send(4.0, rank=1)
    assert w.run(slowdown=0.5).span_s == 10.0


def test_a_circle_is_our_fault(contends: bool) -> None:
    w = Written(contends)
    w.compute(1.0)
    w.compute(1.0)
    w.program.dependencies[0] = (1,)
    with pytest.raises(InternalError, match="2 of 2 operations wait for each other in a circle"):
        w.run()


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Up to 14 operations on up to three ranks, any dependencies on earlier ones; whole seconds, some of them none."""
    ranks = draw(st.integers(1, 3))
    w = Written(False, ranks)
    for op in range(draw(st.integers(1, 14))):
        after = tuple(draw(st.sets(st.integers(0, op - 1), max_size=3))) if op else ()
        rank, seconds = draw(st.integers(0, ranks - 1)), float(draw(st.integers(0, 6)))
        if draw(st.booleans()):
            w.compute(seconds, after, rank)
        else:
            stream = draw(st.sampled_from([Stream.TP, Stream.PP, Stream.DP, Stream.CP]))
            w.send(seconds, after, rank, stream, alone=draw(st.booleans()))
    return w.program


def durations(program: Program) -> list[Fraction]:
    return [
        Fraction(program.seconds[op] if index < 0 else program.communications[index].size_bytes)
        for op, index in enumerate(program.communication)
    ]


@settings(max_examples=300, deadline=None)
@given(program=programs(), slowdown=st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]))
def test_the_executor_agrees_with_the_naive_one(program: Program, slowdown: Fraction, contends: bool) -> None:
    ran = execute(program, FixedEngine(1.0, contends=contends), slowdown=float(slowdown))
    starts, ends = naive(program, durations(program), slowdown)
    assert ran.start_s == pytest.approx(np.array(starts, dtype=float))
    assert ran.end_s == pytest.approx(np.array(ends, dtype=float))


@settings(max_examples=100, deadline=None)
@given(program=programs())
def test_without_slowdown_an_end_is_the_longest_path_to_it(program: Program, contends: bool) -> None:
    ran = execute(program, FixedEngine(1.0, contends=contends))
    longest: list[Fraction] = []
    last: dict[tuple[int, int], Fraction] = {}
    for op, seconds in enumerate(durations(program)):
        queue = (program.rank[op], program.stream[op])
        ready = max((longest[dependency] for dependency in program.dependencies[op]), default=Fraction(0))
        last[queue] = max(ready, last.get(queue, Fraction(0))) + seconds
        longest.append(last[queue])
    assert ran.end_s.tolist() == [float(end) for end in longest]


@settings(max_examples=100, deadline=None)
@given(program=programs(), slowdown=st.floats(0.0, 0.9))
def test_time_is_conserved(program: Program, slowdown: float, contends: bool) -> None:
    """Communication takes its time; compute its own to that over (1 - slowdown); a stream is never in two places."""
    ran, alone = execute(program, FixedEngine(1.0, contends=contends), slowdown=slowdown), durations(program)
    took = ran.end_s - ran.start_s
    for op, seconds in enumerate(alone):
        most = float(seconds) / (1 - slowdown) if program.communication[op] < 0 else float(seconds)
        assert float(seconds) - 1e-9 <= took[op] <= most + 1e-9
    for queue in set(zip(program.rank, program.stream, strict=True)):
        ours = [op for op in range(len(program)) if (program.rank[op], program.stream[op]) == queue]
        assert all(ran.end_s[a] <= ran.start_s[b] for a, b in pairwise(ours))


@settings(max_examples=50, deadline=None)
@given(program=programs(), slowdown=st.floats(0.0, 0.9))
def test_the_same_program_runs_the_same_way(program: Program, slowdown: float, contends: bool) -> None:
    runs = [execute(program, FixedEngine(1.0, contends=contends), slowdown=slowdown) for _ in range(2)]
    assert (runs[0].start_s == runs[1].start_s).all()
    assert (runs[0].end_s == runs[1].end_s).all()
    assert breakdown(runs[0]) == breakdown(runs[1])


@settings(max_examples=300, deadline=None)
@given(program=programs(), slowdown=st.sampled_from([0.0, 0.3]))
def test_the_breakdown_adds_up(program: Program, slowdown: float, contends: bool) -> None:
    ran = execute(program, FixedEngine(1.0, contends=contends), slowdown=slowdown)
    parts = breakdown(ran)
    assert set(parts) == {"compute", *(f"exposed_{x}" for x in ("tp", "pp", "dp", "ep", "cp")), "bubble"}
    assert min(parts.values()) >= -1e-12
    assert sum(parts.values()) == pytest.approx(ran.span_s)
    busy = sum(ran.end_s[op] - ran.start_s[op] for op, index in enumerate(program.communication) if index < 0)
    assert parts["compute"] == pytest.approx(busy / len(program.ranks))


def test_hidden_communication_is_not_exposed(contends: bool) -> None:
    w = Written(contends)
    w.compute(10.0)
    w.send(4.0)
    assert breakdown(w.run())["exposed_dp"] == 0.0


def test_waiting_counts_as_what_was_waited_for(contends: bool) -> None:
    """2 s of work, then a sum of 4 s, 1 s of which hides behind 1 s of other work, then 3 s of work."""
    w = Written(contends)
    first = w.compute(2.0)
    summed = w.send(4.0, (first,))
    w.compute(1.0)
    w.compute(3.0, (summed,))
    parts = breakdown(w.run())
    assert (parts["compute"], parts["exposed_dp"], parts["bubble"]) == (6.0, 3.0, 0.0)


def test_a_transfer_at_the_end_is_exposed(contends: bool) -> None:
    w = Written(contends)
    last = w.compute(2.0)
    w.send(4.0, (last,), stream=Stream.CP)
    parts = breakdown(w.run())
    assert (parts["compute"], parts["exposed_cp"]) == (2.0, 4.0)


def test_waiting_for_another_stage_is_bubble_but_for_the_transfer(contends: bool) -> None:
    """The second rank stands still for 3 s of the first's work (bubble), 1 s of transfer (exposed), then works 2 s."""
    w = Written(contends, ranks=2)
    work = w.compute(3.0, rank=0)
    handed_over = w.send(1.0, (work,), rank=0, stream=Stream.PP)
    w.compute(2.0, (handed_over,), rank=1)
    parts = breakdown(w.run())
    # Rank 0: 3 work, 1 transfer at its end, 2 idle. Rank 1: 3 idle, 1 transfer, 2 work.
    assert parts["compute"] == (3.0 + 2.0) / 2
    assert parts["exposed_pp"] == (1.0 + 1.0) / 2
    assert parts["bubble"] == (2.0 + 3.0) / 2
