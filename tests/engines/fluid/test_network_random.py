"""Any sequence of events: rates stay those of a fresh solution, bytes are conserved, no resource is overloaded."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engines.fluid import reference
from weft.engines.fluid.network import FluidNetwork

ROWS = 7
entries = st.dictionaries(st.integers(0, ROWS - 1), st.sampled_from([0.25, 1 / 3, 1.0, 1.0, 2.0]), min_size=1)
sizes = st.sampled_from([0.5, 1.0, 1.0, 2.0, 3.3])
actions = st.lists(
    st.one_of(
        st.tuples(st.just("start"), entries, sizes, st.sampled_from([1.0, 1.0, 3.0, 0.01]),
                  st.sampled_from([math.inf, math.inf, 0.2]), st.sampled_from([0, 0, 0, 0, 2])),
        st.tuples(st.just("pop")),
        st.tuples(st.just("wait"), st.floats(0.0, 0.99)),
        st.tuples(st.just("capacity"), st.integers(0, ROWS - 1), st.sampled_from([0.0, 0.5, 1.0, 2.0])),
        st.tuples(st.just("reroute"), st.integers(0, 99), entries),
        st.tuples(st.just("cancel"), st.integers(0, 99)),
    ),
    max_size=40,
)  # fmt: skip


class Watched:
    """A network, and beside it what was asked of it and what must come of that."""

    def __init__(self) -> None:
        self.capacity = [1.0, 1.0, 2.0, 0.5, 1.0, 3.0, 1.0]
        self.network = FluidNetwork(self.capacity, account=True)
        self.flying: dict[int, tuple[dict[int, float], float, float, int]] = {}
        self.carried = np.zeros(ROWS)  # bytes x usage, of all legs that are over
        self.at_start: dict[int, float] = {}
        self.now, self.next = 0.0, 0

    def leg_over(self, token: int, left: float) -> None:
        for row, share in self.flying[token][0].items():
            self.carried[row] += share * (self.at_start[token] - left)

    def act(self, what: str, *of: object) -> None:
        network = self.network
        chosen = sorted(self.flying)[of[0] % len(self.flying)] if what in ("reroute", "cancel") and self.flying else -1  # type: ignore[operator]
        if what == "start":
            usage, size, weight, cap, level = of
            self.flying[self.next] = (usage, weight, cap, level)  # type: ignore[assignment]
            self.at_start[self.next] = size  # type: ignore[assignment]
            network.start(self.next, list(usage), list(usage.values()), size, self.now,  # type: ignore
                          weight=weight, cap_Bps=cap, level=level)  # type: ignore[arg-type]  # fmt: skip
            self.next += 1
        elif what == "pop" and not math.isinf(network.peek()):
            time, token = network.pop()
            assert time >= self.now
            self.now = time
            self.leg_over(token, 0.0)
            del self.flying[token]
        elif what == "wait" and not math.isinf(network.peek()):
            self.now += of[0] * (network.peek() - self.now)  # type: ignore[operator]
            network.set_capacity([], [], self.now)
        elif what == "capacity":
            self.capacity[of[0]] = of[1]  # type: ignore[call-overload]
            network.set_capacity(of[0], of[1], self.now)  # type: ignore[arg-type]
        elif what == "reroute" and chosen in network._slot:
            self.leg_over(chosen, network.remaining(chosen, self.now))
            self.at_start[chosen] = network.remaining(chosen, self.now)
            self.flying[chosen] = (of[1], *self.flying[chosen][1:])  # type: ignore[assignment]
            network.reroute(chosen, list(of[1]), list(of[1].values()), self.now)  # type: ignore
        elif what == "cancel" and chosen >= 0:
            self.leg_over(chosen, network.remaining(chosen, self.now))
            del self.flying[chosen]
            network.cancel(chosen, self.now)

    def check(self) -> None:
        network = self.network
        tokens = [token for token in self.flying if token in network._slot]
        usage, weight, cap, level = zip(*(self.flying[token] for token in tokens), strict=True) if tokens else ((),) * 4
        expected = reference.max_min(usage, self.capacity, weight=weight, cap_Bps=cap, level=level)
        np.testing.assert_allclose(network.rates(tokens), expected, rtol=1e-9, atol=1e-11)
        assert np.all(network.load_Bps <= np.array(self.capacity) * (1 + 1e-9))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(actions)
def test_events_leave_what_a_fresh_solution_gives(steps: list[tuple[object, ...]]) -> None:
    watched = Watched()
    for what, *of in steps:
        watched.act(str(what), *of)
        watched.check()
    while not math.isinf(watched.network.peek()):
        watched.act("pop")
    for token in watched.flying:  # stalled
        watched.leg_over(token, watched.network.remaining(token))
    assert watched.network.stalled == sorted(watched.flying)
    np.testing.assert_allclose(watched.network.carried_bytes, watched.carried, rtol=1e-9, atol=1e-9)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(actions)
def test_several_changes_at_one_instant_are_one(steps: list[tuple[object, ...]]) -> None:
    """Without looking at rates between changes: the same ends, and the same bytes to the last bit twice over."""
    looked, first, second = Watched(), Watched(), Watched()
    for what, *of in steps:
        for watched in (looked, first, second):
            watched.act(str(what), *of)
        looked.check()
    assert first.now == second.now
    np.testing.assert_array_equal(first.network.carried_bytes, second.network.carried_bytes)
    assert first.flying.keys() == looked.flying.keys()
    np.testing.assert_allclose(first.network.rates(list(first.network._slot)),
                               looked.network.rates(list(first.network._slot)), rtol=1e-9, atol=1e-12)  # fmt: skip
