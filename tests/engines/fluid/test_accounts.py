"""What resources carried and when, and what limited whom."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weft.engines.fluid.network import FluidNetwork


def run_out(network: FluidNetwork) -> None:
    while not math.isinf(network.peek()):
        network.pop()


def test_bytes_busy_and_limiting_seconds() -> None:
    """One flow over both links, limited by the slow one; then one on the fast link alone at its cap."""
    network = FluidNetwork([1.0, 4.0], account=True)
    network.start(0, [0, 1], [1.0, 2.0], 2.0, 0.0)
    network.pop()
    network.start(1, [1], [1.0], 3.0, 5.0, cap_Bps=1.0)
    network.pop()
    assert network.carried_bytes.tolist() == [2.0, 7.0]
    assert network.busy_s.tolist() == [2.0, 5.0]
    assert network.limiting_s.tolist() == [2.0, 0.0]
    assert network.limited_by == {0: (0, 2.0), 1: (-1, 0.0)}


def test_the_resource_that_limits_longest() -> None:
    """Link 0 is shared for 2 s, then link 1 limits until the end, 3 s later."""
    network = FluidNetwork([2.0, 1.5], account=True)
    network.start(0, [0], [1.0], 2.0, 0.0)
    network.start(1, [0, 1], [1.0, 1.0], 6.5, 0.0)
    assert network.pop() == (2.0, 0)
    assert network.pop() == (5.0, 1)
    assert network.limited_by == {0: (0, 2.0), 1: (1, 3.0)}
    assert network.limiting_s.tolist() == [2.0, 3.0]


def test_accounts_are_right_at_any_time() -> None:
    network = FluidNetwork([2.0], account=True)
    network.start(0, [0], [1.0], 4.0, 0.0)
    network.set_capacity([0], [1.0], 1.0)
    assert network.carried_bytes.tolist() == [2.0]
    network.set_capacity([0], [0.0], 2.0)
    network.set_capacity([0], [1.0], 7.0)
    run_out(network)
    assert network.now_s == 8.0
    assert network.carried_bytes.tolist() == [4.0]
    assert network.busy_s.tolist() == [3.0]


def test_without_accounts_nothing_is_kept() -> None:
    network = FluidNetwork([1.0])
    network.start(0, [0], [1.0], 1.0, 0.0)
    run_out(network)
    assert network.carried_bytes.tolist() == [0.0]
    assert network.limited_by == {}


def test_entries_that_move_keep_their_accounts() -> None:
    """A long flow outlives the rewriting of the pool many times over."""
    network = FluidNetwork(np.ones(50), account=True)
    network.start(-1, [0, 1], [0.5, 0.25], 80.0, 0.0)
    for token in range(200):
        network.start(token, range(10, 50), [1.0] * 40, 0.1, network.now_s)
        assert network.pop()[1] == token
    run_out(network)
    assert network.now_s == pytest.approx(40.0)
    assert network.limited_by[-1] == (0, pytest.approx(40.0))
    np.testing.assert_allclose(network.carried_bytes[[0, 1, 10]], [40.0, 20.0, 20.0], rtol=1e-9)


@pytest.mark.parametrize("flows", [3, 4000])
def test_the_timeline_keeps_all_bytes_in_bounded_room(flows: int) -> None:
    """A flow a second at rates 1, 2, 3, ...: what each bin has is the integral over it."""
    network = FluidNetwork([1e9, 1e9, 1e9], account=True, group=[1, -1, 0])
    for flow in range(flows):
        rate = 1.0 + flow % 3
        network.start(flow, [0, 1, 2], [1.0, 1.0, 0.5], rate, network.now_s, cap_Bps=rate)
        network.pop()
    line = network.timeline
    assert line.carried_bytes.shape == (2, 1024)
    assert flows <= line.bin_s * 1024 < 4 * flows
    edges = np.arange(1025) * line.bin_s
    whole = np.minimum(edges, flows)
    done = np.concatenate([[0.0], np.cumsum(1.0 + np.arange(flows) % 3)])
    expected = np.diff(np.interp(whole, np.arange(flows + 1), done))
    np.testing.assert_allclose(line.carried_bytes[1], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(line.carried_bytes[0], expected / 2, rtol=1e-6, atol=1e-6)
