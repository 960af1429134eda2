"""What the tests of the lab share: plans of the examples, packets between hosts, counters."""

from __future__ import annotations

import socket
import threading
import time
from functools import partial
from pathlib import Path

from weft.fabric import Cluster, build_fabric, load_cluster
from weft.lab import Lab, LabPlan, lab_plan, namespace
from weft.underlay import build_underlay

FAMILY = "wtest"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "lab"
TOPOLOGIES = ("leaf-spine", "fat-tree", "rail-only", "dragonfly", "two-sites")
UDP_PORT = 9999


def plan_of(name: str) -> LabPlan:
    path = EXAMPLES / name / "cluster.yaml"
    return lab_plan(build_underlay(build_fabric(load_cluster(path))), source=str(path))


def socket_in(lab: Lab, node: str, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """A socket on a node."""
    return namespace.within(lab.namespace(node), partial(socket.socket, socket.AF_INET, kind))


class Udp:
    """One UDP socket a host; who hears from whom."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.sockets = {host.name: socket_in(lab, host.name) for host in lab.plan.hosts}
        for one in self.sockets.values():
            one.bind(("0.0.0.0", UDP_PORT))
            one.setblocking(False)

    def __enter__(self) -> Udp:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.sockets.values():
            one.close()

    def heard(self, pairs: list[tuple[str, str]], wait_s: float = 1.0) -> set[tuple[str, str]]:
        """Send to each (host, address) and return which arrived."""
        for number, (source, address) in enumerate(pairs):
            try:
                self.sockets[source].sendto(str(number).encode(), (address, UDP_PORT))
            except OSError:
                continue
        got: set[tuple[str, str]] = set()
        end = time.monotonic() + wait_s
        while len(got) < len(pairs) and time.monotonic() < end:
            for one in self.sockets.values():
                try:
                    while True:
                        got.add(pairs[int(one.recv(100))])
                except BlockingIOError:
                    pass
            time.sleep(0.002)
        return got


def all_pairs(lab: Lab) -> list[tuple[str, str]]:
    """Every host to every address of every other host."""
    hosts = lab.plan.hosts
    return [(a.name, port.address) for a in hosts for b in hosts if a is not b for port in b.ports]


def sent(lab: Lab) -> dict[tuple[str, str], int]:
    """Packets sent by every port."""
    return {end: count.transmit_packets for end, count in lab.counters().items()}


def small_leaf_spine() -> LabPlan:
    """Four hosts, two leaves, two spines."""
    spec = {
        "nodes": 4,
        "node": {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx5", "nics": 1},
        "scale_out": {
            "topology": "leaf_spine",
            "protocol": "roce",
            "switch": "bcm_tomahawk3",
            "leaf_nodes": 2,
            "bundle": 1,
        },
    }
    return lab_plan(build_underlay(build_fabric(Cluster.model_validate(spec))))


def received(receiver: socket.socket, count: int, wait_s: float = 3.0) -> int:
    """How many datagrams arrive, of so many expected."""
    receiver.settimeout(wait_s)
    for number in range(count):
        try:
            receiver.recv(2000)
        except TimeoutError:
            return number
    return count


def transfer(lab: Lab, source: str, destination: str, data: bytes) -> bytes:
    """Send bytes over TCP and return what arrives."""
    address = (lab.plan.node(destination).ports[0].address, 7001)
    got = b""
    with (
        socket_in(lab, destination, socket.SOCK_STREAM) as server,
        socket_in(lab, source, socket.SOCK_STREAM) as sender,
    ):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen(1)
        sender.settimeout(20)
        sender.connect(address)
        taken, _ = server.accept()
        taken.settimeout(20)
        sending = threading.Thread(target=lambda: (sender.sendall(data), sender.shutdown(socket.SHUT_WR)))
        sending.start()
        with taken:
            while part := taken.recv(1 << 20):
                got += part
        sending.join()
    return got


def one_switch() -> LabPlan:
    """Three hosts on one switch."""
    node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx5", "nics": 1}
    scale_out = {"topology": "leaf_spine", "protocol": "roce", "switch": "bcm_tomahawk3"}
    return lab_plan(
        build_underlay(build_fabric(Cluster.model_validate({"nodes": 3, "node": node, "scale_out": scale_out})))
    )
