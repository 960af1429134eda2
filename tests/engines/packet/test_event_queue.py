"""The queue of events, rings beside a heap, gives them in the order of a plain heap."""

from __future__ import annotations

import heapq
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engines.packet import record_kernels as record
from weft.engines.packet.code_kernels import KINDS
from weft.engines.packet.event_kernels import after, again_first, at_time, next_time, take
from weft.engines.packet.memory_kernels import announce
from weft.engines.packet.tables import records

ROWS = 256
_TAKE, _AGAIN = -1, -2
Ints = npt.NDArray[np.int64]


@numba.njit
def play(world: Any, how: Ints, delay: Ints, what: Ints, times: Ints) -> int:
    """Do as told: put an event in a ring or, beyond the rings, in the heap; take one; take one and put it back."""
    w, taken = world[0], 0
    for i in range(len(how)):
        if how[i] >= 0 and how[i] < w.ring_rows:
            after(w, how[i], 1, i)
        elif how[i] >= 0:
            at_time(w, w.now + delay[i], 1, i)
        elif next_time(w) < np.iinfo(np.int64).max:
            event = take(w)
            if how[i] == _AGAIN:
                again_first(w, event % KINDS, event // KINDS)
                event = take(w)
            what[taken], times[taken] = event // KINDS, w.now
            taken += 1
    return taken


def queue(delays: list[int]) -> tuple[Any, dict[str, Any]]:
    """A world with a ring for each delay."""
    world = records(1, record.WORLD)
    rings = records(len(delays), record.RING)
    rings.delay, rings.mask, rings.first = delays, ROWS - 1, np.arange(len(delays)) * ROWS
    tables = {
        "rings": rings,
        "events": records(len(delays) * ROWS, record.EVENT),
        "ring_order": records(len(delays) + 1, record.INDEX),
        "heap": records(ROWS, record.EVENT),
    }
    for name, table in tables.items():
        world[0][name] = announce(table)
    world[0].ring_rows = len(delays)
    return world, tables


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True),
    st.lists(st.tuples(st.integers(-4, 8), st.integers(0, 30)), max_size=ROWS - 1),
)
def test_as_a_heap(delays: list[int], steps: list[tuple[int, int]]) -> None:
    how = np.array([max(step[0], _AGAIN) for step in steps], np.int64)
    delay = np.array([step[1] for step in steps], np.int64)
    what, times = np.zeros(len(steps), np.int64), np.zeros(len(steps), np.int64)
    world, _tables = queue(delays)
    taken = play(world, how, delay, what, times)
    expected, heap, now = [], list[tuple[int, int]](), 0
    for i, kind in enumerate(how.tolist()):
        if kind >= 0:
            heapq.heappush(heap, (now + (delays[kind] if kind < len(delays) else int(delay[i])), i))
        elif heap:
            now, event = heapq.heappop(heap)
            expected.append((event, now))
    assert list(zip(what[:taken].tolist(), times[:taken].tolist(), strict=True)) == expected
