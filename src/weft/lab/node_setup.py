"""What a node of a lab is given before anything forwards: kernel settings, addresses, neighbours, rates."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from weft.lab.netlink import Message
from weft.lab.netlink.addresses import add_address, set_neighbour
from weft.lab.netlink.links import set_link
from weft.lab.netlink.nexthops import set_group, set_nexthop
from weft.lab.netlink.queues import shape
from weft.lab.netlink.routes import set_route
from weft.lab.plan import LabNode, LabPlan, prefix_of, seed

LOOPBACK = 1
_GROUPS_FROM = 0x10000
# Source, destination, protocol and both ports. Policy 3 looks at the packet itself; policy 1 would take the hash that
# the sending socket left in the buffer, which a packet between namespaces still carries: no switch would ever see that.
HASH = {"ipv4/fib_multipath_hash_policy": 3, "ipv4/fib_multipath_hash_fields": 0x37}
_SEED = "ipv4/fib_multipath_hash_seed"


def sysctls(node: LabNode, *, link_local: bool) -> dict[str, object]:
    """Return the kernel settings of a node's namespace, by path below /proc/sys/net."""
    settings: dict[str, object] = {
        **HASH,
        "ipv4/conf/all/rp_filter": 0,
        "ipv4/conf/default/rp_filter": 0,
        "ipv4/conf/all/send_redirects": 0,
        "ipv4/conf/default/send_redirects": 0,
    }
    if Path("/proc/sys/net", _SEED).exists():
        settings[_SEED] = seed(node.name)
    if node.role == "switch":
        settings["ipv4/ip_forward"] = 1
    if link_local:
        settings["ipv6/conf/default/accept_dad"] = 0  # addresses made of hardware addresses that are ours: no wait
    elif Path("/proc/sys/net/ipv6").exists():
        settings["ipv6/conf/all/disable_ipv6"] = 1
        settings["ipv6/conf/default/disable_ipv6"] = 1
    return settings


def set_up(plan: LabPlan, node: LabNode, *, forwards: bool) -> Iterator[Message]:
    """Yield what sets a node's interfaces up, with rates; where its kernel forwards or is an end, addresses as well."""
    yield set_link(LOOPBACK, "lo", up=True)
    if forwards and node.loopback:
        yield add_address(LOOPBACK, "lo", IPv4Address(node.loopback), 32)
    for place in range(len(node.ports)):
        yield shaped(plan, node, place)
        yield from port_up(node, place, forwards=forwards)


def shaped(plan: LabPlan, node: LabNode, place: int, share: float = 1.0) -> Message:
    """Hold a port to a share of its rate."""
    port = node.ports[place]
    return shape(node.index(place), port.name, port.rate_Bps * share, plan.burst_bytes, plan.queue_bytes)


def port_up(node: LabNode, place: int, *, forwards: bool) -> Iterator[Message]:
    """Yield what sets one port up; also again, after it was down and the kernel forgot what it knew of it."""
    port, index = node.ports[place], node.index(place)
    if forwards and port.address:
        yield add_address(index, port.name, IPv4Address(port.address), 31)
    yield set_link(index, port.name, up=True)
    if forwards and port.gateway:
        yield neighbour(node, place)


def neighbour(node: LabNode, place: int) -> Message:
    """Say what is at the other end of a port, so that no packet waits for an answer that a full queue dropped."""
    port = node.ports[place]
    return set_neighbour(node.index(place), port.name, IPv4Address(port.gateway), bytes.fromhex(port.peer_mac))


def nexthop(node: LabNode, place: int) -> Message:
    """Make the next hop by a port; its number is the port's place, from 1."""
    port = node.ports[place]
    return set_nexthop(place + 1, node.index(place), port.name, IPv4Address(port.gateway))


def group_id(plan: LabPlan, destination: str) -> int:
    """Return the number of the group towards a destination, the same on every node."""
    return _GROUPS_FROM + plan.by_name[destination].number


def destination_of(plan: LabPlan, group: int) -> str:
    """Return the destination of a group; "" where it is none of a lab's groups."""
    number = group - _GROUPS_FROM
    return plan.nodes[number].name if 0 <= number < len(plan.nodes) else ""


def group(plan: LabPlan, node: LabNode, destination: str, hops: tuple[tuple[str, int], ...]) -> Iterator[Message]:
    """Yield what sends a destination's prefix by ports with weights."""
    number = group_id(plan, destination)
    ids = [(node.place(port) + 1, weight) for port, weight in hops]
    yield set_group(number, ids, f"send towards {destination} by {', '.join(port for port, _ in hops)}")
    yield set_route(prefix_of(plan, destination), number)


def designed_routes(plan: LabPlan, node: LabNode) -> Iterator[Message]:
    """Yield what makes a node send as the design has it."""
    for place in range(len(node.ports)):
        yield nexthop(node, place)
    for destination, ports in node.routes.items():
        if destination != node.name:
            yield from group(plan, node, destination, tuple((port, 1) for port in ports))
