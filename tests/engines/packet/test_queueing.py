"""Queues against queueing theory: Poisson arrivals of packets of one size at one port (M/D/1)."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import Flows, LATENCY_s, RATE_Bps, Simulation, star

from weft.engines.packet.transport import Transport

MTU, PAYLOAD = 4150, 4086
SERVICE_ps = 80 * MTU


def _lindley(arrival: np.ndarray, service: int) -> np.ndarray:
    """When each customer of a queue of one server leaves, in order of arrival (D. Lindley, 1952)."""
    leave = np.empty_like(arrival)
    free = 0
    for i, at in enumerate(arrival.tolist()):
        free = max(free, at) + service
        leave[i] = free
    return leave


@pytest.mark.parametrize(("load", "within"), [(0.3, 0.03), (0.5, 0.03), (0.7, 0.03), (0.9, 0.06)])
def test_mean_wait_is_that_of_an_m_d_1_queue(load: float, within: float) -> None:
    sources, packets = 128, 100_000
    rng = np.random.default_rng(7)
    start = np.cumsum(rng.exponential(SERVICE_ps / load, packets)) / 1e12
    src = rng.integers(1, sources + 1, packets)
    sent = Flows(src, np.zeros(packets, np.int64), np.full(packets, PAYLOAD), start)
    transport = Transport(control="none", balance="one_path", queues="drop", queue_bytes=1 << 30, rto_s=1.0)
    simulation = Simulation(star(sources + 1), transport, sent)
    simulation.run()
    got = np.array(simulation.tables["senders"].got_ps)

    # The truth for these very arrivals: each source's own port, then the shared one
    begun = np.rint(start * 1e12).astype(np.int64)
    at_switch = np.empty(packets, np.int64)
    for source in range(1, sources + 1):
        mine = src == source
        at_switch[mine] = _lindley(begun[mine], SERVICE_ps)
    latency_ps = round(LATENCY_s * 1e12)
    at_switch += latency_ps
    order = np.argsort(at_switch, kind="stable")
    left = np.empty(packets, np.int64)
    left[order] = _lindley(at_switch[order], SERVICE_ps)
    assert np.sort(got).tolist() == np.sort(left + latency_ps).tolist()

    # And the formula: W = rho / (2 (1 - rho)) of a service (F. Pollaczek, 1930)
    wait = (np.sort(got) - latency_ps - SERVICE_ps - np.sort(at_switch)).mean() / SERVICE_ps
    assert wait == pytest.approx(load / (2 * (1 - load)), rel=within)
    assert simulation.tables["ports"].sent_bytes[simulation.network.hosts] == packets * MTU
    assert RATE_Bps * SERVICE_ps == MTU * 1e12
