"""Devices, ports and addresses from a fabric's graph. Complexity: linear in cables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import numpy as np

from weft.errors import ConfigError, InternalError
from weft.fabric import Fabric
from weft.fabric.cabling.counting import device_of
from weft.fabric.cabling.schedule import port_names
from weft.fabric.hardware import switch_ports
from weft.fabric.tables import Domain, Kind
from weft.underlay.autonomous_systems import asns
from weft.underlay.model import Device, Port, Role, Underlay
from weft.underlay.numbering import Pool, check_apart, path_number, power_of_two, switch_number

_SWITCHES = (Kind.LEAF, Kind.ROUTER, Kind.SPINE, Kind.CORE)


def build_underlay(fabric: Fabric) -> Underlay:
    """Return the IP underlay of a fabric's compute network; front-end and storage networks are not in it.

    Raises:
        ConfigError: it has no switches to configure, or an address pool is too small.
    """
    if fabric.network.topology == "hamming_mesh":
        raise ConfigError(
            "accelerators forward for each other in a hamming_mesh, there are no routers to configure between them",
            field="scale_out.topology",
        )
    work = _Builder(fabric)
    if not work.links:
        raise ConfigError("the cluster has no scale_out network, so there is no switch to configure", field="scale_out")
    return Underlay(fabric, work.options, work.devices())


@dataclass(slots=True)
class _Link:
    """A link between two devices: node rows of its ends (NICs for hosts), port texts, cables, rate."""

    rows: tuple[int, int]
    texts: tuple[str, str]
    cables: tuple[int, int]
    rate_Bps: float
    number: int = 0  # among those that lead up from its lower end


class _Builder:
    def __init__(self, fabric: Fabric) -> None:
        self.fabric, self.nodes = fabric, fabric.nodes
        self.options = fabric.plan.cluster.underlay
        self.hosts = Pool(self.options.hosts, "underlay.hosts", "the host ports")
        self.loopbacks = Pool(self.options.loopbacks, "underlay.loopbacks", "the switches' loopbacks")
        self.between = Pool(self.options.links, "underlay.links", "the links between switches")
        check_apart([self.hosts, self.loopbacks, self.between])
        self.links = self._links()
        rows = np.array([link.rows for link in self.links], np.int64).reshape(-1, 2)
        ends = device_of(self.nodes, rows.ravel()).reshape(-1, 2)
        self.ends: list[tuple[int, int]] = [(a, b) for a, b in ends.tolist()]
        found = np.unique(ends)
        switch = np.isin(self.nodes.kind[found], _SWITCHES)
        self.rows = [*found[switch].tolist(), *found[~switch].tolist()]
        self.switches = int(switch.sum())
        self.number = {row: number for number, row in enumerate(self.rows)}
        self.at: dict[int, list[tuple[int, int]]] = defaultdict(list)  # by device row: its links, and which end it is
        for index, (a, b) in enumerate(self.ends):
            self.at[a].append((index, 0))
            self.at[b].append((index, 1))
        for row, links in self.at.items():
            links.sort(key=lambda link: (not self._to_host(*link), link))
            for up, (index, end) in enumerate(link for link in links if not self._to_host(*link)):
                if end == 0 or self._is_host(row):
                    self.links[index].number = up

        own = self.rows[: self.switches]
        self.host_slots = self._slots([row for row in own if any(self._to_host(*link) for link in self.at[row])])
        lower = {self.ends[index][0] for row in own for index, end in self.at[row] if end}
        self.link_slots = self._slots(sorted(lower & set(own)))

    def _links(self) -> list[_Link]:
        """Return the links of the compute network; where an optical circuit joins two fibres, they are one."""
        fabric = self.fabric
        cables, lower, upper = port_names(fabric)
        classes = fabric.links.classes
        mine = np.array([c.domain in (Domain.SCALE_OUT, Domain.LONG_HAUL) for c in classes], bool)
        src, dst = fabric.links.src[::2], fabric.links.dst[::2]
        index = fabric.links.link_class[::2]
        rate_Bps = [c.rate_Bps for c in classes]
        text = {int(cable): (str(a), str(b)) for cable, a, b in zip(cables, lower, upper, strict=True)}
        found = []
        for cable in np.flatnonzero(mine[index]).tolist():
            if Kind.OCS in (self.nodes.kind[src[cable]], self.nodes.kind[dst[cable]]):
                continue
            ends = (int(src[cable]), int(dst[cable]))
            found.append(_Link(ends, text.get(cable, ("", "")), (cable, cable), rate_Bps[index[cable]]))
        if fabric.network.circuits is not None:
            for a, b in fabric.network.circuits.tolist():
                ends = (int(src[a]), int(src[b]))
                rate = min(rate_Bps[index[a]], rate_Bps[index[b]])
                found.append(_Link(ends, (text[a][0], text[b][0]), (a, b), rate))
        return found

    def _is_host(self, row: int) -> bool:
        return self.number[row] >= self.switches

    def _to_host(self, link: int, end: int) -> bool:
        return self._is_host(self.ends[link][1 - end])

    def devices(self) -> tuple[Device, ...]:
        """Return all devices with their ports."""
        place = {  # where a link is among the ports of its two devices
            (index, end): n for links in self.at.values() for n, (index, end) in enumerate(links)
        }
        asn = asns(self.options.asn, self.nodes, self.rows[: self.switches], np.array(self.ends))
        served = _first_served(self.fabric)
        seats = self._seats()
        devices = []
        for number, row in enumerate(self.rows):
            host = self._is_host(row)
            ports = []
            for n, (index, end) in enumerate(self.at[row]):
                link, peer = self.links[index], self.ends[index][1 - end]
                ports.append(
                    Port(
                        f"eth{n}" if host else _switch_port(link.texts[end], n),
                        number,
                        self.number[peer],
                        place[(index, 1 - end)],
                        link.cables[end],
                        link.cables[1 - end],
                        link.rate_Bps,
                        self._address(index, end, seats),
                        Role.HOST if self._is_host(peer) else Role.SWITCH,
                        served.get(link.rows[end], -1) if host else -1,
                    )
                )
            name = self.fabric.node_name(row)
            common = (number, row, name, name.replace("/", "-"))
            kind = Kind(int(self.nodes.kind[row])).label
            if host:
                devices.append(Device(*common, Role.HOST, kind, tuple(ports)))
                continue
            loopback = self.loopbacks.address(switch_number(self.nodes, row))
            has_hosts = any(port.faces is Role.HOST for port in ports)
            prefix = self._prefix(row) if has_hosts else None
            devices.append(Device(*common, Role.SWITCH, kind, tuple(ports), asn[row], loopback, prefix))
        _check_unique(devices)
        return tuple(devices)

    def _slots(self, rows: Sequence[int]) -> int:
        """Return how many ports each of some switches is given numbers for: a power of two no less than any of them
        has, connected or not, which growth does not change."""
        slots = 1
        for kind in {(int(self.nodes.part[row]), self._slowest(row)) for row in rows}:
            slots = max(slots, _ports(self.fabric, *kind))
        return power_of_two(max([slots, *(len(self.at[row]) for row in rows)]))

    def _slowest(self, row: int) -> float:
        return min(self.links[index].rate_Bps for index, _ in self.at[row])

    def _prefix(self, row: int) -> IPv4Network:
        return self.hosts.block(path_number(self.nodes, row), 2 * self.host_slots)

    def _seats(self) -> dict[int, int]:
        """Return by link the even address of every host port: its seat is its place among its switch's host ports."""
        seats = {}
        for row in self.rows[: self.switches]:
            hosted = [index for index, end in self.at[row] if self._to_host(index, end)]
            if hosted:
                first = int(self._prefix(row).network_address)
                seats.update({index: first + 2 * seat for seat, index in enumerate(hosted)})
        return seats

    def _address(self, index: int, end: int, seats: dict[int, int]) -> IPv4Address | None:
        """Return a port's address: the switch's is the even one, or of two switches the lower end's."""
        if index in seats:
            return IPv4Address(seats[index] + self._is_host(self.ends[index][end]))
        if self.options.bgp == "unnumbered":
            return None
        lower = switch_number(self.nodes, self.ends[index][0])
        return self.between.block(lower * self.link_slots + self.links[index].number, 2)[end]


def _first_served(fabric: Fabric) -> dict[int, int]:
    """Return by NIC row the accelerator that it serves first."""
    nodes, links = fabric.nodes, fabric.links
    lower, upper = links.src[::2], links.dst[::2]
    mine = (nodes.kind[upper] == Kind.NIC) & (nodes.kind[lower] == Kind.ACCELERATOR)
    number = np.cumsum(nodes.kind == Kind.ACCELERATOR) - 1
    served: dict[int, int] = {}
    for accelerator, nic in zip(number[lower[mine]].tolist(), upper[mine].tolist(), strict=True):
        served.setdefault(nic, accelerator)
    return served


def _ports(fabric: Fabric, part: int, rate_Bps: float) -> int:
    try:
        return 0 if part < 0 else switch_ports(fabric.parts[part], rate_Bps)
    except ConfigError:  # all its ports are slower: the file gave a radix of its own
        return 0


def _switch_port(text: str, place: int) -> str:
    """Return ``swp3`` for cage 3, ``swp3s0`` for its first leg; by place where no schedule has the port."""
    cage, _, leg = text.partition(".")
    if not cage:
        return f"swp{place + 1}"
    return f"swp{cage}s{int(leg) - 1}" if leg else f"swp{cage}"


def _check_unique(devices: list[Device]) -> None:
    """Make sure of what the numbering promises."""
    loopbacks = [device.loopback for device in devices if device.loopback is not None]
    addresses = [port.address for device in devices for port in device.ports if port.address is not None]
    prefixes = [device.prefix for device in devices if device.prefix is not None]
    for given, what in ((loopbacks, "loopback"), (addresses, "address"), (prefixes, "prefix")):
        if len(set(given)) != len(given):
            raise InternalError(f"two devices were given the same {what}")
