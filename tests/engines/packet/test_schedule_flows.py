"""Collectives step by step: messages that wait for messages, against times of single messages worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fluid_cases import cluster
from packet_networks import LATENCY_s, RATE_Bps, star

from weft.collectives import halving_doubling, ring
from weft.engines.packet.drive import run_flows
from weft.engines.packet.of_fabric import of_fabric
from weft.engines.packet.presets import preset
from weft.engines.packet.schedule_flows import flows_of
from weft.errors import ConfigError
from weft.fabric.tables import Kind

TRANSPORT = preset("fixed_window")
PAYLOAD, MTU = 4086, 4150


def message_s(packets: int) -> float:
    """Full packets over two links: one after another on the first, the last then on the second."""
    return (packets + 1) * MTU / RATE_Bps + 2 * LATENCY_s


@pytest.mark.parametrize("ranks", [2, 3, 8])
@pytest.mark.parametrize(("kind", "rounds"), [("all_reduce", 2), ("all_gather", 1), ("reduce_scatter", 1)])
def test_steps_of_a_ring_wait_for_each_other(ranks: int, kind: str, rounds: int) -> None:
    size = 10 * PAYLOAD * ranks
    flows = flows_of(ring.schedule(kind, ranks, size), range(ranks))
    assert len(flows) == rounds * (ranks - 1) * ranks
    found = run_flows(star(ranks), TRANSPORT, flows, at_receipt=True)
    assert not found.unfinished
    steps = rounds * (ranks - 1)
    # Answers to the step before share the ports: an ack of 64 B each way and step may go first.
    assert found.flow["received_s"].max() == pytest.approx(steps * message_s(10), rel=0.02)
    assert found.flow["received_s"].max() >= steps * message_s(10) * (1 - 1e-9)
    step = np.array([int(name.split(":")[0].split()[1]) for name in flows.names])
    for rank in range(ranks):
        for number in range(1, steps):
            begins = found.flow["start_s"][(step == number) & (flows.src == rank)]
            came = found.flow["received_s"][(step == number - 1) & (flows.dst == rank)]
            assert begins == pytest.approx(came, abs=1e-12)


def test_halving_and_doubling() -> None:
    """8, 4, 2 and again 2, 4, 8 packets to partners: each step waits for the one before."""
    flows = flows_of(halving_doubling.schedule("all_reduce", 8, 16 * PAYLOAD), range(8))
    found = run_flows(star(8), TRANSPORT, flows, at_receipt=True)
    want = 2 * sum(message_s(packets) for packets in (8, 4, 2))
    assert found.flow["received_s"].max() == pytest.approx(want, rel=0.02)


def test_a_straggler_holds_up_the_ring() -> None:
    """One flow that begins late: the whole ring ends that much later."""
    whole = flows_of(ring.schedule("all_gather", 4, 40 * PAYLOAD), range(4))
    late = whole.start_s.copy()
    late[0] = 1e-3
    on_time = run_flows(star(4), TRANSPORT, whole, at_receipt=True)
    held = run_flows(star(4), TRANSPORT, replace(whole, start_s=late), at_receipt=True)
    delay_s = held.flow["received_s"].max() - on_time.flow["received_s"].max()
    assert delay_s == pytest.approx(1e-3, rel=0.05)


def test_a_ring_on_a_fabric_is_as_long_as_one_flow_for_all_steps_and_the_ways_of_steps() -> None:
    fabric = cluster(4)
    made = of_fabric(fabric)
    ranks = fabric.rows(Kind.ACCELERATOR)[::8]
    pairs = made.pairs(made.router(), ranks, np.roll(ranks, -1))
    size, steps = 4e6, 6
    flows = flows_of(ring.schedule("all_reduce", 4, size), pairs.src.tolist())
    found = run_flows(made.network, TRANSPORT, flows, at_receipt=True)
    wire_s = 1e6 / PAYLOAD * MTU / float(made.network.rate_Bps[pairs.src[0]])
    way_s = float(made.latency_s(pairs.src[:1], pairs.dst[:1])[0])
    assert found.flow["received_s"].max() == pytest.approx(steps * (wire_s + way_s), rel=0.01)


def test_every_member_needs_a_host() -> None:
    with pytest.raises(ConfigError, match="3 hosts for 4 members"):
        flows_of(ring.schedule("all_reduce", 4, 1e6), range(3))
