"""What the kernels say a flow's path will be is the path that its packets take: in three tiers, two choices up."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from lab_helpers import sent, socket_in

from weft.lab import Lab
from weft.lab.netlink.routes import Flow
from weft.lab.predict import path

FLOWS, PACKETS = 50, 20


def random_flows(lab: Lab, protocol: int) -> Iterator[tuple[str, str, Flow]]:
    chance = random.Random(protocol)
    ports = chance.sample(range(20_000, 30_000), 2 * FLOWS)
    for number in range(FLOWS):
        a, b = chance.sample(lab.plan.hosts, 2)
        addresses = (IPv4Address(a.ports[0].address), IPv4Address(b.ports[0].address))
        yield a.name, b.name, Flow(*addresses, protocol, *ports[2 * number : 2 * number + 2])


def reverse(flow: Flow) -> Flow:
    return Flow(flow.destination, flow.source, flow.protocol, flow.destination_port, flow.source_port)


def risen(lab: Lab, before: dict[tuple[str, str], int], least: int) -> set[tuple[str, str]]:
    """Ports that have sent at least so many packets more; waits for the last of them."""
    after = sent(lab)
    return {port for port, count in after.items() if count - before[port] >= least}


def settled(
    lab: Lab, before: dict[tuple[str, str], int], least: int, ports: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    end = time.monotonic() + 0.5
    while (found := risen(lab, before, least)) != ports and time.monotonic() < end:
        time.sleep(0.002)
    return found


def test_udp_flows_take_the_predicted_ports(labs: Callable[[str], Lab]) -> None:
    lab = labs("fat-tree")
    lengths = set()
    for a, b, flow in random_flows(lab, 17):
        predicted = set(path(lab, flow))
        with socket_in(lab, a) as sender, socket_in(lab, b) as receiver:
            receiver.bind((str(flow.destination), flow.destination_port))
            sender.bind((str(flow.source), flow.source_port))
            before = sent(lab)
            for _ in range(PACKETS):
                sender.sendto(b"x" * 100, (str(flow.destination), flow.destination_port))
            assert settled(lab, before, PACKETS, predicted) == predicted
            assert risen(lab, before, 1) == predicted
        lengths.add(len(predicted))
    assert lengths == {2, 4, 6}


def test_tcp_flows_take_the_predicted_ports_both_ways(labs: Callable[[str], Lab]) -> None:
    lab = labs("fat-tree")
    for a, b, flow in random_flows(lab, 6):
        predicted = set(path(lab, flow)) | set(path(lab, reverse(flow)))
        with socket_in(lab, a, socket.SOCK_STREAM) as sender, socket_in(lab, b, socket.SOCK_STREAM) as server:
            server.bind((str(flow.destination), flow.destination_port))
            server.listen(1)
            sender.bind((str(flow.source), flow.source_port))
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            before = sent(lab)
            sender.connect((str(flow.destination), flow.destination_port))
            taken, _ = server.accept()
            with taken:
                for _ in range(PACKETS // 2):
                    sender.sendall(b"x" * 100)
                    taken.recv(1000)
                    taken.sendall(b"y" * 100)
                    sender.recv(1000)
                assert settled(lab, before, PACKETS // 2, predicted) == predicted
                assert risen(lab, before, 1) == predicted


def test_flows_spread_over_all_equal_paths(labs: Callable[[str], Lab]) -> None:
    """400 flows over four paths: each has within five standard deviations of a hundred."""
    lab = labs("fat-tree")
    source, destination = lab.plan.hosts[0].ports[0].address, lab.plan.hosts[-1].ports[0].address
    count: dict[tuple[tuple[str, str], ...], int] = {}
    for number in range(400):
        flow = Flow(IPv4Address(source), IPv4Address(destination), 17, 10_000 + number, 4791)
        taken = tuple(path(lab, flow))
        count[taken] = count.get(taken, 0) + 1
    assert len(count) == 4
    assert all(abs(number - 100) < 5 * (400 * 0.25 * 0.75) ** 0.5 for number in count.values())
