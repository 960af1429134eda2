"""DCTCP keeps the queue about its threshold, uses the link, and shares it."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, down, flows, jain, queued, received, star, watch

from weft.engines.packet import dctcp_kernels
from weft.engines.packet.presets import preset


@pytest.mark.parametrize("threshold_packets", [8, 20])
def test_queue_stays_about_its_threshold(threshold_packets: int) -> None:
    # Alizadeh et al., equations 3 to 7: the queue peaks at K + N and swings by A = sqrt(2 N (C RTT + K)) / 2
    mtu, senders = 4150, 2
    transport = preset("dctcp", ecn_low_bytes=threshold_packets * mtu, ecn_high_bytes=threshold_packets * mtu)
    simulation = Simulation(star(3), transport, flows((0, 2, 10**9), (1, 2, 10**9)))
    simulation.run(1e-3)
    before = received(simulation)
    queues = np.array(watch(simulation, 1e-6, 5e-3, lambda s: queued(s, down(s, 2)))) / mtu
    rates = (received(simulation) - before) / 4e-3
    bdp = simulation.settings.bdp_bytes / mtu
    swing = np.sqrt(2 * senders * (bdp + threshold_packets)) / 2
    # One packet more is in service, and each sender's window grows by one while the mark travels back
    assert threshold_packets - swing - 1 <= queues.mean() <= threshold_packets + senders + 1
    assert queues.max() <= threshold_packets + 2 * senders + 2
    assert rates.sum() >= 0.99 * RATE_Bps
    assert jain(rates) > 0.98


def test_alpha_moves_by_a_sixteenth_of_what_was_marked() -> None:
    # Every packet is marked, so F = 1 in each window; alpha is 1 and stays, and the window is halved each round trip
    transport = preset("dctcp", ecn_low_bytes=0, ecn_high_bytes=0)
    simulation = Simulation(star(3), transport, flows((0, 2, 10**8), (1, 2, 10**8)))
    simulation.run(1e-3)
    control = simulation.tables["control"].view(dctcp_kernels.FLOW)
    assert np.all(control["alpha"] > 0.3)
    # Nothing is marked: alpha falls by 1/16 a window, and the window ends at its bound
    simulation = Simulation(star(2), preset("dctcp"), flows((0, 1, 10**7)))
    simulation.run(4 * simulation.settings.rtt_s)
    alphas = {(1 - 1 / 16) ** windows for windows in range(1, 6)}
    found = float(simulation.tables["control"].view(dctcp_kernels.FLOW)["alpha"][0])
    assert min(abs(found - alpha) for alpha in alphas) < 1e-12
