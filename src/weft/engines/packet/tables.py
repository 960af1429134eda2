"""The tables of a packet simulation: made from a network, settings and flows, and made larger when they fill."""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.engines.packet import balance_kernels, code_kernels
from weft.engines.packet import record_kernels as record
from weft.engines.packet.constants import control_constants
from weft.engines.packet.flow_rows import PS, fill
from weft.engines.packet.flows import Flows
from weft.engines.packet.huge_pages import zeroed
from weft.engines.packet.loop_kernels import SLACK
from weft.engines.packet.memory_kernels import announce
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.receiver_kernels import IDLE_ROWS
from weft.engines.packet.transport import NUMBERED, Settings
from weft.routing.hashing import Hashing

QUANTUM_BYTES = 256  # of credit
_MOST_BYTES = (1 << 31) - 1
_NOTIFY_s = 50e-6  # between notifications of a flow (Y. Zhu et al., SIGCOMM 2015, section 3.1)
#: Of line rate, that receivers grant (EQDS paces at 0.99, V. Olteanu et al., NSDI 2022).
GRANTED = 0.99


def records(count: int, dtype: np.dtype[Any]) -> Any:
    """Return zeroed records whose fields are attributes; the first begins a cache line."""
    return zeroed(count * dtype.itemsize).view(dtype).view(np.recarray)


def within(size_bytes: Any) -> Any:
    """Return sizes that a port's record has room for; a threshold at the most is never reached."""
    return np.minimum(size_bytes, _MOST_BYTES)


class Tables:
    """All tables, and the world: the record with their addresses that kernels take.

    Attributes:
        world: one record.
        rows: tables by name.
        credit: int64[ports], bytes of buffer behind each port, a lane.
    """

    def __init__(self, network: PacketNetwork, settings: Settings, flows: Flows) -> None:
        self.network, self.settings, self.flows = network, settings, flows
        self.world = self._world()
        w = self.world[0]
        slots = max(16, min(len(flows), 2 * network.hosts))
        w.free_slot, w.edges, w.flows = slots, len(network.edge_switch), len(flows)
        known = network.reference
        w.detours = w.edges if known is None else np.searchsorted(network.edge_switch, known.switches)
        self.rows: dict[str, Any] = (
            self._ports() | self._packets() | self._flows() | self._slots(slots) | self._routes() | self._triggers()
        )
        self.announce()

    def __getitem__(self, name: str) -> Any:
        return self.rows[name]

    def announce(self) -> None:
        """Tell the world where the tables are."""
        w = self.world[0]
        for name, table in self.rows.items():
            w[name] = announce(table)
        w.heap_rows, w.ended_rows = len(self["heap"]), len(self["ended"])
        w.host_rows = self.network.hosts
        w.ring_rows, w.packet_rows = len(self["rings"]), len(self["packets"])

    def _world(self) -> Any:
        t, s = self.settings.transport, self.settings
        world = records(1, record.WORLD)
        w = world[0]
        w.random = int(Hashing(t.seed).salts(1)[0]) or 1
        w.mtu, w.header, w.control_size = t.mtu_bytes, t.header_bytes, t.control_bytes
        w.classes = 1 + len(t.class_weights) * t.lanes
        w.lanes = t.lanes
        w.full = NUMBERED["queues"].index(t.queues)
        w.held = t.queues in ("pause", "credit")
        w.recovery = NUMBERED["recovery"].index(t.recovery)
        w.sender_control = NUMBERED["control"].index(t.control)
        w.receiver_driven = t.receiver_driven
        w.balance, w.paths = NUMBERED["balance"].index(t.balance), t.paths
        w.switch_choice, w.way = NUMBERED["switch_choice"].index(t.switch_choice), NUMBERED["way"].index(t.way)
        w.early = t.switch_choice == "hashed" and t.way == "minimal"
        w.flowlet_ps, w.ack_every = int(t.flowlet_s * PS), t.ack_every_bytes
        w.rto_ps, w.gap_packets = int(s.rto_s * PS), s.gap_packets
        w.patience = s.patience
        most = 4 * s.window_x * s.widest_bytes / t.mtu_bytes
        if len(self.flows):
            most = min(most, int(self.flows.size_bytes.max()) // (t.mtu_bytes - t.header_bytes) + 1)
        w.window_rows = _window_rows(most)
        w.window = w.window_rows - 64
        w.control_per_data = 10
        w.max_window = int(s.window_x * s.bdp_bytes)
        w.network_rtt_ps = int(s.rtt_s * PS)
        w.xoff, w.xon, w.headroom = s.xoff_bytes, s.xon_bytes, s.headroom_bytes
        w.shared, w.shared_alpha = t.shared_bytes or 0, t.shared_alpha
        w.ecn_most = s.ecn_most
        w.stall_ps = 2 * int(w.network_rtt_ps + w.rto_ps)
        w.grant_quanta = -(-t.grant_packets * (t.mtu_bytes - t.header_bytes) // QUANTUM_BYTES)
        w.least_rate = s.least_grant
        w.notify_ps = int(_NOTIFY_s * PS) if t.control == "dcqcn" else 0
        if t.control == "hpcc":
            links = self.network.longest()[0]
            w.int_hops = links if t.way == "minimal" else 2 * links - 2
        return world

    def _ports(self) -> dict[str, Any]:
        net, s, t, w = self.network, self.settings, self.settings.transport, self.world[0]
        hosts, classes = net.hosts, int(w.classes)
        ports, cables = records(net.ports, record.PORT), records(net.ports, record.CABLE)
        ports.serving = ports.serving_inlet = -1
        ports.node[:hosts] = ~np.arange(hosts)
        ports.to[:hosts] = ports.node[hosts : 2 * hosts] = net.host_switch
        ports.to[hosts : 2 * hosts] = ~np.arange(hosts)
        ports.node[2 * hosts :], ports.to[2 * hosts :] = net.link_src, net.link_dst
        ports.up = 1
        cables.back = net.back
        cables.ps_per_byte = PS / net.rate_Bps
        cables.latency_ps = np.rint(net.latency_s * PS)
        x = np.ones(net.ports) if net.buffer_x is None else net.buffer_x
        ports.limit = within(np.maximum(s.queue_bytes * x, t.mtu_bytes))
        ports.ecn_low, ports.ecn_high = within(s.ecn_low_bytes * x), within(s.ecn_high_bytes * x)
        ports.marks[hosts:] = 1
        ports.marks[hosts : 2 * hosts] = s.ecn_last_hop
        if net.loss is not None:
            cables.loss, ports.lossy = net.loss, net.loss > 0
        if net.retry_s is not None:
            cables.retry_ps = np.rint(net.retry_s * PS)
        if t.cut_through:
            ports.cut = self._cuts()
        queues, inlets = records(net.ports * classes, record.QUEUE), records(net.ports * classes, record.INLET)
        queues.head = queues.tail = -1
        queues.limit[::classes] = within(2 * ports.limit.astype(np.int64))
        queues.limit[: hosts * classes] = _MOST_BYTES
        self.credit = self._credit()
        inlets.credit = np.repeat(self.credit, classes)
        switches = records(net.switches, record.SWITCH)
        switches.salt = Hashing(t.seed + 1, t.polarised).salts(net.switches)
        quanta = records(classes, record.QUANTUM)
        for number, weight in enumerate(t.class_weights):
            first = 1 + number * t.lanes
            quanta.bytes[first : first + t.lanes] = round(weight * t.mtu_bytes)
        return {
            "ports": ports,
            "cables": cables,
            "tally": records(net.ports, record.TALLY),
            "queues": queues,
            "inlets": inlets,
            "switches": switches,
            "quanta": quanta,
            "hosts": self._hosts(),
            "idles": records(net.hosts * IDLE_ROWS, record.INDEX),
        } | self._rings(ports, cables)

    def _cuts(self) -> Any:
        """Ports whose far end cuts through: it is a switch with all of its ports as fast as this one.

        Links that send what was lost again deliver whole packets.
        """
        net = self.network
        rate = net.rate_Bps
        out = np.concatenate([np.full(net.hosts, -1), net.host_switch, net.link_src])
        to = np.concatenate([net.host_switch, np.full(net.hosts, -1), net.link_dst])
        low, high = np.full(net.switches, np.inf), np.zeros(net.switches)
        np.minimum.at(low, out[net.hosts :], rate[net.hosts :])
        np.maximum.at(high, out[net.hosts :], rate[net.hosts :])
        whole = np.zeros(net.ports, bool)
        if net.loss is not None and net.retry_s is not None:
            whole = (net.loss > 0) & (net.retry_s > 0)
        return (to >= 0) & (low[to] == rate) & (high[to] == rate) & ~whole

    def _credit(self) -> Any:
        """Bytes of buffer behind each port, a lane: what is on the way, and four packets, more where buffers are."""
        net, t = self.network, self.settings.transport
        if t.credit_bytes:
            return np.full(net.ports, max(t.credit_bytes, t.mtu_bytes))
        kept = np.ceil(4 * t.mtu_bytes * np.maximum(1.0, 1.0 if net.buffer_x is None else net.buffer_x))
        return (np.ceil(2 * net.latency_s * net.rate_Bps) + kept).astype(np.int64)

    def _rings(self, ports: Any, cables: Any) -> dict[str, Any]:
        """A ring for each delay that ports have."""
        t, w = self.settings.transport, self.world[0]
        delays: dict[int, int] = {}
        for size, name in ((w.mtu, "ring_full"), (w.control_size, "ring_control")):
            times = (size * cables.ps_per_byte + 0.5).astype(np.int64)
            ports[name] = [delays.setdefault(int(time), len(delays)) for time in times]
        head = np.where(ports.cut > 0, t.header_bytes * cables.ps_per_byte, 0.0).astype(np.int64)
        ports.ring_wire = [delays.setdefault(int(time), len(delays)) for time in cables.latency_ps + head]
        rings = records(len(delays), record.RING)
        size = 4 * SLACK
        rings.delay, rings.mask = list(delays), size - 1
        rings.first = np.arange(len(rings)) * size
        return {
            "rings": rings,
            "events": records(len(rings) * size, record.EVENT),
            "ring_order": records(len(rings) + 1, record.INDEX),
        }

    def _hosts(self) -> Any:
        net = self.network
        hosts = records(net.hosts, record.HOST)
        hosts.port = np.arange(net.hosts)
        for name in ("head", "tail", "pull_head", "pull_tail"):
            hosts[name] = -1
        hosts.ps_per_quantum = QUANTUM_BYTES * PS / net.rate_Bps[: net.hosts] / GRANTED
        hosts.rate = 1.0
        return hosts

    def _packets(self) -> dict[str, Any]:
        w = self.world[0]
        packets = records(4 * SLACK, record.PACKET)
        packets.next = np.arange(1, len(packets) + 1)
        packets.next[-1] = -1
        w.free_packet, w.free_packets = 0, len(packets)
        return {
            "packets": packets,
            "loads": records(len(packets), record.LOAD),
            "telemetry": records(max(1, len(packets) * int(w.int_hops)), record.TELLS),
        }

    def _flows(self) -> dict[str, Any]:
        flows, net, w, s = self.flows, self.network, self.world[0], self.settings
        senders, receivers = records(len(flows), record.SENDER), records(len(flows), record.RECEIVER)
        fill(senders, receivers, flows, net, s)
        at_once = np.flatnonzero(senders.waits == 0)
        at_once = at_once[np.argsort(senders.start_ps[at_once], kind="stable")]
        heap = records(2 * SLACK + 4 * len(flows) + 2 * net.hosts, record.EVENT)
        first = len(at_once)
        heap.time[:first], heap.order[:first] = senders.start_ps[at_once], np.arange(first)
        heap.what[:first] = (at_once << code_kernels.KIND_BITS) + code_kernels.START
        w.heaped = w.order = first
        if s.grants_follow_marks:
            more = slice(first, first + net.hosts)
            heap.time[more], heap.order[more] = w.network_rtt_ps, np.arange(first, first + net.hosts)
            heap.what[more] = (np.arange(net.hosts) << code_kernels.KIND_BITS) + code_kernels.THROTTLE
            w.heaped = w.order = first + net.hosts
            _sort(heap[: int(w.heaped)])
        control, constants = control_constants(s, len(flows))
        return {
            "senders": senders,
            "receivers": receivers,
            "heap": heap,
            "control": control,
            "constants": constants,
            "seen": records(max(1, len(flows) * int(w.int_hops)), record.TELLS),
            "ended": records(len(flows) + SLACK, record.INDEX),
        }

    def _slots(self, slots: int) -> dict[str, Any]:
        """What flows need only while they run."""
        w = self.world[0]
        rows = int(w.window_rows)
        free = records(slots, record.INDEX)
        free.row = np.arange(slots)[::-1]
        return {
            "free_slots": free,
            "seqs": records(slots * rows, record.SEQ),
            "came": records(slots * rows // 64, record.CAME),
            "acked": records(slots * rows // 64, record.CAME),
            "balances": records(slots, record.BALANCE),
            "kept": records(slots * balance_kernels.KEPT, record.KEPT),
            "recycled": records(slots * rows, record.RECYCLED),
            "penalties": records(slots * int(w.paths), record.PENALTY),
        }

    def _routes(self) -> dict[str, Any]:
        net, t = self.network, self.settings.transport
        places = records(net.hosts, record.PLACE)
        places.edge = np.searchsorted(net.edge_switch, net.host_switch)
        places.down = np.arange(net.hosts) + net.hosts
        remembered = net.switches * len(self.flows) if t.switch_choice == "flowlets" else 1
        return {"places": places, "flowlets": records(remembered, record.FLOWLET)} | self.forwarding()

    def forwarding(self, rate_x: Any = None) -> dict[str, Any]:
        """Forwarding tables, where so much of each link's rate is left."""
        net = self.network
        tables = net.tables(rate_x)
        next_set = tables.next_set.ravel().copy()
        hop_sets = records(max(1, len(tables.row)), record.HOPS)
        if len(tables.row):
            hop_sets.first, hop_sets.count = tables.row.T
            single = (next_set >= 0) & (hop_sets.count[next_set] == 1)
            next_set[single] = -2 - tables.port[hop_sets.first[next_set[single]]]
        return {
            "next_sets": _column(next_set, record.NEXT),
            "hop_sets": hop_sets,
            "set_ports": _column(tables.port, record.INDEX),
            "edge_switches": _column(net.edge_switch, record.INDEX),
            "distances": _column(tables.hops.ravel(), record.DISTANCE),
        }

    def _triggers(self) -> dict[str, Any]:
        flows = self.flows
        triggers = records(max(1, len(flows.triggers)), record.TRIGGER)
        started = [f for trigger in flows.triggers for f in trigger.flows]
        first = 0
        for row, trigger in zip(triggers, flows.triggers, strict=False):
            row.need, row.each = trigger.need, trigger.each
            row.first = row.next = first
            first += len(trigger.flows)
            row.end = first
        fires = np.array(sorted(flows.fires), np.int64).reshape(-1, 2)
        ends_first = np.zeros(len(flows) + 1, np.int64)
        np.cumsum(np.bincount(fires[:, 0], minlength=len(flows)), out=ends_first[1:])
        return {
            "triggers": triggers,
            "trigger_flows": _column(np.array(started, np.int64), record.INDEX),
            "ends_first": _column(ends_first, record.INDEX),
            "ends_trigger": _column(fires[:, 1], record.INDEX),
        }

    # --- growth

    def grow(self) -> None:
        """Make full tables larger."""
        w = self.world[0]
        if w.free_packets < SLACK:
            old = len(self["packets"])
            packets = self.longer("packets", old)
            packets.next[old:] = np.arange(old + 1, 2 * old + 1)
            packets.next[-1] = w.free_packet
            w.free_packet = old
            w.free_packets += old
            self.longer("loads", old)
            if w.int_hops:
                self.longer("telemetry", old * int(w.int_hops))
        if w.heaped + SLACK > len(self["heap"]):
            self.longer("heap", len(self["heap"]))
        rings = self["rings"]
        if (rings.tail - rings.head + SLACK > rings.mask + 1).any():
            self._grow_rings()
        self.announce()

    def add_slots(self) -> None:
        """Let twice as many flows run at once; all slots are taken."""
        slots = len(self["free_slots"])
        for name in ("seqs", "came", "acked", "balances", "kept", "recycled", "penalties", "free_slots"):
            self.longer(name, len(self[name]))
        self["free_slots"].row[:slots] = np.arange(slots, 2 * slots)
        self.world[0].free_slot = slots
        self.announce()

    def longer(self, name: str, more: int) -> Any:
        """Make a table longer by blank rows; the caller announces it."""
        old = self.rows[name]
        table = records(len(old) + more, old.dtype)
        table[: len(old)] = old
        self.rows[name] = table
        return table

    def _grow_rings(self) -> None:
        """Make rings that are nearly full twice as long; all begin at their first row."""
        rings, old = self["rings"], self["events"]
        sizes = rings.mask + 1
        sizes = np.where(rings.tail - rings.head + SLACK > sizes, 2 * sizes, sizes)
        events = records(int(sizes.sum()), record.EVENT)
        first = 0
        for ring, size in zip(rings, sizes.tolist(), strict=True):
            count = int(ring.tail - ring.head)
            events[first : first + count] = old[ring.first + ((ring.head + np.arange(count)) & ring.mask)]
            ring.first, ring.mask, ring.head, ring.tail = first, size - 1, 0, count
            first += size
        self.rows["events"] = events


def _window_rows(packets: float) -> int:
    """A power of two of sequence numbers that holds so many packets and a bitmap."""
    rows = 128
    while rows < packets + 64:
        rows *= 2
    return rows


def _column(values: Any, dtype: np.dtype[Any]) -> Any:
    """Records of one field."""
    table = records(max(1, len(values)), dtype)
    table[dtype.names[0]][: len(values)] = values  # type: ignore[index]
    return table


def _sort(heap: Any) -> None:
    """Put events in order of time, which is a heap."""
    heap[:] = heap[np.lexsort((heap.order, heap.time))]
