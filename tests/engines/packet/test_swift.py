"""Swift holds the round trip at its target, shares the link, and paces windows below a packet."""

from __future__ import annotations

import math

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, down, flows, jain, queued, received, star, watch

from weft.engines.packet import swift_kernels
from weft.engines.packet.presets import preset


def _target_s(simulation: Simulation, window: float, links: int) -> float:
    """The paper's target (section 3.1), from the settings alone."""
    s = simulation.settings
    alpha = s.target_delay_s / (1 / math.sqrt(0.1) - 1 / math.sqrt(100))
    scaled = alpha / math.sqrt(window) - alpha / math.sqrt(100)
    return s.target_delay_s + links * s.rtt_s / s.links + max(0.0, min(scaled, s.target_delay_s))


@pytest.mark.parametrize(("senders", "over"), [(2, 0.05), (8, 0.1), (16, 0.1), (64, 0.4)])
def test_the_round_trip_is_held_at_the_target(senders: int, over: float) -> None:
    # Each sender adds a packet before it hears of it, which many small windows feel
    simulation = Simulation(star(senders + 1), preset("swift"), flows(*((i, senders, 10**9) for i in range(senders))))
    simulation.run(4e-3)
    before = received(simulation)

    def look(s: Simulation) -> tuple[float, float]:
        windows = s.tables["control"].view(swift_kernels.FLOW)["window"]
        waiting = max(0, queued(s, down(s, senders)) - 4150)  # behind the packet in service
        return waiting / RATE_Bps, float(windows.mean())

    seen = np.array(watch(simulation, 2e-6, 12e-3, look))
    rates = (received(simulation) - before) / 8e-3
    delay_s, window = seen.mean(axis=0)
    target_s = _target_s(simulation, window, 2)
    assert 0.95 * target_s < simulation.settings.rtt_s + delay_s < (1 + over) * target_s
    assert rates.sum() > 0.99 * RATE_Bps
    assert jain(rates) > 0.95


def test_windows_below_a_packet_are_paced() -> None:
    # One packet from each of 100 senders, round trip after round trip, is a queue of 85 packets and more; the target
    # allows for two products and a half of 14 packets
    senders, mtu = 100, 4150
    transport = preset("swift", queue_bytes=200 * mtu, window_bytes=float(mtu))
    simulation = Simulation(star(senders + 1), transport, flows(*((i, senders, 10**8) for i in range(senders))))
    simulation.run(10e-3)
    windows = simulation.tables["control"].view(swift_kernels.FLOW)["window"]
    assert np.median(windows) < 0.8
    queues = np.array(watch(simulation, 10e-6, 20e-3, lambda s: queued(s, down(s, senders)))) / mtu
    assert queues.mean() < 0.75 * (senders - simulation.settings.bdp_bytes / mtu)
    assert simulation.tables["tally"].dropped.sum() == 0
