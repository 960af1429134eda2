"""Which port of the packet network is which link of the fabric, and how fast it is while links come and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric import Fabric
from weft.fabric.scale_up import SWITCHED
from weft.fabric.tables import Domain, FloatArray, IntArray, Kind
from weft.routing.switch_graph import SwitchGraph, switch_graph

Ints = npt.NDArray[np.int64]
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Parts:
    """The ports of a packet network, from a fabric's links. Rows of links that lead away from a host's own end.

    Attributes:
        host_switch: int32[hosts].
        cable: int64[hosts], the link into the network; -1 where there is only what is near.
        near_host, near_link: int64[entries], links that feed a host's port together: PCIe, scale-up links.
        near_x: float64[entries], part of the link that is for this port.
        host_names: of hosts.
        reducing: bool[hosts], where a switch adds.
        inside: int64[nodes], the host by which a node's traffic stays inside its domain or switch; -1 for none.
        host_of_cable: int64[cables], the host that a cable of the fabric belongs to; -1 for none.
        link_src, link_dst: int32[links], switches.
        row: int64[links], the fabric's.
        long_haul: bool[links].
        latency_s: float64[ports].
        switch_names: of switches.
        switches_out: the first so many switches are the network's, the others are inside domains.
    """

    host_switch: npt.NDArray[np.int32]
    cable: Ints
    near_host: Ints
    near_link: Ints
    near_x: FloatArray
    host_names: Sequence[str]
    reducing: npt.NDArray[np.bool_]
    inside: Ints
    host_of_cable: Ints
    link_src: npt.NDArray[np.int32]
    link_dst: npt.NDArray[np.int32]
    row: Ints
    long_haul: npt.NDArray[np.bool_]
    latency_s: FloatArray
    switch_names: Sequence[str]
    switches_out: int

    def inside_of(self, rows: IntArray) -> Ints:
        """Return the hosts of node rows inside their domain, or of switches that reduce."""
        return self.inside[rows]

    def rates(self, capacity_Bps: FloatArray) -> FloatArray:
        """Return float64[ports], what each carries when the fabric's links carry so much; 0 where it is dead."""
        hosts = len(self.host_switch)
        found = []
        for way in (0, 1):
            near = np.bincount(self.near_host, capacity_Bps[self.near_link ^ way] * self.near_x, minlength=hosts)
            own = np.where(self.cable >= 0, capacity_Bps[self.cable ^ way], np.inf)
            found.append(np.minimum(own, near))
        return np.concatenate([*found, capacity_Bps[self.row]])


class _Hosts:
    """Hosts as they are found."""

    def __init__(self) -> None:
        self.switch: list[Ints] = []
        self.cable: list[Ints] = []
        self.near: list[tuple[Ints, Ints, FloatArray]] = []
        self.names: list[str] = []
        self.count = 0

    def add(
        self, switch: IntArray, cable: IntArray, near: tuple[IntArray, IntArray, FloatArray], names: Sequence[str]
    ) -> Ints:
        """Add hosts; ``near`` counts them from 0. Return their numbers."""
        self.switch.append(np.asarray(switch, np.int64))
        self.cable.append(np.asarray(cable, np.int64))
        self.near.append((near[0].astype(np.int64) + self.count, near[1].astype(np.int64), near[2]))
        self.names += names
        numbers = np.arange(self.count, self.count + len(switch))
        self.count += len(switch)
        return numbers


def parts_of(fabric: Fabric, capacity_Bps: FloatArray, latency_s: FloatArray, reducers: Ints) -> Parts:
    """Find a fabric's hosts, switches and links.

    Args:
        capacity_Bps, latency_s: float64[links], as `weft.routing.resources.link_state` gives them, with nothing down.
        reducers: node rows of switches that add.
    """
    graph = switch_graph(fabric, capacity_Bps, latency_s)
    hosts = _Hosts()
    inside = np.full(len(fabric.nodes), -1, np.int64)
    host_of_cable = np.full(len(fabric.links) // 2 + 1, -1, np.int64)
    _nic_ports(fabric, graph, hosts, host_of_cable)
    own = hosts.count  # so far all are ports into the network
    row, src, dst = _switch_links(fabric, graph)
    more_row, more_src, more_dst, names, latent = _scale_up(fabric, graph, hosts, inside)
    row, src, dst = (np.concatenate(each) for each in ((row, more_row), (src, more_src), (dst, more_dst)))
    plain = hosts.count
    _reducers(fabric, graph, hosts, inside, reducers)
    near_host, near_link, near_x = (np.concatenate(each) for each in zip(*hosts.near, strict=True))
    cable, switch = np.concatenate(hosts.cable), np.concatenate(hosts.switch)
    ways = []
    feeds = (near_host < own) | ((near_host < plain) & latent)
    entries = np.maximum(1, np.bincount(near_host, feeds, minlength=hosts.count))
    for way in (0, 1):
        near_s = np.bincount(near_host, latency_s[near_link ^ way] * feeds, minlength=hosts.count) / entries
        ways.append(near_s + np.where(cable >= 0, latency_s[cable ^ way], 0.0))
    domain = np.array([each.domain for each in fabric.links.classes], np.uint8)
    return Parts(
        host_switch=switch.astype(np.int32),
        cable=cable,
        near_host=near_host,
        near_link=near_link,
        near_x=near_x,
        host_names=hosts.names,
        reducing=np.arange(hosts.count) >= plain,
        inside=inside,
        host_of_cable=host_of_cable,
        link_src=src.astype(np.int32),
        link_dst=dst.astype(np.int32),
        row=row,
        long_haul=domain[fabric.links.link_class[row]] == Domain.LONG_HAUL if len(row) else np.empty(0, bool),
        latency_s=np.concatenate([*ways, latency_s[row]]),
        switch_names=[*(fabric.node_name(int(each)) for each in graph.row), *names],
        switches_out=len(graph),
    )


def _nic_ports(fabric: Fabric, graph: SwitchGraph, hosts: _Hosts, host_of_cable: Ints) -> None:
    """Ports of NICs, and of accelerators whose NIC is itself a switch."""
    links, nodes = fabric.links, fabric.nodes
    domain = np.array([each.domain for each in links.classes], np.uint8)[links.link_class[::2]]
    lower, upper = links.src[::2], links.dst[::2]
    accelerator, nic = nodes.kind == Kind.ACCELERATOR, nodes.kind == Kind.NIC
    forwards = nic & (graph.number >= 0)
    to_nic = np.flatnonzero((domain == Domain.HOST) & accelerator[lower] & nic[upper])
    used = np.zeros(len(nodes), bool)
    used[upper[to_nic]] = True
    cables = np.flatnonzero((domain == Domain.SCALE_OUT) & (used & ~forwards)[lower])
    cables = cables[graph.number[upper[cables]] >= 0]
    cables = cables[np.argsort(lower[cables], kind="stable")]
    sides = np.bincount(lower[cables], minlength=len(nodes))
    first = np.searchsorted(lower[cables], np.arange(len(nodes)))
    leads = to_nic[~forwards[upper[to_nic]]]  # PCIe links that feed all sides of their NIC
    each = np.repeat(leads, sides[upper[leads]])
    side = np.arange(len(each)) - np.repeat(np.cumsum(sides[upper[leads]]) - sides[upper[leads]], sides[upper[leads]])
    near = (first[upper[each]] + side, 2 * each, 1.0 / sides[upper[each]])
    names = [
        fabric.node_name(int(row)) + (f":{i - first[row]}" if sides[row] > 1 else "")
        for i, row in enumerate(lower[cables])
    ]
    host_of_cable[cables] = hosts.add(graph.number[upper[cables]], 2 * cables, near, names)
    meets = to_nic[forwards[upper[to_nic]]]
    number = np.arange(len(meets))
    near = (number, 2 * meets, np.ones(len(meets)))
    names = [f"{fabric.node_name(int(row))}/port" for row in lower[meets]]
    host_of_cable[meets] = hosts.add(graph.number[upper[meets]], np.full(len(meets), -1), near, names)


def _switch_links(fabric: Fabric, graph: SwitchGraph) -> tuple[Ints, Ints, Ints]:
    """Links between switches, those through optical switches too: (rows, from, to); i ^ 1 is the way back."""
    links = fabric.links
    src, dst = graph.number[links.src], graph.number[links.dst]
    cable = np.flatnonzero((src[::2] >= 0) & (dst[::2] >= 0))
    row = np.stack([2 * cable, 2 * cable + 1], axis=1).ravel()
    tail, head = src[row], dst[row]
    if fabric.network.circuits is not None:
        row_both = 2 * fabric.network.circuits.astype(np.int64)
        both = src[row_both]
        row = np.concatenate([row, row_both.ravel()])
        tail, head = np.concatenate([tail, both.ravel()]), np.concatenate([head, both[:, ::-1].ravel()])
    return row, tail.astype(np.int64), head.astype(np.int64)


def _scale_up(
    fabric: Fabric, graph: SwitchGraph, hosts: _Hosts, inside: Ints
) -> tuple[Ints, Ints, Ints, list[str], bool]:
    """Ports inside domains, and links of those where accelerators forward; whether ports have the links' latency."""
    plan, accelerators, links = fabric.plan, fabric.rows(Kind.ACCELERATOR), fabric.links
    if plan.scale_up.kind == "none":
        return _NONE, _NONE, _NONE, [], False
    count, base = len(accelerators), len(graph)
    number = np.full(len(fabric.nodes), -1, np.int64)
    number[accelerators] = np.arange(count)
    domain = np.array([each.domain for each in links.classes], np.uint8)[links.link_class[::2]]
    up = 2 * np.flatnonzero(domain == Domain.SCALE_UP)
    switched = plan.scale_up.kind in SWITCHED or plan.scale_up.kind == "pcie"
    names = [fabric.node_name(int(row)) for row in accelerators]
    ports = [f"{name}/scaleup" for name in names]
    if switched:
        own = np.arange(count) // plan.per_node
        near = (number[links.src[up]], up, np.ones(len(up)))
        inside[accelerators] = hosts.add(base + own, np.full(count, -1), near, ports)
        places = [f"{fabric.node_name(int(row))}/scaleup" for row in fabric.rows(Kind.HOST)]
        return _NONE, _NONE, _NONE, places, True
    row = np.stack([up, up + 1], axis=1).ravel()
    src, dst = number[links.src[row]], number[links.dst[row]]
    near = (src, row, np.ones(len(row)))
    inside[accelerators] = hosts.add(base + np.arange(count), np.full(count, -1), near, ports)
    return row, base + src, base + dst, names, False


def _reducers(fabric: Fabric, graph: SwitchGraph, hosts: _Hosts, inside: Ints, rows: Ints) -> None:
    """Hosts that stand for switches that add, each as fast as all links of its switch."""
    if not len(rows):
        return
    links, nodes, per_node = fabric.links, fabric.nodes, fabric.plan.per_node
    place = np.full(len(nodes), -1, np.int64)
    place[fabric.rows(Kind.HOST)] = np.arange(len(fabric.rows(Kind.HOST)))
    own = nodes.kind == Kind.SCALE_UP_SWITCH
    domain = np.where(own, place[nodes.parent], -1)
    first = fabric.rows(Kind.ACCELERATOR)[::per_node]
    for row in np.unique(rows).tolist():
        if inside[row] >= 0:
            continue
        alike = np.flatnonzero(domain == domain[row]) if own[row] else np.array([row])
        feeding = np.flatnonzero(np.isin(links.src, alike)).astype(np.int64)
        at = len(graph) + domain[row] if own[row] else graph.number[row]
        near = (np.zeros(len(feeding), np.int64), feeding, np.ones(len(feeding)))
        name = f"{fabric.node_name(int(first[domain[row]]) if own[row] else row)}/reducer"
        inside[alike] = hosts.add(np.array([at]), np.array([-1]), near, [name])
