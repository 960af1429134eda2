"""Transfers in time: closed forms, and what must hold of any network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from weft.engines.fluid.flows_in_time import completion_times
from weft.engines.fluid.network import FluidNetwork
from weft.errors import InternalError


def ends(network: FluidNetwork) -> list[tuple[float, int]]:
    """All ends from here on."""
    taken = []
    while not math.isinf(network.peek()):
        taken.append(network.pop())
    return taken


def started(capacity: list[float], *transfers: tuple[list[int], float], **of: Any) -> FluidNetwork:
    """A network with transfers (resources, bytes) from time 0; each uses its resources once."""
    network = FluidNetwork(capacity, **of)
    for token, (resource, size) in enumerate(transfers):
        network.start(token, resource, [1.0] * len(resource), size, 0.0)
    return network


def test_flows_on_one_link_end_as_processor_sharing_has_it() -> None:
    """Sizes 1, 2, 3 at capacity 1: ends after 3, 5 and 6 s."""
    network = started([1.0], ([0], 1.0), ([0], 2.0), ([0], 3.0))
    assert ends(network) == [(pytest.approx(3.0), 0), (pytest.approx(5.0), 1), (pytest.approx(6.0), 2)]


def test_a_late_flow_shares_from_its_start() -> None:
    network = started([2.0], ([0], 4.0))
    network.start(1, [0], [1.0], 1.0, 1.0)
    assert network.remaining(0, 1.5) == pytest.approx(1.5)
    assert ends(network) == [(pytest.approx(2.0), 1), (pytest.approx(2.5), 0)]


def test_parking_lot_in_time() -> None:
    """The long flow has half of each link until the short ones are gone, then all."""
    network = started([1.0] * 3, ([0, 1, 2], 2.0), ([0], 1.0), ([1], 1.0), ([2], 1.0))
    assert ends(network) == [(2.0, 1), (2.0, 2), (2.0, 3), (3.0, 0)]


def test_weights_caps_and_classes() -> None:
    network = FluidNetwork([6.0])
    network.start(0, [0], [1.0], 4.0, 0.0, weight=2.0)
    network.start(1, [0], [1.0], 4.0, 0.0)
    assert (network.rate(0), network.rate(1)) == (4.0, 2.0)
    network.start(2, [0], [1.0], 3.0, 0.0, cap_Bps=3.0, level=-1)
    assert network.rates([0, 1, 2]).tolist() == [2.0, 1.0, 3.0]
    # From 1 s on the first class is gone: 2 and 3 bytes are left at 4 and 2 B/s
    assert ends(network) == [(1.0, 2), (1.5, 0), (pytest.approx(1.5 + 2 / 6), 1)]


def test_a_transfer_as_fast_as_its_slowest_part() -> None:
    """A coupled transfer that loads one link with 2 bytes for each of its own."""
    network = FluidNetwork([4.0, 4.0])
    network.start(0, [0, 1], [2.0, 0.5], 6.0, 0.0)
    assert network.rate(0) == 2.0
    assert network.load_Bps.tolist() == [4.0, 1.0]
    assert network.pop() == (3.0, 0)


def test_simultaneous_ends_come_by_token_and_are_one_instant() -> None:
    """Sums in thirds and sevenths round differently on each link; the ends are one all the same."""
    network = FluidNetwork([1.0] * 21)
    for token in range(20, -1, -1):
        network.start(token, [token], [1.0 / 3], 1.0 / 7, 0.0)
        network.start(100 + token, [token], [1.0 / 3], 1.0 / 7, 0.0)
    taken = ends(network)
    assert [token for _, token in taken] == [*range(21), *range(100, 121)]
    assert len({time for time, _ in taken}) == 1


def test_what_starts_at_the_instant_of_an_end_does_not_end_with_it() -> None:
    network = started([1.0], ([0], 1.0), ([0], 1.0))
    assert network.pop() == (2.0, 0)
    network.start(2, [0], [1.0], 1.0, 2.0)
    assert network.pop() == (2.0, 1)
    assert network.pop() == (3.0, 2)


def test_a_link_that_goes_down_stalls_and_comes_back() -> None:
    network = started([1.0, 1.0], ([0], 4.0), ([1], 4.0))
    network.set_capacity([0], [0.0], 1.0)
    assert network.stalled == [0]
    assert network.pop() == (4.0, 1)
    assert math.isinf(network.peek())
    network.set_capacity([0], [2.0], 10.0)
    assert network.stalled == []
    assert network.pop() == (11.5, 0)


def test_a_stalled_transfer_goes_on_another_way() -> None:
    network = started([0.0, 1.0], ([0], 4.0), ([1], 4.0))
    network.reroute(0, [1], [1.0], 2.0)
    assert network.rates([0, 1]).tolist() == [0.5, 0.5]
    assert ends(network) == [(6.0, 1), (8.0, 0)]


def test_what_is_withdrawn_makes_room() -> None:
    network = started([1.0], ([0], 2.0), ([0], 2.0))
    network.cancel(0, 2.0)
    assert ends(network) == [(3.0, 1)]


def test_nothing_to_send_and_nothing_in_the_way() -> None:
    network = FluidNetwork([1.0])
    network.start(0, [0], [1.0], 0.0, 0.0)
    network.start(1, [], [], 5.0, 0.0)
    network.start(2, [], [], 5.0, 0.0, cap_Bps=5.0)
    network.start(3, [0], [1.0], math.inf, 0.0)
    assert network.rate(3) == 1.0
    assert ends(network) == [(0.0, 0), (0.0, 1), (1.0, 2)]
    assert network.stalled == []


def test_misuse_is_said() -> None:
    network = started([1.0], ([0], 1.0))
    for wrong in (
        lambda: network.start(0, [0], [1.0], 1.0, 0.0),
        lambda: network.start_many([1, 1], [0, 1, 2], [0, 0], [1.0, 1.0], 1.0, 0.0),
        lambda: network.start(1, [0], [1.0], 1.0, 1.5),
        lambda: network.start(1, [0], [1.0], 1.0, -1.0),
        lambda: network.cancel(7, 0.0),
        lambda: FluidNetwork([math.inf]),
        lambda: FluidNetwork([-1.0]),
    ):
        with pytest.raises(InternalError):
            wrong()
    ends(network)
    with pytest.raises(InternalError):
        network.pop()


def random_batch(flows: int, rows: int, seed: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    resource = np.concatenate([draw.choice(rows, 4, replace=False) for _ in range(flows)])
    return {
        "indptr": np.arange(0, 4 * flows + 1, 4),
        "resource": resource,
        "usage": draw.choice([0.25, 0.5, 1.0], 4 * flows),
        "size_bytes": draw.uniform(0.1, 2.0, flows),
    }


def test_a_batch_ends_as_one_by_one() -> None:
    """Compiled from start to end, and event by event from Python, with many more transfers than the first room for."""
    batch = random_batch(300, 40, seed=3)
    start_s = np.random.default_rng(4).uniform(0.0, 5.0, 300)
    end_s = completion_times(**batch, capacity_Bps=np.ones(40), start_s=start_s)
    network = FluidNetwork(np.ones(40))
    seen = {}
    for flow in [*np.argsort(start_s).tolist(), -1]:
        until = start_s[flow] if flow >= 0 else math.inf
        while network.peek() < until:
            time, token = network.pop()
            seen[token] = time
        if flow >= 0:
            span = slice(4 * flow, 4 * flow + 4)
            network.start(flow, batch["resource"][span], batch["usage"][span], batch["size_bytes"][flow], until)
    np.testing.assert_allclose([seen[flow] for flow in range(300)], end_s, rtol=1e-12)
    assert np.all(completion_times(**batch, capacity_Bps=np.zeros(40)) == np.inf)


def test_many_started_together_end_as_one_by_one() -> None:
    batch = random_batch(200, 30, seed=5)
    network = FluidNetwork(np.ones(30))
    network.start_many(np.arange(200), **batch, now_s=0.0)
    taken = ends(network)
    end_s = completion_times(**batch, capacity_Bps=np.ones(30))
    np.testing.assert_allclose([time for time, _ in sorted(taken, key=lambda end: end[1])], end_s, rtol=1e-12)
    assert len(network) == 0


def test_equal_flows_that_start_together_keep_their_rates() -> None:
    """Who shares a flow's bottleneck has no larger rate, so does not end before it: the end is size / first rate."""
    batch = {**random_batch(500, 80, seed=6), "size_bytes": 1.0}
    network = FluidNetwork(np.ones(80))
    network.start_many(np.arange(500), **batch, now_s=0.0)
    np.testing.assert_allclose(
        completion_times(**batch, capacity_Bps=np.ones(80)), 1.0 / network.rates(np.arange(500)), rtol=1e-9
    )


def test_a_change_reaches_no_further_than_it_must() -> None:
    """Pairs of flows, each pair on a link of its own, and one flow at its cap over all links: an end concerns one."""
    network = FluidNetwork([1.0] * 50)
    network.start(100, range(50), [0.001] * 50, 1e6, 0.0, cap_Bps=1.0)
    for token in range(100):
        network.start(token, [token // 2], [1.0], 1.0 + token, 0.0)
    assert [network.pop()[1] for _ in range(3)] == [0, 1, 2]
    network.peek()
    changed = np.flatnonzero(network._net.slots["since"] > 0.0)
    assert sorted(network._net.slots["token"][changed].tolist()) == [1, 3]


def test_arrays_of_any_layout_compile_nothing_anew() -> None:
    """A kernel for read-only, strided or narrow arrays would cost seconds of compiling each."""
    from weft.engines.fluid import event_kernels

    usage = np.ones(8)[::2]
    usage.flags.writeable = False
    row = np.arange(4, dtype=np.int32)
    row.flags.writeable = False
    network = FluidNetwork(np.ones(4, np.float32))
    network.start(np.int64(1), row, usage, 1, 0, weight=1, cap_Bps=5)  # type: ignore[arg-type]
    network.start_many(np.array([2]), np.array([0, 4]), row, usage, np.float32(1.0), 0)
    network.reroute(1, row, usage, 0)
    network.set_capacity(row, 1, 0)
    completion_times(np.array([0, 4]), row, usage, np.full(1, 1, np.float32), np.ones(4), start_s=0)
    for kernel in (event_kernels.begin, event_kernels.begin_all, event_kernels.reroute, event_kernels.drain):
        assert len(kernel.signatures) == 1, kernel  # type: ignore[attr-defined]
