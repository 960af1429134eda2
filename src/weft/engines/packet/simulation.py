"""A packet simulation: tables filled from a network, a transport and flows, run by compiled code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet import balance_kernels, code_kernels, control_kernels, nscc_kernels
from weft.engines.packet import record_kernels as record
from weft.engines.packet.loop_kernels import SLACK, run
from weft.engines.packet.memory_kernels import announce
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.transport import BALANCES, CHOICES, CONTROLS, QUEUES, RECOVERIES, WAYS, Transport, in_packets
from weft.routing.hashing import Hashing

PS = 1e12
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Flows:
    """What is sent.

    Attributes:
        src, dst: int[flows], hosts.
        size_bytes: int64[flows].
        start_s: float64[flows]; for those that wait, not before.
        waits: int[flows], triggers that must fire before it starts.
    """

    src: npt.NDArray[np.int64]
    dst: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    start_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.src)


def records(count: int, dtype: np.dtype[Any]) -> Any:
    """Return zeroed records whose fields are attributes."""
    return np.zeros(count, dtype).view(np.recarray)


class Simulation:
    """One run."""

    def __init__(self, network: PacketNetwork, transport: Transport, flows: Flows, rtt_s: float, rate_Bps: float) -> None:
        self.network, self.transport, self.flows = network, transport, flows
        self.rtt_s, self.rate_Bps = rtt_s, rate_Bps
        self.bdp = rtt_s * rate_Bps
        self._tables()

    def run(self, until_s: float = math.inf) -> int:
        until = _NEVER - 1 if math.isinf(until_s) else int(until_s * PS)
        while True:
            why = run(self.world, until)
            if why != code_kernels.FULL:
                return int(why)
            self._grow()

    # --- tables

    def _tables(self) -> None:
        """Fill every table, and the world with their addresses."""
        net, tr, flows = self.network, self.transport, self.flows
        world = self.world = self._rules()
        w = world[0]
        w.random = int(Hashing(tr.seed).salts(1)[0]) or 1
        classes, slots = int(w.classes), min(len(flows), max(16, 2 * net.hosts))
        ports, rings = self._ports(world)
        packets = records(max(4096, 4 * SLACK), record.PACKET)
        packets.next[:] = np.arange(1, len(packets) + 1)
        packets.next[-1] = -1
        w.free_packet, w.free_packets = 0, len(packets)
        switches = records(net.switches, record.SWITCH)
        switches.salt[:] = Hashing(tr.seed + 1).salts(net.switches)
        senders, receivers = self._flows(world)
        tables = net.tables()
        rows = int(w.window_rows)
        w.free_slot, w.edges, w.flows = slots, len(net.edge_switch), len(flows)
        ring_events = 4 * SLACK
        rings.first[:] = np.arange(len(rings)) * ring_events
        rings.mask[:] = ring_events - 1
        control, constants = self._control(world)
        heap = records(2 * SLACK + 4 * len(flows) + 2 * net.hosts, record.EVENT)
        order = np.argsort(flows.start_s, kind="stable")
        heap.time[: len(flows)] = np.rint(flows.start_s[order] * PS)
        heap.order[: len(flows)] = np.arange(len(flows))
        heap.what[: len(flows)] = order * code_kernels.KINDS + code_kernels.START
        w.heaped = w.order = len(flows)
        hop_sets = records(len(tables.row), record.HOPS)
        hop_sets.first, hop_sets.count = tables.row.T
        self.tables: dict[str, Any] = {
            "ports": ports,
            "tally": records(net.ports, record.TALLY),
            "queues": self._queues(classes),
            "inlets": records(net.ports * classes, record.INLET),
            "switches": switches,
            "packets": packets,
            "senders": senders,
            "receivers": receivers,
            "hosts": self._hosts(),
            "events": records(len(rings) * ring_events, record.EVENT),
            "rings": rings,
            "ring_order": records(len(rings) + 1, record.INDEX),
            "heap": heap,
            "next_sets": tables.next_set.ravel(),
            "hop_sets": hop_sets,
            "set_ports": tables.port,
            "edge_switches": net.edge_switch,
            "distances": tables.hops.ravel(),
            "seqs": records(slots * rows, record.SEQ),
            "came": records(slots * rows // 64, record.CAME),
            "balances": records(slots, record.BALANCE),
            "kept": records(slots * balance_kernels.KEPT, record.KEPT),
            "recycled": records(slots * rows, record.RECYCLED),
            "penalties": records(slots * tr.paths, record.PENALTY),
            "free_slots": np.arange(slots, dtype=np.int32)[::-1].copy(),
            "control": control,
            "constants": constants,
            "telemetry": records(1, record.TELLS),
            "seen": records(1, record.TELLS),
            "quanta": records(classes, record.QUANTUM),
            "triggers": records(1, record.TRIGGER),
            "trigger_flows": records(1, record.INDEX),
            "ends_first": records(len(flows) + 1, record.INDEX),
            "ends_trigger": records(1, record.INDEX),
            "ended": records(len(flows) + SLACK, record.INDEX),
            "flowlets": records(1, record.FLOWLET),
        }
        self._announce()

    def _announce(self) -> None:
        """Tell the world where the tables are."""
        w = self.world[0]
        for name, table in self.tables.items():
            w[name] = announce(table)
        w.heap_rows, w.ended_rows = len(self.tables["heap"]), len(self.tables["ended"])
        w.ring_rows, w.packet_rows = len(self.tables["rings"]), len(self.tables["packets"])

    def _rules(self) -> Any:
        tr = self.transport
        rules = records(1, record.WORLD)
        r = rules[0]
        r.mtu, r.header, r.control_size = tr.mtu_bytes, tr.header_bytes, tr.control_bytes
        r.classes = 2
        r.full = QUEUES.index(tr.queues)
        r.recovery = RECOVERIES.index(tr.recovery)
        r.sender_control = CONTROLS.index(tr.control)
        r.receiver_driven = tr.receiver_driven
        r.balance, r.paths = BALANCES.index(tr.balance), tr.paths
        r.switch_choice, r.way = CHOICES.index(tr.switch_choice), WAYS.index(tr.way)
        r.lanes = 1
        r.flowlet_ps = int(tr.flowlet_s * PS)
        r.ack_every = tr.ack_every_bytes
        queue = self.queue_bytes
        r.rto_ps = int((tr.rto_s if tr.rto_s is not None else 15e-6 + 6 * queue / self.rate_Bps) * PS)
        r.gap_packets = tr.gap_packets
        packets = 4 * 1.5 * self.bdp / tr.mtu_bytes
        rows = 128
        while rows < packets + 64:
            rows *= 2
        r.window_rows, r.window = rows, rows - 64
        r.control_per_data = 10
        r.max_window = int(1.5 * self.bdp)
        r.network_rtt_ps = int(self.rtt_s * PS)
        r.grant_quanta = 64
        r.least_rate = 0.01
        return rules

    @property
    def queue_bytes(self) -> int:
        tr = self.transport
        if tr.queue_bytes is not None:
            return tr.queue_bytes
        return in_packets(self.bdp, tr.mtu_bytes) * (1 if tr.queues == "trim" else 5)

    def _ports(self, rules: Any) -> tuple[Any, Any]:
        net, tr, r = self.network, self.transport, rules[0]
        hosts = net.hosts
        ports = records(net.ports, record.PORT)
        for name in ("node", "host", "to_node", "to_host", "serving", "serving_inlet"):
            ports[name] = -1
        ports.host[:hosts] = np.arange(hosts)
        ports.to_node[:hosts] = net.host_switch
        ports.node[hosts : 2 * hosts] = net.host_switch
        ports.to_host[hosts : 2 * hosts] = np.arange(hosts)
        ports.node[2 * hosts :] = net.link_src
        ports.to_node[2 * hosts :] = net.link_dst
        ports.back[:] = net.back
        ports.up = 1
        ports.ps_per_byte = PS / net.rate_Bps
        ports.latency_ps = np.rint(net.latency_s * PS).astype(np.int64)
        x = 1.0 if net.buffer_x is None else net.buffer_x
        ports.limit = self.queue_bytes * x
        ports.limit_control = 2 * ports.limit
        ports.limit_control[:hosts] = 1 << 60
        bdp = in_packets(self.bdp, tr.mtu_bytes)
        low = tr.ecn_low_bytes if tr.ecn_low_bytes is not None else in_packets(0.2 * bdp, tr.mtu_bytes)
        high = tr.ecn_high_bytes if tr.ecn_high_bytes is not None else in_packets(0.8 * bdp, tr.mtu_bytes)
        ports.ecn_low, ports.ecn_high = low * x, high * x
        ports.marks = 1
        ports.marks[:hosts] = 0
        last = tr.ecn_last_hop if tr.ecn_last_hop is not None else not tr.receiver_driven
        ports.marks[hosts : 2 * hosts] = last
        delays: dict[int, int] = {}
        for size, name in ((r.mtu, "ring_full"), (r.control_size, "ring_control")):
            times = (size * ports.ps_per_byte + 0.5).astype(np.int64)
            ports[name] = [delays.setdefault(int(t), len(delays)) for t in times]
        ports.ring_wire = [delays.setdefault(int(t), len(delays)) for t in ports.latency_ps]
        rings = records(len(delays), record.RING)
        rings.delay[:] = list(delays)
        return ports, rings

    def _queues(self, classes: int) -> Any:
        queues = records(self.network.ports * classes, record.QUEUE)
        queues.head = queues.tail = -1
        return queues

    def _hosts(self) -> Any:
        net = self.network
        hosts = records(net.hosts, record.HOST)
        hosts.port = np.arange(net.hosts)
        hosts.down = np.arange(net.hosts) + net.hosts
        hosts.edge = np.searchsorted(net.edge_switch, net.host_switch)
        for name in ("head", "tail", "pull_head", "pull_tail", "idle_head", "idle_tail"):
            hosts[name] = -1
        hosts.ps_per_quantum = 256 * PS / net.rate_Bps[: net.hosts] / 0.99
        hosts.rate = 1.0
        return hosts

    def _flows(self, rules: Any) -> tuple[Any, Any]:
        flows, r = self.flows, rules[0]
        senders = records(len(flows), record.SENDER)
        senders.src, senders.dst, senders.bytes = flows.src, flows.dst, flows.size_bytes
        payload = r.mtu - r.header
        senders.packets = -(-flows.size_bytes // payload)
        senders.last_size = flows.size_bytes - (senders.packets - 1) * payload + r.header
        senders.level = 1
        senders.slot = -1
        senders.next = -1
        tr = self.transport
        window = tr.window_bytes if tr.window_bytes is not None else math.floor(1.5 * self.bdp)
        senders.cwnd = window if tr.control != "none" or not tr.receiver_driven else 1e18
        senders.most_cwnd = math.floor(1.5 * self.bdp)
        senders.base_rtt_ps = int(self.rtt_s * PS)
        receivers = records(len(flows), record.RECEIVER)
        receivers.next = -1
        receivers.notified_ps = -(1 << 62)
        return senders, receivers

    def _control(self, rules: Any) -> tuple[Any, Any]:
        tr, r = self.transport, rules[0]
        table = records(1, nscc_kernels.CONSTANTS)
        const = table[0]
        mss = tr.mtu_bytes - tr.header_bytes
        target = (
            tr.target_delay_s
            if tr.target_delay_s is not None
            else self.rtt_s * (0.75 if tr.queues == "trim" else 1.0)
        )
        a = self.bdp / (12.5e9 * 12e-6)
        b = target / 12e-6
        const.target_ps = target * PS
        const.alpha = 4.0 * mss * a * b / (target * PS)
        const.fair = 5 * mss * a
        const.eta = 0.15 * mss * a
        const.gamma = 0.8
        const.fast = 0.25 * a
        const.fast_delay_ps = 1e6
        const.mean_weight = 0.0125
        const.adjust_ps = r.network_rtt_ps
        const.adjust_bytes = 8 * tr.mtu_bytes
        const.quick_shift = 3
        const.quick_delay_ps = 4 * target * PS
        const.rtt_on_loss = 1
        const.bdp_x = 1.5
        return records(len(self.flows) * control_kernels.WORDS, control_kernels.WORD), table

    def _grow(self) -> None:
        """Make full tables larger."""
        w, tables = self.world[0], self.tables
        if w.free_packets < SLACK:
            old = len(tables["packets"])
            packets = self._doubled("packets", old)
            packets.next[old:] = np.arange(old + 1, 2 * old + 1)
            packets.next[-1] = w.free_packet
            w.free_packet = old
            w.free_packets += old
            if w.int_hops:
                self._doubled("telemetry", old * int(w.int_hops))
        if w.heaped + SLACK > len(tables["heap"]):
            self._doubled("heap", len(tables["heap"]))
        rings = tables["rings"]
        if (rings.tail - rings.head + SLACK > rings.mask + 1).any():
            tables["events"], tables["rings"] = self._larger_rings()
        if w.free_slot == 0:
            slots = len(tables["free_slots"])
            for name in ("seqs", "came", "balances", "kept", "recycled", "penalties", "free_slots"):
                self._doubled(name, len(tables[name]))
            tables["free_slots"][:slots] = np.arange(slots, 2 * slots)
            w.free_slot = slots
        self._announce()

    def _doubled(self, name: str, more: int) -> Any:
        """Make a table longer."""
        old = self.tables[name]
        table = np.zeros(len(old) + more, old.dtype).view(type(old))
        table[: len(old)] = old
        self.tables[name] = table
        return table

    def _larger_rings(self) -> tuple[Any, Any]:
        """Make rings that are nearly full twice as long; all begin at their first row."""
        rings, events = self.tables["rings"].copy(), []
        first = 0
        for r in rings:
            count, size = int(r.tail - r.head), int(r.mask + 1)
            grown = 2 * size if count + SLACK > size else size
            part = records(grown, record.EVENT)
            part[:count] = self.tables["events"][r.first + ((r.head + np.arange(count)) & r.mask)]
            events.append(part)
            r.first, r.mask, r.head, r.tail = first, grown - 1, 0, count
            first += grown
        return np.concatenate(events).view(np.recarray), rings
