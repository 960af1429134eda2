"""DCQCN: what notifications and timers do to a rate, and two flows that find a fair share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from packet_networks import PS, Simulation, down, flows, jain, queued, received, star, watch

from weft.engines.packet import dcqcn_kernels
from weft.engines.packet.presets import preset

RATE_Bps = 5e9  # the paper's 40 Gb/s


def control(simulation: Simulation) -> Any:
    return simulation.tables["control"].view(dcqcn_kernels.FLOW)


def test_two_flows_converge_to_a_fair_share() -> None:
    # Zhu et al. begin one of two flows at line rate and one at an eighth of it, and look at 200 ms (section 5.2)
    simulation = Simulation(star(3, rate_Bps=RATE_Bps), preset("roce_dcqcn"), flows((0, 2, 10**10), (1, 2, 10**10)))
    simulation.run(1e-3)
    rows = control(simulation)
    for flow, part in ((0, 7 / 8), (1, 1 / 8)):
        rows["rate"][flow] = rows["target"][flow] = part * RATE_Bps / PS
        simulation.tables["senders"].ps_per_byte[flow] = PS / RATE_Bps / part
    seen = np.array(watch(simulation, 10e-3, 0.201, received))
    rates = np.diff(seen, axis=0) / 10e-3
    assert rates[0].max() > 1.5 * rates[0].min()  # unfair at first
    assert jain(rates[10:].mean(axis=0)) > 0.99
    assert rates[10:].sum(axis=1).min() > 0.95 * RATE_Bps
    assert simulation.tables["tally"].dropped.sum() == 0


def test_a_notification_cuts_and_five_steps_go_halfway_back_each() -> None:
    simulation = Simulation(star(3, rate_Bps=RATE_Bps), preset("roce_dcqcn"), flows((0, 2, 10**9), (1, 2, 10**6)))
    line = RATE_Bps / PS
    while control(simulation)["rate"][0] == line or control(simulation)["rate"][0] == 0:
        simulation.run(simulation.now_s + 1e-6)
        assert simulation.now_s < 1e-3
    first = float(control(simulation)["rate"][0])
    assert first == pytest.approx(line / 2)  # alpha is 1 at first
    cuts = [first]
    while simulation.tables["senders"].state[1] == 1 or len(set(cuts)) < 3:
        simulation.run(simulation.now_s + 1e-6)
        cuts.append(float(control(simulation)["rate"][0]))
        if simulation.now_s > 4e-3:
            break
    # Alone again: the rate is what five halvings of the distance to the target make of it, then the target rises
    simulation.run(0.02)
    row = control(simulation)[0]
    assert row["target"] <= line
    assert row["by_time"] > 5
    before, target = float(row["rate"]), float(row["target"])
    steps = int(row["by_time"])
    while int(control(simulation)["by_time"][0]) == steps:
        simulation.run(simulation.now_s + 1e-6)
    additive = 40e6 / 8 / PS
    after = control(simulation)[0]
    gain = float(after["target"]) - target
    assert gain == pytest.approx(min(additive, line - target), rel=1e-6, abs=1e-12)
    assert float(after["rate"]) == pytest.approx((before + float(after["target"])) / 2, rel=1e-9)


def test_marks_scale_with_the_rate() -> None:
    for rate_Bps, low, high in ((5e9, 5_000, 200_000), (50e9, 50_000, 2_000_000)):
        settings = Simulation(star(2, rate_Bps=rate_Bps), preset("roce_dcqcn"), flows((0, 1, 1000))).settings
        assert (settings.ecn_low_bytes, settings.ecn_high_bytes, settings.ecn_most) == (low, high, 0.01)
        assert settings.xoff_bytes >= high


def test_red_marks_its_part() -> None:
    # A window holds the queue at 15 packets, halfway between thresholds: half of ecn_most is marked
    mtu = 4150
    window = 10.0 * mtu
    transport = preset("fixed_window", window_bytes=window, ecn_low_bytes=0, ecn_high_bytes=40 * mtu, ecn_most=0.2)
    simulation = Simulation(star(4), transport, flows((0, 3, 10**8), (1, 3, 10**8), (2, 3, 10**8)))
    simulation.run(1e-3)
    port = down(simulation, 3)
    marked = int(simulation.tables["tally"].marked[port])
    sent = int(simulation.tables["ports"].sent_bytes[port])
    waiting = np.array(watch(simulation, 1e-6, 10e-3, lambda s: queued(s, port))) / mtu - 1
    marked = int(simulation.tables["tally"].marked[port]) - marked
    packets = (int(simulation.tables["ports"].sent_bytes[port]) - sent) / mtu
    expected = 0.2 * waiting.mean() / 40
    deviation = np.sqrt(expected / packets)
    assert abs(marked / packets - expected) < 4 * deviation + 0.2 * 0.5 / 40
