"""Receivers that grant credit: an incast at line rate, with no more losses than the first window's."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, flows, received, star, watch

from weft.engines.packet.flows import incast
from weft.engines.packet.presets import preset

PAYLOAD_X = 4086 / 4150


@pytest.mark.parametrize("name", ["eqds", "uec_rccc", "uec"])
@pytest.mark.parametrize("senders", [8, 64])
def test_incast_is_at_line_rate_and_loses_nothing_after_the_first_window(name: str, senders: int) -> None:
    size = 2_000_000
    simulation = Simulation(star(senders + 1), preset(name), incast(senders, size))
    rtt_s = simulation.settings.rtt_s
    window = simulation.world.max_window

    def look(s: Simulation) -> tuple[int, int, int]:
        tally = s.tables["tally"]
        return int(tally.trimmed.sum()), int(tally.dropped.sum()), int(received(s).sum())

    # All first windows have arrived, trimmed or whole, when as many headers and one queue have passed the port
    settled_s = 2 * rtt_s + senders * window / 4150 * 64 / RATE_Bps + simulation.settings.queue_bytes / RATE_Bps
    seen = np.array([[0, 0, 0], *watch(simulation, settled_s, 100 * rtt_s, look)])
    packets = senders * size / 4086
    assert seen[-1, 0] - seen[2, 0] <= 0.001 * packets  # hardly a packet is trimmed after
    assert seen[:, 1].max() == 0
    assert seen[1, 0] <= senders * window / 4150
    rates = np.diff(seen[2:, 2]) / settled_s / RATE_Bps
    simulation.run()
    # Receivers grant 0.99 of their rate; headers and answers of the first window take a little
    whole_s = senders * size / PAYLOAD_X / RATE_Bps
    assert simulation.tables["senders"].end_ps.max() / 1e12 < whole_s / 0.97 + 3 * rtt_s
    assert rates.mean() > 0.98 and rates[3:].min() > 0.95  # windows take a few round trips to settle
    ends = simulation.tables["senders"].end_ps
    assert ends.min() > 0.9 * ends.max()  # and fair


def test_ndp_keeps_queues_of_eight_packets() -> None:
    simulation = Simulation(star(33), preset("ndp"), incast(32, 1_000_000))
    most = max(watch(simulation, 1e-6, 2e-3, lambda s: int(s.tables["ports"].queued[s.network.hosts])))
    assert most <= 8 * 9216
    simulation.run()
    whole_s = 32 * 1_000_000 * 9216 / (9216 - 64) / RATE_Bps
    assert simulation.tables["senders"].end_ps.max() / 1e12 < whole_s / 0.98
    tally = simulation.tables["tally"]
    assert tally.dropped.sum() == 0
    # All that was trimmed is of the first windows, and each was sent once again
    assert tally.trimmed.sum() == simulation.tables["senders"].again.sum() <= 32 * simulation.world.max_window / 9216


def test_receivers_serve_flows_by_turns() -> None:
    # A short flow that comes late to a long one has half of the rate at once
    simulation = Simulation(star(3), preset("eqds"), flows((0, 2, 10**8), (1, 2, 2_000_000, 1e-3)))
    simulation.run()
    took_s = float(simulation.tables["senders"].end_ps[1] - simulation.tables["senders"].start_ps[1]) / 1e12
    half_s = 2 * 2_000_000 / PAYLOAD_X / RATE_Bps
    assert took_s == pytest.approx(half_s, rel=0.08)


def test_a_trimmed_flow_waits_until_others_ask_for_no_credit() -> None:
    """A packet trimmed before its flow asked for anything gets credit when the receiver has some to spare.

    As in htsim_uec: the receiver learns that a packet was trimmed, but not how much its sender has left, and the sender
    sends no request for what it knows to be lost.
    """
    long = [(i, 33, 1_000_000) for i in range(32)]
    simulation = Simulation(star(34), preset("uec_rccc"), flows(*long, (32, 33, 1000, 4e-6)))
    simulation.run()
    senders = simulation.tables["senders"]
    assert senders.nacks[32] == senders.again[32] == 1 and senders.timeouts[32] == 0
    assert senders.end_ps[32] > senders.end_ps[:32].max()
