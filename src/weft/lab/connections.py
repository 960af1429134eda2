"""Which TCP connections a job has, and which way the kernels send each: what the hash really chose."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address

from weft.errors import ConfigError, InfeasibleError
from weft.lab.lab import Lab
from weft.lab.netlink.routes import Flow
from weft.lab.predict import PROTOCOLS, path
from weft.lab.workloads.ranks import Rank


def connections(lab: Lab, ranks: Sequence[Rank]) -> dict[tuple[int, int], tuple[Flow, int]]:
    """Return by (source rank, destination rank) the connection that has sent most, and how many bytes that is.

    Raises:
        ConfigError: ``ss`` is not there.
    """
    number = {rank.address: rank.number for rank in ranks}
    found: dict[tuple[int, int], tuple[Flow, int]] = {}
    for rank in ranks:
        for flow, sent in _of_host(lab, rank.host):
            pair = number.get(str(flow.source)), number.get(str(flow.destination))
            if pair[0] is None or pair[1] is None or pair[0] == pair[1]:
                continue
            known = found.get((pair[0], pair[1]))
            if known is None or sent > known[1]:
                found[pair[0], pair[1]] = flow, sent
    return found


def switches_on(lab: Lab, flow: Flow) -> list[str]:
    """Return the switches on a flow's way as the kernels would send it now."""
    return [node for node, _ in path(lab, flow) if lab.plan.by_name[node].role == "switch"]


def _of_host(lab: Lab, host: str) -> list[tuple[Flow, int]]:
    """Return the TCP connections of a host's processes, and how many bytes each has sent."""
    try:
        process = lab.spawn(host, ["ss", "-tinHO"], stdout=subprocess.PIPE, text=True)
    except InfeasibleError:
        raise ConfigError("there is no ss on this machine: apt install iproute2") from None
    out, _ = process.communicate()
    found = []
    for line in out.splitlines():
        words = line.split()
        if len(words) < 5 or words[0] != "ESTAB":
            continue
        (source, _, from_port), (to, _, to_port) = words[3].rpartition(":"), words[4].rpartition(":")
        sent = next((int(word.partition(":")[2]) for word in words if word.startswith("bytes_sent:")), 0)
        flow = Flow(_address(source), _address(to), PROTOCOLS["tcp"], int(from_port), int(to_port))
        found.append((flow, sent))
    return found


def _address(text: str) -> IPv4Address:
    """Read an address, also as a socket of both families writes it: ``[::ffff:10.0.0.1]``."""
    return IPv4Address(text.strip("[]").rpartition(":")[2].partition("%")[0])
