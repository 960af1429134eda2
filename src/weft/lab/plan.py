"""What a lab consists of: nodes, links with their rates, routes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from ipaddress import IPv4Network
from typing import Any

from weft.errors import ConfigError, UnknownName
from weft.underlay import Role, Underlay


@dataclass(frozen=True, slots=True)
class LabPort:
    """One end of a link.

    Attributes:
        name: of the interface in its node's namespace.
        peer, peer_port: hostname of the node at the other end, and the port's name there.
        rate_Bps: in the lab.
        address: of the host port's /31 (or of a numbered link); "" where it has none.
        gateway: address that packets which leave here are handed to.
        mac, peer_mac: hardware addresses, in hexadecimal.
    """

    name: str
    peer: str
    peer_port: str
    rate_Bps: float
    address: str
    gateway: str
    mac: str
    peer_mac: str


@dataclass(frozen=True, slots=True)
class LabNode:
    """A namespace: a server with all its ports, or a switch.

    Attributes:
        name: hostname.
        role: ``host`` or ``switch``.
        kind: the fabric's kind: ``leaf``, ``spine``, ``host`` ...
        number: in the underlay.
        loopback: of switches; "" of hosts.
        prefix: of its hosts; "" of others.
        ports: in the underlay's order.
        routes: by destination switch: names of the ports to send by.
    """

    name: str
    role: str
    kind: str
    number: int
    loopback: str
    prefix: str
    ports: tuple[LabPort, ...]
    routes: Mapping[str, tuple[str, ...]]

    def index(self, place: int) -> int:
        """Return the interface number of a port in the node's namespace.

        No two nodes have one in common: where both ends of a veth pair had the same number, the kernel would take
        neither for stacked on another, and take its time to tell of a lost carrier.
        """
        return (self.number + 1) * 1000 + place + 1

    def place(self, port: str) -> int:
        """Return the place of a port among the ports.

        Raises:
            UnknownName: there is none of this name.
        """
        for place, mine in enumerate(self.ports):
            if mine.name == port:
                return place
        raise UnknownName(f"port of {self.name}", port, [mine.name for mine in self.ports])


@dataclass(frozen=True, slots=True)
class LabLink:
    """A veth pair; ``a`` is the lower end.

    Attributes:
        a, a_port, b, b_port: its ends.
        rate_Bps: each way, in the lab.
        design_rate_Bps: each way, in the design.
        delay_s: one way, in the lab's dilated time; 0 but of long links that are to have it.
    """

    a: str
    a_port: str
    b: str
    b_port: str
    rate_Bps: float
    design_rate_Bps: float
    delay_s: float = 0.0


@dataclass(frozen=True)
class LabPlan:
    """All that a lab needs to be brought up. `weft.lab.lab_plan` makes one.

    Attributes:
        name: of the cluster.
        nodes: switches first.
        links: in the order of the fabric's cables.
        dilation: design rate over lab rate: what takes a second in the design takes so many in the lab.
        mtu: of every port, bytes.
        queue_bytes: that a port lets wait.
        burst_bytes: that a port lets through at once; more than the largest packet that the kernel cuts late (GSO).
        source: the cluster file, absolute; "" where there is none.
        underlay: what it was made from; None in a plan that was read back.
    """

    name: str
    nodes: tuple[LabNode, ...]
    links: tuple[LabLink, ...]
    dilation: float
    mtu: int
    queue_bytes: int
    burst_bytes: int = 128 * 1024
    source: str = ""
    underlay: Underlay | None = field(default=None, compare=False, repr=False)

    @cached_property
    def by_name(self) -> dict[str, LabNode]:
        """Nodes by hostname."""
        return {node.name: node for node in self.nodes}

    @property
    def hosts(self) -> tuple[LabNode, ...]:
        """The servers."""
        return tuple(node for node in self.nodes if node.role == Role.HOST.value)

    @property
    def switches(self) -> tuple[LabNode, ...]:
        """Those that forward."""
        return tuple(node for node in self.nodes if node.role == Role.SWITCH.value)

    @cached_property
    def long_links(self) -> tuple[LabLink, ...]:
        """Links with a delay of their own."""
        return tuple(link for link in self.links if link.delay_s)

    def node(self, name: str) -> LabNode:
        """Return a node by hostname, or by the fabric's name with slashes.

        Raises:
            UnknownName: there is none.
        """
        found = self.by_name.get(name.replace("/", "-"))
        if found is None:
            raise UnknownName("node", name, self.by_name)
        return found

    def link(self, a: str, b: str) -> LabLink:
        """Return the link between two nodes, each written ``node`` or ``node:port``.

        Raises:
            UnknownName: no such node or port.
            ConfigError: they are not joined, or by several links and no port was named.
        """
        (a_name, _, a_port), (b_name, _, b_port) = a.partition(":"), b.partition(":")
        first, second = self.node(a_name), self.node(b_name)
        for node, port in ((first, a_port), (second, b_port)):
            if port:
                node.place(port)
        found = [
            link
            for link in self.links
            if (
                (link.a, link.b) == (first.name, second.name)
                and a_port in ("", link.a_port)
                and b_port in ("", link.b_port)
            )
            or (
                (link.b, link.a) == (first.name, second.name)
                and a_port in ("", link.b_port)
                and b_port in ("", link.a_port)
            )
        ]
        if not found:
            near = ", ".join(sorted({port.peer for port in first.ports}))
            raise ConfigError(f"{a} and {b} are not joined by a link; {first.name} is joined to {near}")
        if len(found) > 1:
            mine = sorted(link.a_port if link.a == first.name else link.b_port for link in found)
            raise ConfigError(
                f"{a} and {b} are joined by {len(found)} links; name a port, such as {first.name}:{mine[0]}"
            )
        return found[0]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON; the underlay is left out."""
        fields = ("name", "dilation", "mtu", "queue_bytes", "burst_bytes", "source")
        plain: dict[str, Any] = {name: getattr(self, name) for name in fields}
        return plain | {"nodes": [asdict(node) for node in self.nodes], "links": [asdict(link) for link in self.links]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> LabPlan:
        """Return the plan that `to_dict` wrote."""
        nodes = tuple(
            LabNode(
                **node
                | {
                    "ports": tuple(LabPort(**port) for port in node["ports"]),
                    "routes": {name: tuple(ports) for name, ports in node["routes"].items()},
                }
            )
            for node in plain["nodes"]
        )
        return cls(**dict(plain) | {"nodes": nodes, "links": tuple(LabLink(**link) for link in plain["links"])})


def prefix_of(plan: LabPlan, destination: str) -> IPv4Network:
    """Return the prefix that a destination switch announces."""
    return IPv4Network(plan.by_name[destination].prefix)


def seed(node: str) -> int:
    """Return a node's hash seed: its own, so that switches in a row choose apart, and the same on every machine."""
    return zlib.crc32(node.encode()) or 1
