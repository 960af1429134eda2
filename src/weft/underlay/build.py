"""Devices, ports and addresses from a fabric's graph. Complexity: linear in cables, but for sorting them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

import numpy as np

from weft.errors import ConfigError, InternalError
from weft.fabric import Fabric
from weft.fabric.hardware import switch_ports
from weft.fabric.names import name_of
from weft.fabric.tables import IntArray, Kind
from weft.underlay.autonomous_systems import asns
from weft.underlay.model import Device, Port, Role, Underlay
from weft.underlay.numbering import Pool, check_apart, path_number, power_of_two, switch_number
from weft.underlay.wiring import wiring_of

_NONE = -1  # no address


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
    return Underlay(fabric, work.options, work.devices())


class _Builder:
    def __init__(self, fabric: Fabric) -> None:
        self.fabric, self.nodes = fabric, fabric.nodes
        self.options = fabric.plan.cluster.underlay
        self.hosts = Pool(self.options.hosts, "underlay.hosts", "the host ports")
        self.loopbacks = Pool(self.options.loopbacks, "underlay.loopbacks", "the switches' loopbacks")
        self.between = Pool(self.options.links, "underlay.links", "the links between switches")
        check_apart([self.hosts, self.loopbacks, self.between])
        self.wired = wiring_of(fabric)
        if not len(self.wired.links.rows):
            raise ConfigError(
                "the cluster has no scale_out network, so there is no switch to configure", field="scale_out"
            )
        self.rows = self.wired.rows.tolist()
        w = self.wired
        self.ports = np.diff(w.first)
        self.slowest_Bps = np.full(len(self.rows), np.inf)
        np.minimum.at(self.slowest_Bps, w.device, np.repeat(w.links.rate_Bps, 2))

    def devices(self) -> tuple[Device, ...]:
        """Return all devices with their ports."""
        w = self.wired
        own = self.rows[: w.switches]
        ends = self.wired.rows[w.device].reshape(-1, 2)
        asn = asns(self.options.asn, self.nodes, own, ends)
        prefixes = self._prefixes()
        ports = self._ports(prefixes)
        devices = []
        for number, row in enumerate(self.rows):
            name = name_of(self.nodes, row)
            common = (number, row, name, name.replace("/", "-"))
            kind, mine = Kind(int(self.nodes.kind[row])).label, ports[number]
            if number >= w.switches:
                devices.append(Device(*common, Role.HOST, kind, mine))
                continue
            loopback = self.loopbacks.address(switch_number(self.nodes, row))
            devices.append(Device(*common, Role.SWITCH, kind, mine, asn[row], loopback, prefixes.get(number)))
        _check_unique(devices)
        return tuple(devices)

    def _ports(self, prefixes: dict[int, IPv4Network]) -> list[tuple[Port, ...]]:
        """Return the ports of each device."""
        w, order = self.wired, self.wired.order
        other = order ^ 1
        served = _first_served(self.fabric)
        columns = zip(
            w.device[order].tolist(),
            w.place[order].tolist(),
            w.device[other].tolist(),
            w.place[other].tolist(),
            w.links.cables.ravel()[order].tolist(),
            w.links.cables.ravel()[other].tolist(),
            w.links.rate_Bps[order >> 1].tolist(),
            self._addresses(prefixes)[order].tolist(),
            w.to_host[order].tolist(),
            w.links.rows.ravel()[order].tolist(),
            [w.links.texts[end] for end in order.tolist()],
            strict=True,
        )
        names: dict[tuple[str, int], str] = {}  # few different ones: a name is worked out once
        made = []
        for device, n, peer, peer_port, cable, far, rate_Bps, address, to_host, row, text in columns:
            host = device >= w.switches
            if (key := ("eth" if host else text, n)) not in names:
                names[key] = f"eth{n}" if host else _switch_port(text, n)
            given = None if address == _NONE else IPv4Address(address)
            faces = Role.HOST if to_host else Role.SWITCH
            accelerator = served.get(row, -1) if host else -1
            made.append(Port(names[key], device, peer, peer_port, cable, far, rate_Bps, given, faces, accelerator))
        first = w.first.tolist()
        return [tuple(made[a:b]) for a, b in itertools.pairwise(first)]

    def _slots(self, numbers: Sequence[int]) -> int:
        """Return how many ports each of some switches is given numbers for: a power of two no less than any of them
        has, connected or not, which growth does not change."""
        slots = 1
        for part, rate_Bps in {
            (int(self.nodes.part[self.rows[number]]), float(self.slowest_Bps[number])) for number in numbers
        }:
            slots = max(slots, _ports(self.fabric, part, rate_Bps))
        return power_of_two(max([slots, *(int(self.ports[number]) for number in numbers)]))

    def _prefixes(self) -> dict[int, IPv4Network]:
        """Return by switch what it announces for its hosts."""
        w = self.wired
        with_hosts = [n for n in np.unique(w.device[w.to_host]).tolist() if n < w.switches]
        size = 2 * self._slots(with_hosts)
        return {number: self.hosts.block(path_number(self.nodes, self.rows[number]), size) for number in with_hosts}

    def _addresses(self, prefixes: dict[int, IPv4Network]) -> IntArray:
        """Return the address of every end: the switch's is the even one, or of two switches the lower end's."""
        w = self.wired
        at_host = w.device >= w.switches
        address = np.full(len(w.device), _NONE, np.int64)
        first = np.zeros(len(self.rows), np.int64)
        for number, prefix in prefixes.items():
            first[number] = int(prefix.network_address)
        here = np.flatnonzero(w.to_host & ~at_host)
        address[here] = first[w.device[here]] + 2 * w.place[here]  # ports to hosts come first: the place is the seat
        address[here ^ 1] = address[here] + 1
        if self.options.bgp == "numbered":
            lower = np.flatnonzero(~w.to_host & ~at_host)
            lower = lower[lower % 2 == 0]
            below, at = np.unique(w.device[lower], return_inverse=True)
            slots = self._slots(below.tolist())
            numbers = np.array([switch_number(self.nodes, self.rows[n]) for n in below.tolist()], np.int64)
            block = numbers[at] * slots + w.number[lower >> 1]
            self.between.block(int(block.max(initial=0)), 2)  # the pool is large enough for the last
            address[lower] = int(self.between.network.network_address) + 2 * block
            address[lower + 1] = address[lower] + 1
        return address


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
    loopbacks = [int(device.loopback) for device in devices if device.loopback is not None]
    addresses = [int(port.address) for device in devices for port in device.ports if port.address is not None]
    prefixes = [int(device.prefix.network_address) for device in devices if device.prefix is not None]
    for given, what in ((loopbacks, "loopback"), (addresses, "address"), (prefixes, "prefix")):
        if len(set(given)) != len(given):
            raise InternalError(f"two devices were given the same {what}")
