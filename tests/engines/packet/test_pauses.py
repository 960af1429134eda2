"""Priority flow control: nothing is lost, pauses spread against the traffic, and bystanders suffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, flows, network, received, watch

from weft.engines.packet.presets import preset
from weft.engines.packet.transport import Transport

MTU = 4150


def _transport(**changes: Any) -> Transport:
    fields: dict[str, Any] = {
        "control": "none",
        "balance": "one_path",
        "queues": "pause",
        "recovery": "go_back_n",
        "window_bytes": 1e9,
        "rto_s": 0.067,
    }
    return Transport(**{**fields, **changes})


def _two_switches(transport: Transport) -> tuple[Simulation, np.ndarray]:
    """Rates of A -> X, B -> Y, C -> X, D -> X: A and B at the first switch, the others at the second.

    X is congested by three flows; B -> Y shares only the cable between the switches, which A -> X uses too.
    """
    net = network([0, 0, 1, 1, 1, 1], [(0, 1)])
    simulation = Simulation(net, transport, flows((0, 2, 10**8), (1, 3, 10**8), (4, 2, 10**8), (5, 2, 10**8)))
    simulation.run(0.5e-3)
    before = received(simulation)
    simulation.run(2.5e-3)
    return simulation, (received(simulation) - before) / 2e-3 / RATE_Bps


def test_a_pause_blocks_the_head_of_the_line() -> None:
    simulation, rates = _two_switches(_transport())
    # X is shared by the links that packets come by, a third each; the cable carries A's third, and as much of B
    assert rates[[0, 2, 3]].tolist() == pytest.approx([1 / 3] * 3, abs=0.05)
    assert rates[1] == pytest.approx(rates[0], abs=0.02)  # turn by turn in the same line
    tally = simulation.tables["tally"]
    assert tally.dropped.sum() == 0
    cable = 2 * simulation.network.hosts
    assert tally.pauses[cable] > 0  # paused though Y is idle
    assert tally.paused_ps[cable] > 0.3 * 2.5e9


def test_without_pauses_the_victim_has_what_the_cable_has_left() -> None:
    simulation, rates = _two_switches(preset("dctcp"))
    assert rates[1] > 0.6
    assert rates[:2].sum() == pytest.approx(1.0, abs=0.02)
    assert simulation.tables["tally"].pauses.sum() == 0


def test_classes_keep_a_victim_apart() -> None:
    net = network([0, 0, 1, 1, 1, 1], [(0, 1)])
    sent = flows((0, 2, 10**8), (1, 3, 10**8), (4, 2, 10**8), (5, 2, 10**8), priority=[0, 1, 0, 0])
    simulation = Simulation(net, _transport(class_weights=(1.0, 1.0)), sent)
    simulation.run(0.5e-3)
    before = received(simulation)
    simulation.run(2.5e-3)
    rates = (received(simulation) - before) / 2e-3 / RATE_Bps
    assert rates[1] == pytest.approx(2 / 3, abs=0.05)


@pytest.mark.parametrize("latency_s", [0.1e-6, 1e-6, 10e-6])
@pytest.mark.parametrize("shared", [None, 400 * MTU])
def test_headroom_takes_what_is_under_way(latency_s: float, shared: int | None) -> None:
    net = network([0] * 9, latency_s=latency_s)
    sent = flows(*((i, 8, 10**7) for i in range(8)))
    simulation = Simulation(net, _transport(shared_bytes=shared), sent)
    inlets = simulation.tables["inlets"]
    most = max(watch(simulation, 1e-6, 1e-3, lambda s: int(inlets.bytes.max())))
    simulation.run()
    assert simulation.tables["tally"].dropped.sum() == 0
    assert simulation.tables["senders"].again.sum() == 0
    s = simulation.settings
    if shared is None:
        # A round trip of the link and a packet each way comes after the threshold is crossed
        assert s.xoff_bytes < most <= s.xoff_bytes + 2 * latency_s * RATE_Bps + 3 * MTU
    # Without it the same traffic loses packets
    simulation = Simulation(net, _transport(shared_bytes=shared), sent)
    simulation.world.headroom = 0
    simulation.run(2e-3)
    assert simulation.tables["tally"].dropped.sum() > 0


def test_pauses_spread_hop_by_hop_against_the_traffic() -> None:
    # Two hosts at the last switch and one at the first send to one host at the last
    net = network([0, 3, 3, 3], [(0, 1), (1, 2), (2, 3)])
    simulation = Simulation(net, _transport(), flows((0, 3, 10**8), (1, 3, 10**8), (2, 3, 10**8)))
    way = [0] + [2 * net.hosts + 2 * i for i in range(3)]  # ports of the first host's way
    pauses = np.array(watch(simulation, 0.5e-6, 1e-3, lambda s: s.tables["tally"].pauses[way].copy()))
    assert (pauses[-1] > 0).all()
    first = (pauses > 0).argmax(axis=0)
    assert first.tolist() == sorted(first.tolist(), reverse=True)
    assert len(set(first.tolist())) == len(way)
    # Each buffer holds its threshold before it stops the one behind it, filled at two thirds of the rate
    fill_s = simulation.settings.xoff_bytes / (2 / 3 * RATE_Bps)
    assert np.diff(first[::-1] * 0.5e-6).min() > fill_s * 0.8


def test_a_pause_stops_a_link_for_as_long_as_it_says() -> None:
    # Two hosts at full rate to one: each may send half of the time, so each is paused half of the time
    net = network([0, 0, 0])
    simulation = Simulation(net, _transport(), flows((0, 2, 10**8), (1, 2, 10**8)))
    simulation.run(1e-3)
    before = simulation.tables["tally"].paused_ps[:2].copy()
    simulation.run(5e-3)
    paused = (simulation.tables["tally"].paused_ps[:2] - before) / 4e9
    assert paused.tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    assert received(simulation).sum() == pytest.approx(5e-3 * RATE_Bps, rel=0.01)
