"""A row of a packet simulator's output as a network, a transport and flows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from weft.engines.packet.fat_tree import FatTree, Tier, regular
from weft.engines.packet.flows import Flows, all_to_all, incast, permutation, simple
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError

MTU, HEADER = 4150, 64
_SIZES = {"b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}
_LATENCY_s = 1e-6
_ONE_ACK = 4000  # bytes: below a packet, so that each is acknowledged


class Inexpressible(Exception):
    """A row states too little, or what is not modelled."""


@dataclass(frozen=True)
class Case:
    """What to simulate for a row.

    Attributes:
        network, transport, flows: of one run.
        seeds: how many runs its figures are medians of.
    """

    network: PacketNetwork
    transport: Transport
    flows: Flows
    seeds: int = 1


def case_of(row: dict[str, Any], seed: int = 0) -> Case:
    """Return the case that a row states.

    Raises:
        Inexpressible: with the reason.
    """
    try:
        flows = _flows(row, seed)
        tree = _tree(row, int(max(flows.src.max(), flows.dst.max())) + 1)
        transport = _transport(row, seed)
        network = tree.network(_whole(row, "failed_core_links", 0))
    except ConfigError as error:
        raise Inexpressible(str(error)) from None
    return Case(network, transport, flows, _seeds(row, transport, network.hosts))


def _seeds(row: dict[str, Any], transport: Transport, hosts: int) -> int:
    """How many runs: a random permutation's tail is one flow's luck, and on single paths everything is."""
    if "permutation" not in str(row.get("traffic") or "").lower():
        return 1
    if transport.paths == 1:
        return 5 if hosts > 256 else 25
    return 3 if hosts > 256 else 9


def _whole(row: dict[str, Any], key: str, default: int) -> int:
    value = row.get(key, default)
    if not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise Inexpressible(f"{key}: a whole number belongs here, read {value!r}")
    return value


def _transport(row: dict[str, Any], seed: int) -> Transport:
    text = str(row.get("transport") or "").lower()
    nscc, rccc = "nscc" in text, "rccc" in text or "eqds" in text or "ndp" in text
    if not nscc and not rccc:
        raise Inexpressible(f"no parameters are known for the transport {row.get('transport')!r}")
    balance = {"reps_legacy": "recycle"}.get(
        str(row.get("load_balancing", "mixed")), row.get("load_balancing", "mixed")
    )
    one_ack = "1sack/packet" in str(row.get("experiment", "")).lower().replace(" ", "")
    one_ack = one_ack or "1 packet per sack" in str(row.get("experiment", "")).lower()
    queue, window = _whole(row, "queue_pkts", 0), _whole(row, "cwnd_pkts", 0)
    return Transport(
        control="nscc" if nscc else "none",
        receiver_driven=rccc,
        balance=balance,
        paths=_whole(row, "paths", 64),
        queue_bytes=queue * MTU or None,
        window_bytes=window * MTU or None,
        ack_every_bytes=_ONE_ACK if one_ack else 16384,
        seed=13 + seed,
    )


def _tree(row: dict[str, Any], least: int) -> FatTree:
    text = str(row.get("topology") or "").lower()
    rate_Bps = _rate_Bps(row)
    hosts = max(_whole(row, "n_hosts", 0), least)
    if "leaf-spine" in text or "2-tier" in text:
        down = re.search(r"(\d+) hosts per leaf", text)
        up = re.search(r"(\d+) uplinks(?: of (\d+) ?g)?", text)
        over = re.search(r"(\d+):1", text)
        if down is None:
            return regular(hosts, 2, rate_Bps, _LATENCY_s)
        leaf = int(down.group(1))
        uplinks = int(up.group(1)) if up else leaf // (int(over.group(1)) if over else 1)
        above_Bps = float(up.group(2)) * 1e9 / 8 if up and up.group(2) else rate_Bps
        below = Tier(rate_Bps, _LATENCY_s, leaf, uplinks)
        return FatTree(hosts, hosts, (below, Tier(above_Bps, _LATENCY_s, hosts // max(1, leaf))))
    if "fat tree" in text or "fat-tree" in text or "3-tier" in text:
        k = 2
        while k**3 // 4 < hosts:
            k += 2
        return regular(k**3 // 4, 3, rate_Bps, _LATENCY_s)
    raise Inexpressible(f"no network is known for the topology {row.get('topology')!r}")


def _rate_Bps(row: dict[str, Any]) -> float:
    value = row.get("link_Gbps")
    if not isinstance(value, int | float) or not 0 < value < 1e5:
        raise Inexpressible("the links' rate is not stated (link_Gbps)")
    return float(value) * 1e9 / 8


def _size(text: str) -> int:
    """Return the first size that a text names, in bytes."""
    found = re.search(r"(\d+(?:\.\d+)?) ?(gb|mb|kb)\b", text)
    if found is None:
        raise Inexpressible("the size of a flow is not stated")
    return round(float(found.group(1)) * _SIZES[found.group(2)])


def _flows(row: dict[str, Any], seed: int) -> Flows:
    text = str(row.get("traffic") or "").lower()
    hosts = _whole(row, "n_hosts", 0)
    hosts = hosts or int(_number(text, r"permutation (\d+) hosts", 0))
    if "permutation" in text:
        if hosts < 2:
            raise Inexpressible("the number of hosts is not stated (n_hosts)")
        return permutation(hosts, _size(text), seed)
    if "join" in text:
        return _joining(text)
    if "also send" in text:
        return _outcast(text)
    if "incast" in text or " to 1" in text:
        senders = int(_number(text, r"(\d+) ?(?:to|:) ?1\b", 0)) or _whole(row, "n_flows", 0)
        if senders < 1:
            raise Inexpressible("the number of senders is not stated")
        return incast(senders, _size(text))
    if "all-to-all" in text or "all to all" in text:
        if hosts < 2:
            raise Inexpressible("the number of hosts is not stated (n_hosts)")
        return all_to_all(hosts, _size(text))
    if "opposite" in text:
        size = _size(text)
        return simple([0, 9], [9, 0], size)
    messages = re.search(r"(one|\d+) messages? of (\d+) packets?", text)
    if messages:
        count = 1 if messages.group(1) == "one" else int(messages.group(1))
        return simple([0], [1], count * int(messages.group(2)) * (MTU - HEADER))
    if "one flow" in text:
        return simple([0], [max(1, hosts - 1)], _size(text))
    raise Inexpressible(f"no flows are known for the traffic {row.get('traffic')!r}")


def _number(text: str, pattern: str, default: float) -> float:
    found = re.search(pattern, text)
    return float(found.group(1)) if found else default


def _joining(text: str) -> Flows:
    """One long flow, and short ones to the same receiver that begin later."""
    long, short = (_size(part) for part in text.split(",", 1))
    count = {"two": 2, "three": 3, "four": 4}.get(text.split(",", 1)[1].split()[0], 1)
    start_s = _number(text, r"t ?= ?(\d+)", 0) * 1e-6
    src = np.array([127, *(95 - 34 * i for i in range(count))])
    sizes, starts = np.full(count + 1, short, np.int64), np.full(count + 1, start_s)
    sizes[0], starts[0] = long, 0.0
    return Flows(src, np.zeros(count + 1, np.int64), sizes, starts)


def _outcast(text: str) -> Flows:
    """Senders to one receiver, some of which also send to others."""
    found = re.search(r"nodes ([\d,]+) to node (\d+).*nodes ([\d, and]+) also send (\d+) flows", text)
    if found is None:
        raise Inexpressible("who sends to whom is not stated")
    senders, to = [int(node) for node in found.group(1).split(",")], int(found.group(2))
    busy = [int(node) for node in re.findall(r"\d+", found.group(3))]
    src, dst, other = list(senders), [to] * len(senders), 10
    for node in busy:
        for _ in range(int(found.group(4))):
            src.append(node)
            dst.append(other)
            other += 5
    return simple(src, dst, _size(text))
