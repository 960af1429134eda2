"""A simulation in objects: built from the same network, transport and flows as the compiled one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from weft.engines.packet.flows import Flows
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.reference.host import Host
from weft.engines.packet.reference.model import PS, Model
from weft.engines.packet.reference.port import Link, Port
from weft.engines.packet.reference.receiver import Receiver
from weft.engines.packet.reference.sender import Sender
from weft.engines.packet.reference.switch import Switch
from weft.engines.packet.reference.ways import find_ways
from weft.engines.packet.transport import Transport, settle
from weft.routing.hashing import Hashing


class Reference:
    """One run of flows over a network.

    Attributes:
        model: settings and sums.
        hosts, switches, ports: as the network numbers them.
        senders: flows; each has its receiver.
    """

    def __init__(self, network: PacketNetwork, transport: Transport, flows: Flows) -> None:
        longest = int(flows.size_bytes.max()) // (transport.mtu_bytes - transport.header_bytes) + 1
        edges = network.edge_switch.tolist()
        known = network.switches if network.reference is None else network.reference.switches
        detours = sum(edge < known for edge in edges)
        self.network, self.model = network, Model(settle(transport, network), longest, detours)
        salts = Hashing(transport.seed + 1, transport.polarised).salts(network.switches).tolist()
        self.switches = [Switch(self.model, number, salt) for number, salt in enumerate(salts)]
        self.hosts = [
            Host(self.model, number, edges.index(switch), float(network.rate_Bps[number]))
            for number, switch in enumerate(network.host_switch.tolist())
        ]
        self.ports = self._ports()
        self.edges = [self.switches[edge] for edge in edges]
        for switch in self.switches:
            switch.edges = self.edges
        left = np.ones(len(network.link_src)) if network.weight is None else network.weight
        self.learn(network.rate_Bps[2 * network.hosts :] * left)
        self.senders = self._flows(flows)
        self._start()
        self._trigger(flows)

    def run(self, until_s: float = math.inf, events: float = math.inf) -> None:
        """Go on until a time, so many events, or the end."""
        self.model.clock.run(math.inf if math.isinf(until_s) else int(until_s * PS), events)

    # --- the network

    def _ports(self) -> list[Port]:
        hosts, net = self.hosts, self.network
        switch_of = [self.switches[switch] for switch in net.host_switch.tolist()]
        ends: list[tuple[Host | Switch, Host | Switch]] = []
        ends += zip(hosts, switch_of, strict=True)
        ends += zip(switch_of, hosts, strict=True)
        for src, dst in zip(net.link_src.tolist(), net.link_dst.tolist(), strict=True):
            ends.append((self.switches[src], self.switches[dst]))
        rates: dict[Host | Switch, set[float]] = {}
        for number, (near, _) in enumerate(ends):
            rates.setdefault(near, set()).add(float(net.rate_Bps[number]))
        ports = []
        for number, (near, far) in enumerate(ends):
            same = not far.is_host and rates.get(far) == {float(net.rate_Bps[number])}
            ports.append(Port(self.model, self._link(number, same), near, far))
        for host in hosts:
            host.port = ports[host.number]
            switch_of[host.number].to_host[host.number] = ports[len(hosts) + host.number]
        return ports

    def _link(self, number: int, far_as_fast: bool) -> Link:
        net, t, s = self.network, self.model.transport, self.model.settings
        rate, latency = float(net.rate_Bps[number]), float(net.latency_s[number])
        part = 1.0 if net.buffer_x is None else float(net.buffer_x[number])
        from_host, to_host = number < net.hosts, net.hosts <= number < 2 * net.hosts
        marks = not from_host and (s.ecn_last_hop or not to_host)
        loss = 0.0 if net.loss is None else float(net.loss[number])
        retry_ps = 0 if net.retry_s is None else round(float(net.retry_s[number]) * PS)
        credit = math.ceil(2 * latency * rate) + math.ceil(4 * t.mtu_bytes * max(1.0, part))
        return Link(
            number=number,
            ps_per_byte=PS / rate,
            wire_ps=round(latency * PS),
            limit=max(int(s.queue_bytes * part), t.mtu_bytes),
            ecn=(int(s.ecn_low_bytes * part), int(s.ecn_high_bytes * part)) if marks else None,
            loss=loss,
            retry_ps=retry_ps,
            credit=max(t.credit_bytes, t.mtu_bytes) if t.credit_bytes else credit,
            cut=t.cut_through and far_as_fast and not (loss > 0 and retry_ps > 0),
        )

    def learn(self, rate_Bps: npt.NDArray[np.float64]) -> None:
        """Find ways through links that carry so much, float64[links]; 0 for none."""
        links = zip(self.ports[2 * self.network.hosts :], rate_Bps.tolist(), strict=True)
        find_ways(self.edges, self.switches, {port: rate for port, rate in links if rate > 0}, self.network.weighted)

    # --- the flows

    def _flows(self, flows: Flows) -> list[Sender]:
        senders = []
        level = [0] * len(flows) if flows.priority is None else flows.priority.tolist()
        rtt_s = [self.model.settings.rtt_s] * len(flows) if flows.rtt_s is None else flows.rtt_s.tolist()
        pace_Bps = [math.inf] * len(flows) if flows.pace_Bps is None else flows.pace_Bps.tolist()
        for number in range(len(flows)):
            host, to = self.hosts[int(flows.src[number])], self.hosts[int(flows.dst[number])]
            sender = Sender(
                self.model,
                number,
                host,
                size=int(flows.size_bytes[number]),
                level=1 + level[number] * self.model.transport.lanes,
                waits=int(flows.waits[number]),
                start_ps=int(np.rint(flows.start_s[number] * PS)),
            )
            sender.know(rtt_s[number], float(self.network.rate_Bps[host.number]), pace_Bps[number])
            sender.receiver = Receiver(self.model, to, sender)
            senders.append(sender)
        return senders

    def _start(self) -> None:
        for sender in sorted(self.senders, key=lambda sender: sender.start_ps):
            if sender.waits == 0:
                self.model.clock.at(sender.start_ps, sender.start)
        if self.model.settings.grants_follow_marks:
            for host in self.hosts:
                self.model.clock.at(self.model.rtt_ps, host.throttle)

    def _trigger(self, flows: Flows) -> None:
        triggers = [
            Trigger(trigger.need, trigger.each, [self.senders[f] for f in trigger.flows]) for trigger in flows.triggers
        ]
        for flow, trigger in sorted(flows.fires):
            self.senders[flow].when_done.append(triggers[trigger].fire)


class Trigger:
    """Starts flows when others have ended: one each time, or all when it is often enough."""

    def __init__(self, need: int, each: bool, flows: list[Sender]) -> None:
        self._need, self._each, self._left = need, each, flows

    def fire(self) -> None:
        """One that counts has ended."""
        self._need -= 1
        if self._each and self._left:
            self._left.pop(0).release()
        elif not self._each and self._need == 0:
            for flow in self._left:
                flow.release()
