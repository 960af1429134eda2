"""DCQCN: what notifications and timers do to a rate, and two flows that find a fair share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from packet_networks import PS, Simulation, down, flows, jain, queued, received, star, watch

from weft.engines.packet import code_kernels, dcqcn_kernels
from weft.engines.packet.event_kernels import at_time
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


def test_a_notification_halves_the_rate_at_first() -> None:
    # alpha is 1; the receiver notifies as soon as a marked packet comes
    simulation = Simulation(star(3, rate_Bps=RATE_Bps), preset("roce_dcqcn"), flows((0, 2, 10**9), (1, 2, 10**9)))
    line, rates = RATE_Bps / PS, control(simulation)["rate"]
    seen = np.array(watch(simulation, 1e-6, 0.5e-3, lambda _: rates.copy()))
    for flow in (0, 1):
        changes = seen[:, flow][seen[:, flow] != line]
        assert changes[0] == pytest.approx(line / 2)
    # Each flow is notified once in 50 us at most
    cuts = (np.diff(seen, axis=0) < 0).sum(axis=0)
    assert cuts.max() <= 0.5e-3 / 50e-6 + 1


def test_the_rate_goes_half_way_back_five_times_and_then_by_steps() -> None:
    # A flow that is alone, told once that there is congestion: the timer's steps from there are a closed form
    simulation = Simulation(star(2, rate_Bps=RATE_Bps), preset("roce_dcqcn"), flows((0, 1, 10**9)))
    simulation.run(1e-4)
    line, row = RATE_Bps / PS, control(simulation)
    row["target"][0], row["rate"][0], row["alpha"][0] = 0.9 * line, 0.2 * line, 0.5
    row["alpha_due_ps"][0] = row["rate_due_ps"][0] = row["tick_ps"][0] = 200e6
    simulation.tables["senders"].ps_per_byte[0] = 5 / line
    at_time(simulation.world, 200_000_000, code_kernels.TICK, 0)
    rate, target, additive = 0.2, 0.9, 40e6 / 8 / RATE_Bps
    for step in range(1, 12):
        simulation.run(200e-6 + (step - 1) * 55e-6 + 1e-6)
        if step >= 5:
            target += additive
        rate = (rate + target) / 2
        assert row["by_time"][0] == step and row["by_bytes"][0] == 0
        assert row["rate"][0] / line == pytest.approx(rate, rel=1e-9)
        assert row["target"][0] / line == pytest.approx(target, rel=1e-9)
        assert row["alpha"][0] == pytest.approx(0.5 * (1 - 1 / 256) ** step, rel=1e-9)


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
