"""TIMELY keeps round trips between its thresholds; two flows that begin together stay equal."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, down, flows, jain, queued, received, star, watch

from weft.engines.packet import timely_kernels
from weft.engines.packet.presets import preset


@pytest.mark.parametrize("senders", [2, 8])
def test_delay_is_held_between_the_thresholds(senders: int) -> None:
    simulation = Simulation(star(senders + 1), preset("timely"), flows(*((i, senders, 10**9) for i in range(senders))))
    simulation.run(4e-3)
    before = received(simulation)
    delays_s = np.array(watch(simulation, 2e-6, 20e-3, lambda s: queued(s, down(s, senders)))) / RATE_Bps
    rates = (received(simulation) - before) / 16e-3
    rtt_s = simulation.settings.rtt_s
    assert (rtt_s + delays_s).mean() < 2.5 * rtt_s * 1.25  # T_low
    assert rtt_s + delays_s.max() < 25 * rtt_s  # T_high
    assert rates.sum() > 0.8 * RATE_Bps
    if senders == 2:  # of more the first burst makes shares that nothing evens out (Zhu et al., CoNEXT 2016)
        assert jain(rates) > 0.95
    assert simulation.tables["tally"].dropped.sum() == 0


def test_below_the_low_threshold_the_rate_grows_by_a_step_an_answer() -> None:
    simulation = Simulation(star(2), preset("timely"), flows((0, 1, 10**8)))
    simulation.run(50e-6)
    row = simulation.tables["control"].view(timely_kernels.FLOW)
    row["rate"][0] /= 10
    before, acks = float(row["rate"][0]), int(simulation.tables["senders"].acks[0])
    simulation.run(250e-6)
    answers = int(simulation.tables["senders"].acks[0]) - acks
    step = 10e6 / 8 / 1e12 * RATE_Bps / 1.25e9
    assert answers > 5
    assert float(row["rate"][0]) == pytest.approx(before + answers * step, rel=1e-9)
