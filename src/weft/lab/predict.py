"""Which way a flow goes: the kernel of each hop is asked what it would do with a packet of that five-tuple."""

from __future__ import annotations

from ipaddress import IPv4Address

from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.lab.lab import Lab
from weft.lab.netlink.routes import Flow, look_up
from weft.lab.plan import LabNode

PROTOCOLS = {"tcp": 6, "udp": 17}
_MOST_HOPS = 64


def path(lab: Lab, flow: Flow) -> list[tuple[str, str]]:
    """Return the (node, port) pairs by which a flow leaves each node on its way, from its source to its destination.

    Complexity: one question to one kernel a hop, some 20 microseconds each.

    Raises:
        ConfigError: its source is no address of a host, or the switches are not this kernel's.
        NetlinkError: a node has no route.
        InfeasibleError: it goes in a circle.
    """
    if not lab.backend.kernel_switches:
        raise ConfigError(
            f"paths are known in advance where the kernel forwards; here it is the {lab.backend.name} backend"
        )
    node, arrived_by = owner(lab, flow.source), 0
    ports = {
        name: {mine.index(place): place for place in range(len(mine.ports))} for name, mine in lab.plan.by_name.items()
    }
    found: list[tuple[str, str]] = []
    while len(found) < _MOST_HOPS:
        route = look_up(lab.sockets[node.name], flow, arrived_by)
        if route.local:
            return found
        port = node.ports[ports[node.name][route.interface]]
        found.append((node.name, port.name))
        node = lab.plan.by_name[port.peer]
        arrived_by = node.index(node.place(port.peer_port))
    raise InfeasibleError(f"the flow from {flow.source} to {flow.destination} goes in a circle")


def flow_between(lab: Lab, source: str, destination: str, protocol: str, from_port: int, to_port: int) -> Flow:
    """Return the flow between two hosts, each written ``host`` (its first port) or ``host:port``.

    Raises:
        UnknownName: no such host, port or protocol.
        ConfigError: a switch was named.
    """
    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    return Flow(_address(lab, source), _address(lab, destination), PROTOCOLS[protocol], from_port, to_port)


def _address(lab: Lab, text: str) -> IPv4Address:
    name, _, port = text.partition(":")
    node = lab.plan.node(name)
    if node.role != "host":
        raise ConfigError(f"{name} is a switch; flows begin and end at hosts, such as {lab.plan.hosts[0].name}")
    return IPv4Address(node.ports[node.place(port) if port else 0].address)


def owner(lab: Lab, address: IPv4Address) -> LabNode:
    """Return the host that has an address.

    Raises:
        ConfigError: none has.
    """
    for host in lab.plan.hosts:
        if any(port.address == str(address) for port in host.ports):
            return host
    first = lab.plan.hosts[0]
    raise ConfigError(f"{address} is no host's address; {first.name} has {first.ports[0].address}")
