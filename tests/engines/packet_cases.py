"""Small packet simulations of all kinds, and what came of them in the kernels and in the reference."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from weft.engines.packet import faults
from weft.engines.packet.fat_tree import FatTree, Tier, regular
from weft.engines.packet.flows import Flows, Trigger
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.network import Reference as Sizes
from weft.engines.packet.reference import faults as reference_faults
from weft.engines.packet.reference.simulation import Reference
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.transport import Transport
from weft.errors import DeadlockError

#: A few examples say whether a change is followed; with WEFT_EXAMPLES=100 there are a hundred times as many.
TIMES = int(os.environ.get("WEFT_EXAMPLES", "1"))
MTUS = (256, 1500, 4150, 9000)
FAST, SLOW = 50e9, 12.5e9  # B/s
Draw = Any


@dataclass(frozen=True)
class Change:
    """Links that carry something else from a time on, float64[ports], and whether switches know of it."""

    at_s: float
    rate_Bps: np.ndarray
    known: bool


@dataclass(frozen=True)
class Case:
    """One simulation.

    Attributes:
        ends_at_receipt: flows wait for others' receivers, and not their senders.
        changes: of links, in order of time.
    """

    network: PacketNetwork
    transport: Transport
    flows: Flows
    ends_at_receipt: bool = False
    changes: tuple[Change, ...] = ()


# --- networks


def wired(
    host_switch: list[int],
    cables: list[tuple[int, int]],
    rate: float | list[float] = FAST,
    latency_s: float | list[float] = 1e-6,
    **more: Any,
) -> PacketNetwork:
    """Hosts at switches, and cables between switches; rates and latencies of all ports, or of each."""
    ends = [end for a, b in cables for end in ((a, b), (b, a))]
    src, dst = (np.array([end[i] for end in ends], np.int32) for i in (0, 1))
    ports = 2 * len(host_switch) + len(ends)
    return PacketNetwork(
        name="case",
        host_switch=np.array(host_switch, np.int32),
        link_src=src,
        link_dst=dst,
        rate_Bps=np.broadcast_to(np.asarray(rate, float), ports).copy(),
        latency_s=np.broadcast_to(np.asarray(latency_s, float), ports).copy(),
        **more,
    )


def ring(switches: int, each: int = 1, **more: Any) -> PacketNetwork:
    """Switches in a ring."""
    hosts = [switch for switch in range(switches) for _ in range(each)]
    return wired(hosts, [(i, (i + 1) % switches) for i in range(switches)], **more)


def line(switches: int, each: int = 1, copies: int = 1, **more: Any) -> PacketNetwork:
    """Switches in a line, with so many cables between each two; of two, a dumbbell."""
    hosts = [switch for switch in range(switches) for _ in range(each)]
    return wired(hosts, [(i, i + 1) for i in range(switches - 1) for _ in range(copies)], **more)


@st.composite
def shapes(draw: Draw) -> PacketNetwork:
    kind = draw(st.sampled_from(["two", "three", "oversubscribed", "ring", "line", "dumbbell", "star", "any"]))
    latency = draw(st.sampled_from([0.0, 50e-9, 1e-6, 5e-6]))
    if kind == "two":
        return regular(8, 2, FAST, latency).network(degraded=draw(st.integers(0, 1)))
    if kind == "three":
        return regular(16, 3, FAST, latency, 1e-7).network(degraded=draw(st.integers(0, 2)))
    if kind == "oversubscribed":
        tiers = Tier(FAST, latency, 4, 2), Tier(SLOW, latency, 4, bundle=2)
        return FatTree(8, 8, tiers).network()
    if kind == "ring":
        return ring(draw(st.integers(3, 6)), draw(st.integers(1, 2)), latency_s=latency)
    if kind == "line":
        return line(draw(st.integers(2, 4)), 2, draw(st.integers(1, 3)), latency_s=latency)
    if kind == "dumbbell":
        return line(2, 4, draw(st.integers(1, 2)), latency_s=latency)
    if kind == "star":
        return wired([0] * 6, [], latency_s=latency)
    switches = draw(st.integers(2, 6))
    cables = [(draw(st.integers(0, i - 1)), i) for i in range(1, switches)]
    pair = st.tuples(st.integers(0, switches - 1), st.integers(0, switches - 1)).filter(lambda p: p[0] != p[1])
    cables += draw(st.lists(pair, max_size=6))
    hosts = draw(st.lists(st.integers(0, switches - 1), min_size=2, max_size=8))
    return wired(hosts, cables, latency_s=latency)


@st.composite
def networks(draw: Draw) -> PacketNetwork:
    """Networks, some with ports of their own rates, latencies, buffers and losses."""
    net: PacketNetwork = draw(shapes())
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    rate, latency, buffer, loss, retry = net.rate_Bps, net.latency_s, net.buffer_x, None, None
    if draw(st.booleans()):
        rate = rng.choice([FAST, SLOW, 30e9], net.ports)
    if draw(st.booleans()):
        latency = rng.choice([0.0, 3e-7, 2e-6], net.ports)
    if draw(st.integers(0, 3)) == 0:
        buffer = rng.choice([0.5, 1.0], net.ports)
    if draw(st.integers(0, 3)) == 0:
        loss = rng.choice([0.0, 1e-6, 3e-5], net.ports)
        if draw(st.booleans()):
            retry = rng.choice([0.0, 5e-7], net.ports)
    down = rng.random(len(net.link_src) // 2) < 0.2 if draw(st.integers(0, 5)) == 0 else None
    return PacketNetwork(
        "case",
        net.host_switch,
        net.link_src,
        net.link_dst,
        rate,
        latency,
        buffer_x=buffer,
        loss=loss,
        retry_s=retry,
        weighted=draw(st.integers(0, 3)) == 0,
        weight=None if down is None else np.repeat(np.where(down, 0, 1), 2).astype(np.int32),
        reference=_sizes(draw, net) if draw(st.integers(0, 3)) == 0 else None,
    )


def _sizes(draw: Draw, net: PacketNetwork) -> Sizes:
    """What sizes follow from where a network says so itself; packets go by some of its switches only."""
    links, latency_s = net.longest()
    edges = net.edge_switch.tolist()
    last = draw(st.integers(1, len(edges)))
    return Sizes(SLOW, latency_s / 2 + 1e-7, max(2, links - 1), draw(st.sampled_from([1e4, 1e6])), edges[last - 1] + 1)


# --- transports


def _maybe(draw: Draw, of: st.SearchStrategy[Any]) -> Any:
    return draw(of) if draw(st.booleans()) else None


@st.composite
def transports(draw: Draw, **fixed: Any) -> Transport:
    """All that a transport may be, as far as the reference goes."""
    mtu = draw(st.sampled_from(MTUS))
    ways = ["one_path", "oblivious", "bitmap", "reps", "recycle", "mixed", "round_robin", "flowlet"]
    balance = fixed.get("balance") or draw(st.sampled_from(ways))
    power = balance in ("oblivious", "bitmap", "mixed")
    low, more = draw(st.integers(0, 6)) * mtu, draw(st.integers(0, 4)) * mtu
    thresholds = draw(st.sampled_from([True, True, False]))
    packets = st.sampled_from([2, 3, 5, 8, 20]).map(lambda count: count * mtu)
    chosen: dict[str, Any] = {
        "control": draw(st.sampled_from(["none", "nscc"])),
        "receiver_driven": draw(st.booleans()),
        "balance": balance,
        "paths": draw(st.sampled_from([1, 4, 16, 64] if power else [1, 3, 4, 64])),
        "switch_choice": draw(st.sampled_from(["hashed", "shortest_queue", "two_choices", "in_turn", "flowlets"])),
        "way": draw(st.sampled_from(["minimal", "minimal", "valiant", "ugal"])),
        "queues": draw(st.sampled_from(["drop", "trim", "pause", "credit"])),
        "recovery": draw(st.sampled_from(["selective", "selective", "go_back_n"])),
        "mtu_bytes": mtu,
        "header_bytes": draw(st.sampled_from([64, 100])),
        "control_bytes": draw(st.sampled_from([64, 84])),
        "queue_bytes": draw(packets),
        "shared_bytes": _maybe(draw, st.integers(4, 60).map(lambda count: count * mtu)),
        "shared_alpha": draw(st.sampled_from([0.5, 1.0, 8.0])),
        "ecn_low_bytes": low if thresholds else None,
        "ecn_high_bytes": low + more if thresholds else None,
        "ecn_most": _maybe(draw, st.sampled_from([0.1, 0.5])),
        "ecn_last_hop": _maybe(draw, st.booleans()),
        "xoff_bytes": draw(packets),
        "xon_bytes": _maybe(draw, st.sampled_from([0, mtu])),
        "credit_bytes": draw(packets),
        "lanes": draw(st.integers(1, 3)),
        "class_weights": draw(st.sampled_from([(0.0,), (0.0,), (0.0, 0.0), (1.0, 2.5), (0.0, 1.0, 0.3)])),
        "cut_through": draw(st.booleans()),
        "window_bytes": _maybe(draw, st.sampled_from([1.0, 3.0, 30.0, 200.0]).map(lambda count: count * mtu)),
        "target_delay_s": _maybe(draw, st.sampled_from([1e-6, 5e-6])),
        "ack_every_bytes": draw(st.sampled_from([1, 8192, 16384])),
        "rto_s": _maybe(draw, st.sampled_from([2e-5, 1e-4])),
        "gap_packets": _maybe(draw, st.sampled_from([0, 1, 3, 10])),
        "grant_packets": draw(st.sampled_from([1, 4, 9])),
        "flowlet_s": draw(st.sampled_from([1e-6, 5e-6, 5e-5])),
        "grants_follow_marks": _maybe(draw, st.booleans()),
        "seed": draw(st.integers(0, 99)),
    }
    return Transport(**(chosen | fixed))


# --- flows


@st.composite
def flows_over(draw: Draw, hosts: int, transport: Transport, most: int = 16) -> Flows:
    """Flows of a few packets to a hundred, at once, a little later, or when others have ended; often to one host."""
    count, longest = draw(st.integers(1, most)), draw(st.sampled_from([100, 40, 5, 1]))
    pattern = draw(st.sampled_from(["incast", "any"]))
    at_once = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    src = rng.integers(0, hosts, count)
    dst = (src + rng.integers(1, hosts, count)) % hosts
    if pattern == "incast":
        dst = np.where(src > 0, 0, dst)
    size = rng.integers(1, (transport.mtu_bytes - transport.header_bytes) * longest, count)
    start_s = np.zeros(count) if at_once else rng.choice([0.0, 1e-6, 2.5e-5, 2e-4], count)
    priority = rng.integers(0, len(transport.class_weights), count)
    triggers, fires = [], []
    if count > 2 and draw(st.integers(0, 3)) == 0:
        first, each = int(rng.integers(1, count)), bool(rng.integers(2))
        triggers = [Trigger(tuple(range(first, count)), 1 if each else int(rng.integers(1, first + 1)), each)]
        fires = [(f, 0) for f in range(count if each else first)]
    rtt_s = rng.choice([3e-6, 1e-5], count) if draw(st.integers(0, 3)) == 0 else None
    pace = rng.choice([np.inf, 0.3 * SLOW, FAST], count) if draw(st.integers(0, 3)) == 0 else None
    return Flows(src, dst, size, start_s, priority, triggers, fires, rtt_s=rtt_s, pace_Bps=pace)


@st.composite
def cases(draw: Draw, **fixed: Any) -> Case:
    """Whole simulations."""
    network, transport = draw(networks()), draw(transports(**fixed))
    flows = draw(flows_over(network.hosts, transport))
    return Case(network, transport, flows, ends_at_receipt=draw(st.booleans()))


@st.composite
def changing_cases(draw: Draw, **fixed: Any) -> Case:
    """Whole simulations in which links die, slow down and come back.

    Packets that are hashed choose their next port as they leave for a switch, so tables change only for the others.
    """
    case: Case = draw(cases(**fixed))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    nominal = case.network.rate_Bps
    hashed = case.transport.switch_choice == "hashed" and case.transport.way == "minimal"
    at_s, changes = 0.0, []
    for _ in range(draw(st.integers(1, 4))):
        at_s += draw(st.sampled_from([2e-6, 5e-6, 2e-5, 1e-4]))
        one_way = nominal * rng.choice([0.0, 0.25, 1.0], len(nominal), p=[0.05, 0.1, 0.85])
        rate = np.minimum(one_way, one_way[case.network.back] / nominal[case.network.back] * nominal)
        changes.append(Change(at_s, rate, not hashed and draw(st.booleans())))
    return Case(case.network, case.transport, case.flows, case.ends_at_receipt, tuple(changes))


# --- what came of them


def outcome(simulation: Simulation) -> dict[str, list[Any]]:
    """All that a simulation counts, flow by flow and port by port."""
    tables, w = simulation.tables, simulation.world
    found: dict[str, list[Any]] = {}
    for name in ("start_ps", "end_ps", "got_ps", "acks", "marked", "again", "nacks", "timeouts", "in_flight", "cwnd"):
        found[name] = tables["senders"][name].tolist()
    for name in ("bytes", "disordered", "duplicates", "most_beyond", "latest_pull"):
        found[f"receiver {name}"] = tables["receivers"][name].tolist()
    for name in ("marked", "trimmed", "dropped", "lost", "retried", "pauses", "paused_ps"):
        found[f"port {name}"] = tables["tally"][name].tolist()
    found["port sent_bytes"] = tables["ports"].sent_bytes.tolist()
    found["port queued"] = tables["ports"].queued.tolist()
    found["most"] = tables["queues"].most.tolist()
    found["sums"] = [int(w.hops), int(w.done), int(w.now), int(w.random)]
    return found


def expected(reference: Reference) -> dict[str, list[Any]]:
    """The same of the reference."""
    flows, ports, model = reference.senders, reference.ports, reference.model
    found: dict[str, list[Any]] = {}
    for name in ("start_ps", "end_ps"):
        found[name] = [getattr(flow, name) for flow in flows]
    found["got_ps"] = [flow.receiver.got_ps for flow in flows]
    for name in ("acks", "marked", "again", "nacks", "timeouts", "in_flight", "cwnd"):
        found[name] = [getattr(flow, name) for flow in flows]
    for name in ("bytes", "disordered", "duplicates", "most_beyond", "latest_pull"):
        found[f"receiver {name}"] = [getattr(flow.receiver, name) for flow in flows]
    for name in ("marked", "trimmed", "dropped", "lost", "retried", "pauses", "paused_ps"):
        found[f"port {name}"] = [getattr(port.tally, name) for port in ports]
    found["port sent_bytes"] = [port.sent_bytes for port in ports]
    found["port queued"] = [port.queued for port in ports]
    found["most"] = [most for port in ports for most in port.most]
    found["sums"] = [model.hops, model.done, model.clock.now, model.chance.state]
    return found


def both(case: Case, until_s: float = 2e-3) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Run a case in the kernels, and as many events in the reference; a deadlock ends both."""
    simulation = Simulation(case.network, case.transport, case.flows)
    reference = Reference(case.network, case.transport, case.flows)
    simulation.world.ends_at_receipt = reference.model.ends_at_receipt = case.ends_at_receipt
    for change in case.changes:
        _run(simulation, reference, change.at_s)
        faults.set_rates(simulation, change.rate_Bps)
        reference_faults.set_rates(reference, change.rate_Bps)
        if change.known:
            faults.learn(simulation, change.rate_Bps)
            reference_faults.learn(reference, change.rate_Bps)
    _run(simulation, reference, until_s)
    return outcome(simulation), expected(reference)


def _run(simulation: Simulation, reference: Reference, until_s: float) -> None:
    """Go on until a time, or a deadlock; the reference by as many events."""
    with contextlib.suppress(DeadlockError):
        simulation.run(until_s)
    reference.run(events=int(simulation.world.event_count))


def differences(case: Case, until_s: float = 2e-3) -> dict[str, Any]:
    """What the two do not agree on."""
    got, want = both(case, until_s)
    return {name: (got[name], want[name]) for name in want if got[name] != want[name]}
