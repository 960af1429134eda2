"""The fluid engine on small networks made by hand, against arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weft.engines.executor import execute
from weft.engines.fluid.carriage import Carriage, Carried, Event, NetworkState
from weft.engines.fluid.classes import Entries
from weft.engines.fluid.engine import FluidEngine
from weft.engines.fluid.quotient import Quotient
from weft.errors import InfeasibleError
from weft.workload.program import Category, Communication, Program, Stream

A = Communication("all_reduce", 100.0, range(4))
B = Communication("all_gather", 100.0, range(4))


def entries(*rows: list[tuple[int, float]]) -> Entries:
    """Transfers' (resource, usage) pairs."""
    flat = [pair for row in rows for pair in row]
    return Entries(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        np.array([r for r, _ in flat], np.int32),
        np.array([u for _, u in flat], float),
    )


def carriage(
    routed: list[Entries],
    states: list[tuple[float, list[float], int]],
    carried: dict[Communication, Carried],
    background: tuple[Event, ...] = (),
    level: list[int] | None = None,
) -> Carriage:
    count, width = len(routed[0].indptr) - 1, len(states[0][1])
    quotient = Quotient(
        tuple(routed),
        np.ones(count),
        np.arange(width),
        np.ones(width, np.int64),
        np.arange(count),
        np.zeros(count, np.int32),
    )
    network = tuple(NetworkState(start, np.array(capacity, float), which) for start, capacity, which in states)
    names = [f"link{row}" for row in range(width)]
    levels = np.array(level or [0] * count, np.int64)
    return Carriage(quotient, network, carried, names, levels, background)


def going(*stages: list[int], delay: float = 0.0, size: float = 100.0, cap: float = math.inf) -> Carried:
    arrays = tuple(np.array(stage, np.int64) for stage in stages)
    return Carried("all_reduce", delay, size, arrays, (cap,) * len(stages), "inside")


def ends(engine: FluidEngine, *starts: tuple[float, Communication]) -> list[float]:
    """When each communication ends, started at given times."""
    program = Program(ranks=list(range(len(starts))))
    for rank, (at, communication) in enumerate(starts):
        wait = program.compute(rank, at, "wait")
        program.communicate(rank, Stream.COMPUTE, Category.DP, communication, "go", [wait])
    return execute(program, engine).end_s.tolist()[1::2]


def test_latency_comes_before_bytes() -> None:
    engine = FluidEngine(carriage([entries([(0, 2.0)])], [(0, [10.0], 0)], {A: going([0], delay=3.0)}))
    assert ends(engine, (1.0, A)) == [pytest.approx(1 + 3 + 100 * 2 / 10)]
    assert engine.alone_s(A) == pytest.approx(23.0)
    assert engine.bound(A) == "link0"


def test_two_share_a_link_while_both_are_there() -> None:
    """A sends alone for 5 s (50 bytes), then both at 5 B/s: A ends at 15 s; B has 50 left, alone: 20 s."""
    whole = carriage([entries([(0, 1.0)], [(0, 1.0)])], [(0, [10.0], 0)], {A: going([0]), B: going([1])})
    assert ends(FluidEngine(whole), (0.0, A), (5.0, B)) == pytest.approx([15.0, 20.0])


def test_stages_follow_one_another_and_wait_for_their_slowest() -> None:
    """The first stage's transfers take 10 and 20 s, the second's 5."""
    whole = carriage(
        [entries([(0, 1.0)], [(1, 1.0)], [(2, 1.0)])], [(0, [10.0, 5.0, 20.0], 0)], {A: going([0, 1], [2])}
    )
    assert ends(FluidEngine(whole), (0.0, A)) == pytest.approx([25.0])


def test_ranks_themselves_may_be_the_limit() -> None:
    engine = FluidEngine(carriage([entries([(0, 1.0)])], [(0, [10.0], 0)], {A: going([0], cap=2.0)}))
    assert ends(engine, (0.0, A)) == pytest.approx([50.0])
    assert engine.bound(A) == "inside"


def test_strict_priority_goes_first() -> None:
    whole = carriage([entries([(0, 1.0)], [(0, 1.0)])], [(0, [10.0], 0)], {A: going([0]), B: going([1])}, level=[1, 0])
    assert ends(FluidEngine(whole), (0.0, A), (5.0, B)) == pytest.approx([20.0, 15.0])


@pytest.mark.parametrize("reroute", [0.0, 2.0])
def test_a_dead_link_stalls_until_routing_knows(reroute: float) -> None:
    """50 bytes by 5 s; then nothing until rerouted; then 50 bytes at 4 B/s."""
    routed = [entries([(0, 1.0)]), entries([(1, 1.0)])]
    states = [(0.0, [10.0, 4.0], 0), (5.0, [0.0, 4.0], 0 if reroute else 1)]
    states += [(5.0 + reroute, [0.0, 4.0], 1)] if reroute else []
    engine = FluidEngine(carriage(routed, states, {A: going([0])}))
    assert ends(engine, (0.0, A)) == pytest.approx([5 + reroute + 50 / 4])


def test_a_mended_link_goes_on_where_it_stopped() -> None:
    states = [(0.0, [10.0], 0), (5.0, [0.0], 0), (9.0, [10.0], 0)]
    engine = FluidEngine(carriage([entries([(0, 1.0)])], states, {A: going([0])}))
    assert ends(engine, (0.0, A)) == pytest.approx([14.0])


def test_a_partition_is_said_and_not_waited_for() -> None:
    engine = FluidEngine(carriage([entries([(0, 1.0)])], [(0.0, [10.0], 0), (5.0, [0.0], 0)], {A: going([0])}))
    with pytest.raises(InfeasibleError, match=r"unreachable: all_reduce .*link0"):
        ends(engine, (0.0, A))


def test_others_traffic_takes_its_share_from_its_begin_to_its_end() -> None:
    """10 B/s for 2 s, 5 B/s for 4 s, then 10 B/s: 20 + 20 + 60 bytes end at 12 s."""
    events = (Event(2.0, True, (1,), math.inf), Event(6.0, False, (1,), math.inf))
    whole = carriage([entries([(0, 1.0)], [(0, 1.0)])], [(0, [10.0], 0)], {A: going([0])}, events)
    assert ends(FluidEngine(whole), (0.0, A)) == pytest.approx([12.0])


def test_others_traffic_may_be_limited() -> None:
    events = (Event(0.0, True, (1,), 2.0),)
    whole = carriage([entries([(0, 1.0)], [(0, 1.0)])], [(0, [10.0], 0)], {A: going([0])}, events)
    engine = FluidEngine(whole)
    assert ends(engine, (0.0, A)) == pytest.approx([12.5])
    assert engine.alone_s(A) == pytest.approx(10.0)


def test_a_run_can_be_repeated() -> None:
    whole = carriage([entries([(0, 1.0)], [(0, 1.0)])], [(0, [10.0], 0)], {A: going([0]), B: going([1])})
    engine, times = FluidEngine(whole), []
    for _ in range(2):
        engine.reset()
        times.append(ends(engine, (0.0, A), (5.0, B)))
    assert times[0] == times[1]


def test_a_communication_that_moves_nothing_takes_its_latency() -> None:
    engine = FluidEngine(carriage([entries([])], [(0, [10.0], 0)], {A: going(delay=2.0)}))
    assert ends(engine, (0.0, A)) == [2.0]
