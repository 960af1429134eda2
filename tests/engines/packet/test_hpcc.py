"""HPCC uses the link to eta and keeps the queue near nothing, where DCQCN fills it."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, down, flows, jain, line, queued, received, star, watch

from weft.engines.packet.presets import preset


def _run(name: str, senders: int, start_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Bytes before the shared port, that in service too, and rates, from a time on for 4 ms."""
    simulation = Simulation(star(senders + 1), preset(name), flows(*((i, senders, 10**9) for i in range(senders))))
    simulation.run(start_s)
    before = received(simulation)
    queues = watch(simulation, 1e-6, start_s + 4e-3, lambda s: queued(s, down(s, senders)))
    return np.array(queues), (received(simulation) - before) / 4e-3


@pytest.mark.parametrize("senders", [2, 4])
def test_queue_is_near_nothing_at_high_utilisation(senders: int) -> None:
    queues, rates = _run("roce_hpcc", senders, 2e-3)
    assert 0.93 * RATE_Bps < rates.sum() <= 0.96 * RATE_Bps  # eta is 0.95
    assert queues.mean() < 2 * 1088 and queues.max() <= 2 * senders * 1088
    assert jain(rates) > 0.98
    theirs, _ = _run("roce_dcqcn", senders, 40e-3)  # DCQCN has then found its rate
    assert queues.mean() < theirs.mean() / 10 and queues.max() < theirs.max() / 10


def test_the_bottleneck_is_found_wherever_it_is() -> None:
    # The second of three links is slower than the first and the last
    network = line(3)
    slow = np.array(network.rate_Bps)
    slow[2 * network.hosts + 2 : 2 * network.hosts + 4] /= 4
    network = line(3, rate_Bps=slow)
    simulation = Simulation(network, preset("roce_hpcc"), flows((0, 2, 10**8)))
    simulation.run(1e-3)
    before = received(simulation)
    port = 2 * network.hosts + 2
    queues = np.array(watch(simulation, 1e-6, 3e-3, lambda s: queued(s, port))) / 4150
    rate = (received(simulation) - before)[0] / 2e-3
    assert 0.88 * RATE_Bps / 4 < rate <= 0.97 * RATE_Bps / 4
    assert queues.max() <= 3
