"""DCTCP keeps the queue about its threshold, uses the link, and shares it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, down, flows, jain, queued, received, star, watch

from weft.engines.packet import dctcp_kernels
from weft.engines.packet.presets import NO_MARKS, preset


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


def test_alpha_falls_by_a_sixteenth_in_windows_without_marks() -> None:
    simulation = Simulation(star(2), preset("dctcp"), flows((0, 1, 10**7)))
    control = simulation.tables["control"].view(dctcp_kernels.FLOW)
    simulation.run(4 * simulation.settings.rtt_s)
    windows = math.log(control["alpha"][0]) / math.log(1 - 1 / 16)
    assert windows == pytest.approx(round(windows), abs=1e-9)
    # The first acknowledgement ends a window, then each round trip does
    assert 3 <= windows <= 5


def test_a_loss_halves_the_window_once_a_round_trip() -> None:
    # The first burst of ten senders overflows a queue of 30 packets, and no packet is marked
    mtu = 4150
    transport = preset("dctcp", queue_bytes=30 * mtu, ecn_low_bytes=NO_MARKS, ecn_high_bytes=NO_MARKS)
    simulation = Simulation(star(11), transport, flows(*((i, 10, 10**7) for i in range(10))))
    senders = simulation.tables["senders"]
    windows = np.array(watch(simulation, 0.2e-6, 0.2e-3, lambda s: senders.cwnd.copy())) / mtu
    falls = windows[1:] / windows[:-1]
    assert falls.min() > 0.49  # never by more than half between two looks
    assert (falls < 0.55).sum() >= 10
    assert windows.min() >= 1


def test_the_window_grows_by_a_packet_a_round_trip_after_a_mark() -> None:
    mtu = 4150
    simulation = Simulation(star(2, latency_s=10e-6), preset("dctcp"), flows((0, 1, 10**8)))
    control, sender = simulation.tables["control"].view(dctcp_kernels.FLOW), simulation.tables["senders"]
    simulation.run(3 * simulation.settings.rtt_s)
    control["threshold"][0] = sender.cwnd[0] = 20.0 * mtu
    simulation.run(5 * simulation.settings.rtt_s)
    before = float(sender.cwnd[0])
    simulation.run(15 * simulation.settings.rtt_s)
    assert (sender.cwnd[0] - before) / mtu == pytest.approx(10, abs=1)
