"""What hosts and switches do with packets: congestion control, path choice, queues, and their parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

CONTROLS = ("none", "nscc", "dctcp", "dcqcn", "hpcc", "timely", "swift")
BALANCES = ("one_path", "oblivious", "bitmap", "reps", "recycle", "mixed", "round_robin", "flowlet")
CHOICES = ("hashed", "shortest_queue", "two_choices", "in_turn", "flowlets")
QUEUES = ("drop", "trim", "pause", "credit")
WAYS = ("minimal", "valiant", "ugal")
RECOVERIES = ("selective", "go_back_n")

Control = Literal["none", "nscc", "dctcp", "dcqcn", "hpcc", "timely", "swift"]
Balance = Literal["one_path", "oblivious", "bitmap", "reps", "recycle", "mixed", "round_robin", "flowlet"]
Choice = Literal["hashed", "shortest_queue", "two_choices", "in_turn", "flowlets"]
Queues = Literal["drop", "trim", "pause", "credit"]
Way = Literal["minimal", "valiant", "ugal"]
Recovery = Literal["selective", "go_back_n"]


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How a simulation's traffic behaves. Blank sizes and times follow from the network (`resolved`).

    Attributes:
        control: congestion control of senders; ``none`` keeps the window as it is.
        receiver_driven: receivers grant credit (RCCC; with ``control: none`` much as EQDS and NDP).
        balance: how a sender chooses paths.
        paths: how many entropy values it uses, a power of two.
        switch_choice: how a switch chooses among equal next hops.
        way: through direct networks.
        queues: what a full queue does, or what keeps it from filling.
        recovery: what is sent again after a loss.
        mtu_bytes: a full packet on the wire, with its header.
        header_bytes: of it.
        control_bytes: an acknowledgement, a trimmed packet.
        queue_bytes: data a port holds; blank: one bandwidth-delay product (five where full queues drop).
        ecn_low_bytes, ecn_high_bytes: RED marks between; blank: 20 and 80 % of one bandwidth-delay product.
        ecn_last_hop: also on ports to hosts; blank: unless receivers drive.
        window_bytes: at first; blank: one and a half bandwidth-delay products.
        target_delay_s: queueing that delay-based control aims at; blank: 0.75 of the network's round trip where
            packets are trimmed, else the round trip.
        ack_every_bytes: data between acknowledgements of packets that do not ask for one.
        rto_s: retransmission time; blank: 15 us and six full queues.
        gap_packets: overtaken by so many is lost, where packets are not trimmed.
        seed: of all random choices.
    """

    control: Control = "nscc"
    receiver_driven: bool = False
    balance: Balance = "mixed"
    paths: int = 64
    switch_choice: Choice = "hashed"
    way: Way = "minimal"
    queues: Queues = "trim"
    recovery: Recovery = "selective"
    mtu_bytes: int = 4150
    header_bytes: int = 64
    control_bytes: int = 64
    queue_bytes: int | None = None
    ecn_low_bytes: int | None = None
    ecn_high_bytes: int | None = None
    ecn_last_hop: bool | None = None
    window_bytes: float | None = None
    target_delay_s: float | None = None
    ack_every_bytes: int = 16384
    rto_s: float | None = None
    gap_packets: int = 0
    flowlet_s: float = 50e-6
    seed: int = 13


def round_trip_s(rate_Bps: float, latency_s: float, links: int, transport: Transport) -> float:
    """Return the round trip of a full packet and its acknowledgement over so many links, with no queues."""
    sizes = transport.mtu_bytes + transport.control_bytes
    return 2 * latency_s + links * sizes / rate_Bps


def in_packets(size_bytes: float, mtu_bytes: int) -> int:
    """Return bytes rounded up to whole packets."""
    return math.ceil(round(size_bytes / mtu_bytes, 9)) * mtu_bytes
