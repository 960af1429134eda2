"""Times of a flow that is alone on its way: closed forms, to the picosecond."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import LATENCY_s, Simulation, flows, line

from weft.engines.packet.transport import Transport

PS_PER_BYTE = 80
LATENCY_ps = round(LATENCY_s * 1e12)
MTU, HEADER = 4150, 64


def _times(switches: int, size: int, cut_through: bool) -> tuple[int, int]:
    """When the receiver has all, and when the sender knows, ps."""
    transport = Transport(
        control="none", balance="one_path", queues="drop", window_bytes=1e9, cut_through=cut_through, rto_s=1e-2
    )
    simulation = Simulation(line(switches), transport, flows((0, switches - 1, size)))
    simulation.run()
    sender = simulation.tables["senders"][0]
    return int(sender.got_ps), int(sender.end_ps)


@pytest.mark.parametrize("switches", [2, 3, 6])
@pytest.mark.parametrize("size", [1, 4086, 4087, 50 * 4086, 10 * 4086 + 77])
def test_store_and_forward(switches: int, size: int) -> None:
    # n packets over L links: the first L - 1 sendings of a full packet, then all in a row, and each link's latency
    links, packets = switches + 1, -(-size // (MTU - HEADER))
    last = size - (packets - 1) * (MTU - HEADER) + HEADER
    if packets == 1:
        got = links * last * PS_PER_BYTE + links * LATENCY_ps
    else:
        got = (packets - 1 + links - 1) * MTU * PS_PER_BYTE + last * PS_PER_BYTE + links * LATENCY_ps
    back = links * HEADER * PS_PER_BYTE + links * LATENCY_ps
    assert _times(switches, size, cut_through=False) == (got, got + back)


@pytest.mark.parametrize("switches", [2, 3, 6])
@pytest.mark.parametrize("size", [4086, 50 * 4086, 10 * 4086 + 77])
def test_cut_through(switches: int, size: int) -> None:
    # Each switch waits for a header alone
    links, packets = switches + 1, -(-size // (MTU - HEADER))
    last = size - (packets - 1) * (MTU - HEADER) + HEADER
    sent = ((packets - 1) * MTU + last) * PS_PER_BYTE
    got = sent + (links - 1) * HEADER * PS_PER_BYTE + links * LATENCY_ps
    back = links * HEADER * PS_PER_BYTE + links * LATENCY_ps
    assert _times(switches, size, cut_through=True) == (got, got + back)


def test_the_slowest_link_sets_the_pace() -> None:
    # The second of three links has a quarter of the rate: packets go out of it in a row
    network = line(2)
    rate = np.array(network.rate_Bps)
    rate[2 * network.hosts :] /= 4
    transport = Transport(control="none", balance="one_path", queues="drop", queue_bytes=10**8, window_bytes=1e9)
    simulation = Simulation(line(2, rate_Bps=rate), transport, flows((0, 1, 20 * 4086)))
    simulation.run()
    got = (MTU + 20 * 4 * MTU + MTU) * PS_PER_BYTE + 3 * LATENCY_ps
    assert int(simulation.tables["senders"].got_ps[0]) == got


def test_a_window_lets_through_one_window_a_round_trip() -> None:
    # Two packets a round trip, each acknowledged: n / 2 round trips
    transport = Transport(
        control="none", balance="one_path", queues="drop", window_bytes=2.0 * MTU, ack_every_bytes=1, rto_s=1e-2
    )
    simulation = Simulation(line(2), transport, flows((0, 1, 20 * 4086)))
    simulation.run()
    round_trip = 3 * (MTU + HEADER) * PS_PER_BYTE + 6 * LATENCY_ps
    end = 10 * round_trip + MTU * PS_PER_BYTE  # the second of each pair follows the first
    assert int(simulation.tables["senders"].end_ps[0]) == end
