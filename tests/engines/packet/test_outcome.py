"""What a simulation tells: times against a pipeline worked out packet by packet, counts against each other."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import packet_networks as nets
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weft
from weft.engines.packet.api import packet
from weft.engines.packet.drive import run_flows
from weft.engines.packet.fat_tree import FatTree, Tier, regular
from weft.engines.packet.flows import Flows, Trigger, incast, permutation
from weft.engines.packet.outcome import REASONS
from weft.engines.packet.presets import preset
from weft.engines.packet.samples import Sampler, Sampling
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.summary import mean_of
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError, InfeasibleError
from weft.report.machine import to_json

MTU, HEADER, ACK = 4150, 64, 64
NET = regular(8, 2, 12.5e9)
PAUSED = preset("roce_dcqcn", xoff_bytes=5 * MTU)


def pipeline_s(sizes: list[int], rates_Bps: list[float], waits_s: list[float]) -> float:
    """When the last of some packets is in at the end of a chain of links: each link sends one packet after another."""
    at = [0.0] * len(sizes)
    for rate, wait in zip(rates_Bps, waits_s, strict=True):
        free, out = 0.0, []
        for size, come in zip(sizes, at, strict=True):
            free = max(free, come) + size / rate
            out.append(free + wait)
        at = out
    return at[-1]


@given(
    size=st.integers(1, 60_000),
    rates=st.lists(st.sampled_from([1.25e9, 5e9, 12.5e9, 50e9]), min_size=3, max_size=3),
    waits=st.lists(st.integers(0, 3000), min_size=6, max_size=6),
)
@example(size=4087, rates=[1.25e9, 1.25e9, 5e9], waits=[0] * 6)
@settings(max_examples=100, deadline=None)
def test_a_flow_by_itself_takes_its_ideal_time(size: int, rates: list[float], waits: list[int]) -> None:
    """Two hosts at two switches; every link its own rate and latency, and a window that bounds nothing."""
    # Ports: up from each host, down to each, and the cable both ways
    rate = np.array([rates[0], rates[2], rates[0], rates[2], rates[1], rates[1]])
    wait = np.array(waits) * 1e-9
    network = nets.network([0, 1], [(0, 1)], rate_Bps=rate, latency_s=wait)
    transport = Transport(control="none", queues="drop", window_bytes=2e9, queue_bytes=1 << 30, rto_s=1.0)
    found = run_flows(network, transport, nets.flows((0, 1, size)))
    payload = MTU - HEADER
    sizes = [MTU] * ((size - 1) // payload)
    sizes.append(size - len(sizes) * payload + HEADER)
    there = pipeline_s(sizes, rates, [wait[0], wait[4], wait[3]])
    back = pipeline_s([ACK], rates[::-1], [wait[1], wait[5], wait[2]])
    assert found.flow["ideal_fct_s"][0] == pytest.approx(there + back, rel=1e-9)
    assert found.flow["received_s"][0] == pytest.approx(there, rel=1e-6)
    if found.settings.bdp_bytes * 2 > size:  # else sequence numbers may run out of rows before acknowledgements come
        # A last packet that is short comes close behind another, and so does its acknowledgement
        late_s = found.flow["fct_s"][0] - found.flow["ideal_fct_s"][0]
        assert -1e-11 <= late_s <= 2 * ACK / min(rates) + 1e-11


@pytest.mark.parametrize("size", [1, 4086, 4087, 1_000_000])
def test_switches_that_cut_through_save_all_but_headers(size: int) -> None:
    found = packet(nets.flows((0, 7, size)), NET, preset("uec_nscc", cut_through=True))
    stored = packet(nets.flows((0, 7, size)), NET, preset("uec_nscc"))
    assert found.flow["slowdown"][0] == pytest.approx(1.0, rel=1e-6)
    first = min(size + HEADER, MTU)  # what crosses three switches behind its header only, where it was stored before
    last = size - (size - 1) // (MTU - HEADER) * (MTU - HEADER) + HEADER
    saved = stored.flow["fct_s"][0] - found.flow["fct_s"][0]
    assert 3 * (min(first, last) - HEADER) / 12.5e9 <= saved + 1e-12
    assert saved <= 3 * (first - HEADER) / 12.5e9 + 1e-12


def test_the_best_of_equal_ways_is_the_ideal() -> None:
    """A degraded spine does not make the ideal slower: another is as near."""
    slow = NET.network(degraded=1)
    found = packet(nets.flows((0, 7, 100_000)), slow)
    assert found.flow["ideal_fct_s"][0] == pytest.approx(
        packet(nets.flows((0, 7, 100_000)), NET).flow["ideal_fct_s"][0]
    )


@pytest.mark.parametrize("name", ["uec_nscc", "uec_rccc", "uec", PAUSED, "dctcp", "infiniband"])
def test_tables_add_up(name: str | Transport) -> None:
    found = packet(incast(7, 200_000), NET, name)
    t, flow, port = found.settings.transport, found.flow, found.port
    assert found.ended.all()
    assert not found.unfinished
    payload = t.mtu_bytes - t.header_bytes
    assert (flow["packets"] == -(-flow["size_bytes"] // payload)).all()
    assert (flow["start_s"] < flow["received_s"]).all()
    assert (flow["received_s"] <= flow["end_s"]).all()
    assert flow["fct_s"] == pytest.approx(flow["end_s"] - flow["start_s"])
    assert flow["goodput_Bps"] == pytest.approx(flow["size_bytes"] / flow["fct_s"])
    assert (flow["slowdown"] >= 1 - 1e-9).all()
    wire = int((flow["size_bytes"] + flow["packets"] * t.header_bytes).sum())
    into = port["sent_bytes"][found.network.hosts]  # the port that leads to host 0
    assert into >= wire
    assert (port["utilisation"] <= 1 + 1e-9).all()
    assert port["utilisation"][found.network.hosts] == pytest.approx(into / 12.5e9 / found.simulated_s, rel=1e-9)
    if t.queues == "trim":
        assert port["most_queued_bytes"].max() <= found.settings.queue_bytes
        assert int(flow["nacks"].sum()) <= int(port["trimmed"].sum())
        assert port["trimmed"].sum() > 0
    if t.queues == "pause":
        assert port["pauses"].sum() > 0
        assert 0 < port["paused_s"].max() <= found.simulated_s * (1 + 1e-9)
        assert port["dropped"].sum() == 0
    if t.balance == "one_path" and t.switch_choice == "hashed" and not flow["retransmissions"].any():
        assert flow["disordered"].sum() == 0


def test_the_summary_is_what_the_tables_say() -> None:
    found = packet(permutation(8, 300_000, seed=3), NET)
    answer = json.loads(to_json(found.to_dict()))
    assert answer["schema"] == "weft.packet/1"
    contract = {"flows", "fct_s", "packets", "retransmissions", "packet_hops", "simulated_s", "wall_s"}
    assert contract <= set(answer)
    fct_s = sorted(found.flow["fct_s"].tolist())
    assert list(answer["fct_s"]) == ["min", "mean", "p50", "p99", "max"]
    assert answer["fct_s"]["min"] == fct_s[0]
    assert answer["fct_s"]["mean"] == pytest.approx(sum(fct_s) / 8)
    assert answer["fct_s"]["p50"] == pytest.approx((fct_s[3] + fct_s[4]) / 2)
    assert answer["fct_s"]["p99"] == pytest.approx(fct_s[6] + 0.93 * (fct_s[7] - fct_s[6]))
    assert answer["simulated_s"] == answer["fct_s"]["max"]
    assert answer["goodput_Bps"]["all_flows"] == pytest.approx(8 * 300_000 / fct_s[-1])
    assert answer["packet_hops"] >= 2 * answer["packets"]
    assert answer["transport"]["queue_bytes"] == found.settings.queue_bytes


def test_means_over_seeds_are_means() -> None:
    runs = [packet(permutation(8, 100_000), NET, preset("uec_nscc", seed=seed)).to_dict() for seed in (1, 2, 3)]
    joined = mean_of(runs)
    assert joined["fct_s"]["p99"] == pytest.approx(sum(run["fct_s"]["p99"] for run in runs) / 3)
    assert [run["seed"] for run in joined["seeds"]] == [1, 2, 3]
    assert len({run["fct_s"]["mean"] for run in joined["seeds"]}) > 1
    assert joined["wall_s"] == pytest.approx(sum(run["wall_s"] for run in runs))


# --- flows that do not end


def test_why_flows_did_not_end() -> None:
    flows = Flows(
        src=np.array([0, 1, 2, 3]),
        dst=np.array([4, 5, 6, 7]),
        size_bytes=np.array([1000, 10_000_000, 1000, 1000]),
        start_s=np.array([0.0, 0.0, 1.0, 0.0]),
        triggers=[Trigger((3,), need=2)],
        fires=[(0, 0)],
    )
    found = run_flows(NET.network(), Transport(), flows, until_s=50e-6)
    assert found.unfinished == {1: REASONS[0], 2: REASONS[1], 3: REASONS[2]}
    answer = json.loads(to_json(found.to_dict()))
    assert answer["unfinished"]["flows"] == 3
    assert answer["unfinished"]["such_as"] == ["1->5", "2->6", "3->7"]
    assert found.simulated_s <= 50e-6
    assert found.tables()["flows"]["fct_s"][1] is None
    assert found.tables()["flows"]["unfinished"] == [None, REASONS[0], REASONS[1], REASONS[2]]
    # Without a limit those that wait in vain are all that is left
    whole = run_flows(NET.network(), Transport(), flows)
    assert whole.unfinished == {3: REASONS[2]}


def test_nothing_ended_is_an_answer_too() -> None:
    answer = run_flows(NET.network(), Transport(), nets.flows((0, 7, 10_000_000)), until_s=1e-6).to_dict()
    assert answer["fct_s"] == dict.fromkeys(("min", "mean", "p50", "p99", "max"))
    to_json(mean_of([answer, answer]))


def test_hosts_that_are_cut_off_are_named() -> None:
    network = nets.line(3)
    with pytest.raises(InfeasibleError, match=r"host0 cannot reach host2: .* the flow has no way"):
        run_flows(network.without([2, 3]), Transport(), nets.flows((0, 2, 1000)))
    both = nets.flows((0, 2, 1000), (0, 1, 1000), (2, 0, 1000))
    with pytest.raises(InfeasibleError, match="2 of 3 flows have no way"):
        run_flows(network.without([2, 3]), Transport(), both)
    assert run_flows(network.without([2, 3]), Transport(), nets.flows((0, 1, 1000))).ended.all()


def test_no_bytes_cross_a_link_that_is_down() -> None:
    whole = NET.network()
    network = whole.without([0, 1])
    found = run_flows(network, Transport(), permutation(8, 200_000))
    assert found.ended.all()
    assert found.port["sent_bytes"][[16, 17]].tolist() == [0, 0]
    assert run_flows(whole, Transport(), permutation(8, 200_000)).port["sent_bytes"][16] > 0


# --- over time


@pytest.mark.parametrize("every_s", [0.3e-6, 7e-6, 1e-3])
def test_samples_change_nothing_and_add_up(every_s: float) -> None:
    flows, network = incast(7, 200_000), NET.network()
    plain = run_flows(network, PAUSED, flows)
    found = run_flows(network, PAUSED, flows, sampling=Sampling(every_s, None, flows=True))
    assert found.flow["end_s"].tolist() == plain.flow["end_s"].tolist()
    assert found.port["sent_bytes"].tolist() == plain.port["sent_bytes"].tolist()
    samples = found.samples
    assert samples is not None
    assert sorted(samples.port.tolist()) == list(range(network.ports))
    assert (np.diff(samples.time_s) > 0).all()
    assert samples.time_s[-1] == pytest.approx(found.simulated_s)
    length_s = np.diff(samples.time_s, prepend=0.0)[:, None]
    sent = (samples.utilisation * length_s).sum(axis=0) * network.rate_Bps[samples.port]
    late = found.port["sent_bytes"][samples.port] - sent  # an acknowledgement may still be under way at the end
    assert (late >= -1).all()
    assert (late <= 2 * MTU).all()
    paused = (samples.paused_x * length_s).sum(axis=0)
    assert paused == pytest.approx(found.port["paused_s"][samples.port], abs=2e-6)
    assert samples.utilisation.max() <= 1 + 1e-12
    assert samples.queued_bytes.max() <= found.port["most_queued_bytes"].max() + MTU
    assert samples.in_flight_bytes is not None
    assert np.nanmin(samples.in_flight_bytes, initial=0) >= 0


def test_what_is_kept_has_the_deepest_queues() -> None:
    found = run_flows(NET.network(), Transport(), incast(7, 200_000), sampling=Sampling(1e-6, 2))
    assert found.samples is not None
    assert found.network.port_name(int(found.samples.port[0])) == "leaf0 -> host0"
    assert found.samples.queued_bytes.shape[1] == 2


def test_memory_is_bounded_by_sampling_less_often() -> None:
    """With room for eight samples: the interval doubles; bytes are still all there, and the longest queue stays."""
    simulation = Simulation(NET.network(), Transport(), incast(7, 200_000))
    small, fine = (Sampler(simulation, Sampling(1e-6, None), most) for most in (1, 1 << 26))
    for step in range(1, 101):
        simulation.run(step * 1e-6)
        fine.take(step * 1e-6)
        if step * 1e-6 >= small.next_s - 1e-12:
            small.take(step * 1e-6)
    coarse, every = small.finish(100e-6), fine.finish(100e-6)
    assert len(coarse.time_s) <= 8
    assert coarse.every_s == 16e-6
    assert all(later - earlier == pytest.approx(16e-6) for earlier, later in pairwise(coarse.time_s[:-1]))
    order = np.argsort(coarse.port), np.argsort(every.port)
    sums = [
        (s.utilisation * np.diff(s.time_s, prepend=0.0)[:, None]).sum(axis=0)[o]
        for s, o in zip((coarse, every), order, strict=True)
    ]
    assert sums[0] == pytest.approx(sums[1])


@pytest.mark.parametrize(
    ("every_s", "ports", "says"), [(0.0, 1, "sample"), (float("nan"), 1, "sample"), (1e-6, 0, "sample_ports")]
)
def test_sampling_that_has_no_meaning(every_s: float, ports: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Sampling(every_s, ports)


# --- from Python


def test_the_public_function_takes_paths_objects_and_names(root: Path) -> None:
    folder = root / "examples/packet"
    found = weft.packet(folder / "incast.cm", folder / "leaf-spine.topo", "rccc")
    assert found.ended.all()
    assert found.settings.transport.receiver_driven
    assert weft.packet(incast(7, 1000), NET.network(), Transport(control="none")).ended.all()
    assert weft.packet(permutation(8, 1000), NET, "eqds").ended.all()


def test_the_same_call_gives_the_same_bytes() -> None:
    first, again = (packet(permutation(8, 200_000), NET, "uec_nscc").to_dict() for _ in range(2))
    assert {**first, "wall_s": 0} == {**again, "wall_s": 0}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: packet(permutation(8, 1000)), "give a network"),
        (lambda: packet(permutation(8, 1000), NET, "ucc_nscc"), "did you mean 'uec_nscc'?"),
        (lambda: packet(permutation(8, 1000), NET.network(), degraded=1), "FatTree"),
        (lambda: packet(permutation(16, 1000), NET), "there is no host"),
        (lambda: packet(nets.flows((0, 1, 1 << 62)), NET), "flow 0 has"),
        (lambda: packet(nets.flows((0, 1, 0)), NET), "flow 0 has 0 bytes"),
        (lambda: packet(nets.flows((0, 0, 5)), NET), "to itself"),
        (lambda: packet(permutation(8, 1000), NET, until_s=0), "after the start"),
        (lambda: packet(permutation(8, 1000), NET, until_s=float("nan")), "after the start"),
        (lambda: packet(Flows(*(np.zeros(0, np.int64),) * 3, np.zeros(0)), NET), "no flows"),
        (lambda: packet(permutation(8, 9), FatTree(8, 8, (Tier(0.0, 0, 4, 4), Tier(1.0, 0, 2)))), "no rate"),
    ],
)
def test_what_cannot_be_simulated_is_said(call: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        call()  # type: ignore[operator]
