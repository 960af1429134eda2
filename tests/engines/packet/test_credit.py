"""Credit on links: nothing is lost, links stay busy, and circles of waiting are found and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, flows, line, network, received, ring, watch

from weft.engines.packet.deadlock import find_cycle
from weft.engines.packet.presets import preset
from weft.engines.packet.transport import Transport
from weft.errors import DeadlockError, InfeasibleError

MTU = 4150


def _around(switches: int, hops: int, size: int = 10**7) -> Any:
    """Every host of a ring sends so many switches on, all the same way round."""
    return flows(*((i, (i + hops) % switches, size) for i in range(switches)))


def _lossless(**changes: Any) -> Transport:
    return preset("infiniband", switch_choice="hashed", **changes)


@pytest.mark.parametrize("queues", ["credit", "pause"])
def test_a_ring_without_virtual_channels_stops(queues: str) -> None:
    simulation = Simulation(ring(5), _lossless(queues=queues, credit_bytes=2 * MTU, xoff_bytes=2 * MTU), _around(5, 2))
    with pytest.raises(DeadlockError) as caught:
        simulation.run()
    assert isinstance(caught.value, InfeasibleError) and caught.value.exit_code == 1
    assert sorted(caught.value.links) == [f"switch{i} -> switch{(i + 1) % 5}" for i in range(5)]
    # Each link named waits for the one named after it
    for link, after in zip(caught.value.links, [*caught.value.links[1:], caught.value.links[0]], strict=True):
        assert link.split(" -> ")[1] == after.split(" -> ")[0]
    message = str(caught.value)
    assert "5 links wait" in message and "\n" not in message
    # And so it is: no event is left, and data is still held
    assert simulation.world.running == 5
    assert simulation.tables["ports"].queued.sum() > 0


@pytest.mark.parametrize("queues", ["credit", "pause"])
def test_a_ring_with_a_lane_a_hop_goes_on(queues: str) -> None:
    transport = _lossless(queues=queues, credit_bytes=2 * MTU, xoff_bytes=2 * MTU, lanes=2)
    simulation = Simulation(ring(5), transport, _around(5, 2))
    simulation.run()
    assert simulation.world.done == 5
    assert simulation.tables["tally"].dropped.sum() == 0
    assert find_cycle(simulation.tables) == []


def test_short_ways_close_no_circle() -> None:
    # One hop on the ring waits for its receiver alone
    simulation = Simulation(ring(5), _lossless(credit_bytes=2 * MTU), _around(5, 1))
    simulation.run()
    assert simulation.world.done == 5


def test_a_deadlock_is_found_though_timers_go_on() -> None:
    # DCQCN's timers and time-outs never let the events run out
    transport = preset("roce_dcqcn", xoff_bytes=2 * MTU, ecn_low_bytes=0, ecn_high_bytes=MTU, rto_s=1e-3)
    simulation = Simulation(ring(5), transport, _around(5, 2))
    with pytest.raises(DeadlockError):
        simulation.run()
    assert simulation.now_s < 1


@pytest.mark.parametrize("latency_s", [0.1e-6, 1e-6, 5e-6])
def test_blank_credit_keeps_a_link_busy(latency_s: float) -> None:
    simulation = Simulation(line(4, latency_s=latency_s), _lossless(), flows((0, 3, 10**8)))
    simulation.run(0.5e-3)
    before = received(simulation)
    simulation.run(2.5e-3)
    assert (received(simulation) - before)[0] == pytest.approx(2e-3 * RATE_Bps, rel=0.005)


def test_little_credit_gives_a_link_its_share_of_a_round_trip() -> None:
    # Four packets a credit loop: sending, wire, sending on (store and forward), and the credit's way back
    credit, latency_s = 4 * MTU, 5e-6
    simulation = Simulation(line(2, latency_s=latency_s), _lossless(credit_bytes=credit), flows((0, 1, 10**8)))
    simulation.run(0.5e-3)
    before = received(simulation)
    simulation.run(4.5e-3)
    loop_s = 2 * MTU / RATE_Bps + 2 * latency_s
    assert (received(simulation) - before)[0] / 4e-3 == pytest.approx(credit / loop_s, rel=0.02)


def test_buffers_never_hold_more_than_the_credit() -> None:
    net = network([0, 0, 0, 1], [(0, 1)])
    simulation = Simulation(net, _lossless(), flows(*((i, 3, 10**7) for i in range(3))))
    inlets = simulation.tables["inlets"]
    most = max(watch(simulation, 1e-6, 1e-3, lambda s: int(inlets.bytes.max())))
    assert most <= 2 * 1e-6 * RATE_Bps + 4 * MTU
    simulation.run()
    assert simulation.tables["tally"].dropped.sum() == 0
    # All credit has come back
    blank = Simulation(net, _lossless(), flows((0, 3, 1))).tables["inlets"].credit
    assert simulation.tables["inlets"].credit.tolist() == blank.tolist()


def test_adaptive_switches_keep_all_ways_busy() -> None:
    # Two switches with four cables between and four hosts at each: hashing collides, the shortest queue does not
    net = network([0] * 4 + [1] * 4, [(0, 1)] * 4)
    sent = flows(*((i, 4 + i, 10**7) for i in range(4)))
    simulation = Simulation(net, preset("infiniband"), sent)
    simulation.run()
    ideal = 10**7 * MTU / 4086 / RATE_Bps
    assert simulation.tables["senders"].end_ps.max() / 1e12 < 1.1 * ideal
    assert simulation.tables["senders"].again.sum() == 0


def test_credit_of_lost_packets_comes_back() -> None:
    # A link that loses a packet in twenty would have none left after some hundred packets
    net = line(2)
    loss = np.zeros(net.ports)
    loss[2 * net.hosts] = 1 - 0.95 ** (1 / MTU)
    simulation = Simulation(line(2, loss=loss), _lossless(rto_s=100e-6), flows((0, 1, 2000 * 4086)))
    simulation.run()
    assert simulation.world.done == 1
    assert simulation.tables["tally"].lost.sum() > 50
