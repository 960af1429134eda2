"""What is sent is received, dropped or lost, byte by byte, and one path keeps its order, on random networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packet_networks import Flows, PacketNetwork, Simulation, network

from weft.engines.packet import code_kernels
from weft.engines.packet.presets import PRESETS, preset
from weft.engines.packet.transport import Transport

MOST = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def trees(draw: Any, **columns: Any) -> PacketNetwork:
    """Switches in a random tree (no circles to wait in), hosts anywhere, links of a few rates and latencies."""
    switches = draw(st.integers(1, 5))
    cables = [(draw(st.integers(0, i - 1)), i) for i in range(1, switches)] * draw(st.integers(1, 2))
    hosts = draw(st.lists(st.integers(0, switches - 1), min_size=2, max_size=6))
    ports = 2 * len(hosts) + 2 * len(cables)
    rates = draw(st.lists(st.sampled_from([12.5e9, 25e9, 50e9]), min_size=ports, max_size=ports))
    latencies = draw(st.lists(st.sampled_from([0.1e-6, 0.5e-6, 2e-6]), min_size=ports, max_size=ports))
    if draw(st.booleans()):
        rates = [rates[0]] * ports
    return network(hosts, cables, **{"rate_Bps": np.array(rates), "latency_s": np.array(latencies), **columns})


@st.composite
def traffic(draw: Any, hosts: int, classes: int = 1) -> Flows:
    """A few flows of a few hundred packets at most, within some microseconds."""
    count = draw(st.integers(1, 8))
    src = [draw(st.integers(0, hosts - 1)) for _ in range(count)]
    dst = [draw(st.integers(0, hosts - 2)) for _ in range(count)]
    size = [draw(st.integers(1, 1_000_000)) for _ in range(count)]
    start = [draw(st.integers(0, 50)) * 1e-6 for _ in range(count)]
    level = [draw(st.integers(0, classes - 1)) for _ in range(count)]
    a = np.array(src)
    b = np.array(dst) + (np.array(dst) >= a)
    return Flows(a, b, np.array(size), np.array(start), np.array(level))


def _wire_bytes(simulation: Simulation) -> np.ndarray:
    t, size = simulation.settings.transport, simulation.flows.size_bytes
    return size + -(-size // (t.mtu_bytes - t.header_bytes)) * t.header_bytes


def _check_all_accounted_for(simulation: Simulation) -> None:
    """At the end nothing is held, all has come, and counts add up."""
    w, tables = simulation.world, simulation.tables
    assert w.done == len(simulation.flows) and w.running == 0
    assert w.free_packets == w.packet_rows
    assert tables["ports"].queued.sum() == 0
    assert tables["queues"]["count"].sum() == 0 and tables["queues"].bytes.sum() == 0
    assert tables["inlets"].bytes.sum() == 0
    assert tables["switches"].held.sum() == 0
    assert tables["receivers"].bytes.tolist() == _wire_bytes(simulation).tolist()
    packets = -(-simulation.flows.size_bytes // (simulation.settings.transport.mtu_bytes - 64))
    assert w.new_packets == packets.sum()
    blank = Simulation(simulation.network, simulation.settings.transport, simulation.flows)
    assert tables["inlets"].credit.tolist() == blank.tables["inlets"].credit.tolist()


@pytest.mark.parametrize("name", sorted(PRESETS))
@MOST
@given(data=st.data())
def test_nothing_is_made_or_lost(name: str, data: Any) -> None:
    net = data.draw(trees())
    simulation = Simulation(net, preset(name), data.draw(traffic(net.hosts)))
    assert simulation.run() == code_kernels.FINISHED
    _check_all_accounted_for(simulation)
    w, tables = simulation.world, simulation.tables
    again, dropped = int(tables["senders"].again.sum()), int(tables["tally"].dropped.sum())
    if not simulation.settings.grants_follow_marks:  # which forgets counts
        # Data packets sent, and sent again, are those that came (whole or as headers) and those dropped
        assert w.new_packets + again == tables["hosts"].came.sum() + dropped
    if PRESETS[name].fields.get("queues") in ("pause", "credit"):
        assert dropped == 0 and again == 0
        # All that goes into a switch comes out of it
        ports = tables["ports"]
        for switch in range(net.switches):
            into, out = ports.sent_bytes[ports.to == switch].sum(), ports.sent_bytes[ports.node == switch].sum()
            assert into == out


@MOST
@given(data=st.data())
def test_one_path_keeps_its_order(data: Any) -> None:
    net = data.draw(trees())
    queues = data.draw(st.sampled_from(["pause", "credit"]))
    weights = data.draw(st.sampled_from([(0.0,), (1.0, 2.0), (0.0, 1.0, 1.0)]))
    transport = Transport(
        control=data.draw(st.sampled_from(["none", "dctcp", "dcqcn", "hpcc", "timely", "swift", "nscc"])),
        balance="one_path",
        queues=queues,
        class_weights=weights,
        lanes=data.draw(st.integers(1, 3)),
        cut_through=data.draw(st.booleans()),
        recovery=data.draw(st.sampled_from(["go_back_n", "selective"])),
        shared_bytes=data.draw(st.sampled_from([None, 300_000])),
        rto_s=0.067,
    )
    simulation = Simulation(net, transport, data.draw(traffic(net.hosts, len(weights))))
    simulation.run()
    _check_all_accounted_for(simulation)
    receivers = simulation.tables["receivers"]
    assert receivers.disordered.sum() == 0 and receivers.duplicates.sum() == 0
    assert simulation.tables["senders"].again.sum() == 0


@MOST
@given(data=st.data())
def test_random_loss_ends_with_all_bytes(data: Any) -> None:
    net = data.draw(trees())
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    loss = np.where(rng.random(net.ports) < 0.3, 2.4e-6, 0.0)  # a packet in a hundred
    retry_s = np.where(rng.random(net.ports) < data.draw(st.sampled_from([0.0, 0.5])), 1e-6, 0.0)
    net = PacketNetwork(
        "lossy", net.host_switch, net.link_src, net.link_dst, net.rate_Bps, net.latency_s, loss=loss, retry_s=retry_s
    )
    transport = Transport(
        control=data.draw(st.sampled_from(["none", "nscc", "dctcp", "swift"])),
        balance=data.draw(st.sampled_from(["one_path", "oblivious"])),
        queues=data.draw(st.sampled_from(["drop", "trim", "pause", "credit"])),
        recovery=data.draw(st.sampled_from(["go_back_n", "selective"])),
        receiver_driven=data.draw(st.booleans()),
        cut_through=data.draw(st.booleans()),
        rto_s=200e-6,
    )
    simulation = Simulation(net, transport, data.draw(traffic(net.hosts)))
    simulation.run()
    _check_all_accounted_for(simulation)
    assert (simulation.tables["senders"].in_flight >= 0).all()


def test_the_same_seed_gives_the_same_bytes() -> None:
    net = network([0, 0, 1, 1], [(0, 1)] * 2)
    sent = Flows(np.array([0, 1, 2]), np.array([2, 3, 1]), np.array([10**6] * 3), np.zeros(3))
    runs = []
    for _ in range(2):
        simulation = Simulation(net, preset("uec"), sent)
        simulation.run()
        runs.append((simulation.tables["senders"].tobytes(), simulation.tables["ports"].sent_bytes.tolist()))
    assert runs[0] == runs[1]
