"""Losses and what is sent again: go-back-N, selective repeat, and links that repeat for themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from packet_networks import LATENCY_s, RATE_Bps, Simulation, flows, line

from weft.engines.packet.transport import Transport

MTU, PAYLOAD = 4150, 4086
PACKETS = 4000


def _run(loss: float, retry_s: float = 0.0, **changes: Any) -> Simulation:
    """One flow over three links, the middle one lossy in the flow's direction, by packet."""
    net = line(2)
    a_byte = np.zeros(net.ports)
    a_byte[2 * net.hosts] = 1 - (1 - loss) ** (1 / MTU)
    net = line(2, loss=a_byte, retry_s=np.full(net.ports, retry_s))
    fields: dict[str, Any] = {"control": "none", "balance": "one_path", "queues": "drop", "rto_s": 1e-3}
    window = 16.0 * MTU
    transport = Transport(**{**fields, "window_bytes": window, "ack_every_bytes": 1, **changes})
    simulation = Simulation(net, transport, flows((0, 1, PACKETS * PAYLOAD)))
    simulation.run()
    assert simulation.world.done == 1
    return simulation


def _sent(simulation: Simulation) -> int:
    return PACKETS + int(simulation.tables["senders"].again[0])


@pytest.mark.parametrize("loss", [0.002, 0.01])
def test_selective_repeat_sends_again_what_was_lost(loss: float) -> None:
    simulation = _run(loss, recovery="selective")
    lost = int(simulation.tables["tally"].lost.sum())
    assert lost == pytest.approx(PACKETS * loss, abs=4 * np.sqrt(PACKETS * loss))
    # Each loss is sent again once, and nothing else but what a time-out takes for lost
    assert lost <= simulation.tables["senders"].again[0] <= lost + 16 * simulation.tables["senders"].timeouts[0]
    assert simulation.tables["receivers"].bytes[0] == PACKETS * MTU


@pytest.mark.parametrize("loss", [0.002, 0.01])
def test_go_back_n_sends_again_a_round_trip_for_each_loss(loss: float) -> None:
    simulation = _run(loss, recovery="go_back_n")
    lost = int(simulation.tables["tally"].lost.sum())
    again = int(simulation.tables["senders"].again[0])
    # From the loss to its report a round trip's worth is sent, of which the window is the most
    assert simulation.tables["receivers"].bytes[0] == PACKETS * MTU
    assert 8 * lost < again <= 16 * lost + 16
    selective = _run(loss, recovery="selective")
    assert again > 5 * int(selective.tables["senders"].again[0])
    assert simulation.tables["senders"].end_ps[0] > selective.tables["senders"].end_ps[0]


def test_go_back_n_stays_within_its_window() -> None:
    window = 16
    net = line(2)
    a_byte = np.zeros(net.ports)
    a_byte[2 * net.hosts] = 1 - 0.98 ** (1 / MTU)
    transport = Transport(
        control="none", balance="one_path", queues="drop", recovery="go_back_n", window_bytes=float(window * MTU)
    )
    simulation = Simulation(line(2, loss=a_byte), transport, flows((0, 1, PACKETS * PAYLOAD)))
    sender, receiver = simulation.tables["senders"], simulation.tables["receivers"]
    for step in range(1, 10_000):
        simulation.run(step * 2e-6)
        assert 0 <= sender.in_flight[0] <= window * MTU
        # What was sent beyond what the receiver has is never more than the window
        assert sender.sent[0] - receiver.expected[0] <= window
    assert receiver.disordered[0] > 0
    assert simulation.world.done == 1


@pytest.mark.parametrize("cut_through", [False, True])
def test_a_link_that_repeats_hides_its_losses(cut_through: bool) -> None:
    loss, retry_s = 0.05, 2e-6
    # The receiver sees all in order; each loss costs the link its retry time and one more sending
    simulation = _run(loss, retry_s, window_bytes=1e9, queue_bytes=1 << 30, cut_through=cut_through)
    retried = int(simulation.tables["tally"].retried.sum())
    assert retried == pytest.approx(PACKETS * loss / (1 - loss), abs=4 * np.sqrt(PACKETS * loss))
    assert simulation.tables["senders"].again[0] == 0
    assert simulation.tables["receivers"].disordered[0] == 0
    sending_s = MTU / RATE_Bps
    expected = (PACKETS + 2) * sending_s + 3 * LATENCY_s + retried * (retry_s + sending_s)
    got_s = float(simulation.tables["senders"].got_ps[0]) / 1e12
    slack = 2 * (retry_s + sending_s)  # where the link was idle as it repeated; cut through: no wait for a whole packet
    assert got_s == pytest.approx(expected, abs=slack)


@pytest.mark.parametrize("cut_through", [False, True])
def test_losses_are_losses_where_switches_cut_through(cut_through: bool) -> None:
    # On the way into a switch that may cut through
    net = line(3)
    a_byte = np.zeros(net.ports)
    a_byte[[0, 2 * net.hosts]] = 1 - 0.99 ** (1 / MTU)
    transport = Transport(control="none", balance="one_path", queues="drop", cut_through=cut_through, rto_s=1e-3)
    simulation = Simulation(line(3, loss=a_byte), transport, flows((0, 2, PACKETS * PAYLOAD)))
    simulation.run()
    lost = int(simulation.tables["tally"].lost.sum())
    assert lost == pytest.approx(2 * PACKETS * 0.01, abs=4 * np.sqrt(2 * PACKETS * 0.01))
    # Cut through, a packet may be hit twice
    assert simulation.tables["senders"].again[0] >= lost - 5
    assert simulation.world.done == 1


def test_the_last_packet_is_found_missing_by_time() -> None:
    # One packet, lost with certainty until the link is mended
    net = line(2)
    a_byte = np.zeros(net.ports)
    a_byte[2 * net.hosts] = 0.5
    transport = Transport(control="none", balance="one_path", queues="drop", rto_s=100e-6)
    simulation = Simulation(line(2, loss=a_byte), transport, flows((0, 1, PAYLOAD)))
    simulation.run(250e-6)
    assert simulation.tables["senders"].again[0] == 2
    simulation.tables["ports"].lossy[:] = 0
    simulation.run()
    round_trip_ps = 3 * (MTU + 64) * 80 + 6 * round(LATENCY_s * 1e12)
    assert simulation.tables["senders"].end_ps[0] == 300_000_000 + round_trip_ps
    assert simulation.tables["senders"].timeouts[0] == 3
