"""Transports by name: what is used together, and who says so.

A preset leaves blank what follows from the network (`weft.engines.packet.transport.settle`); any field of a
`Transport` can be changed. Sizes and times that their sources give for one rate are scaled to the network's there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from weft.engines.packet.transport import FIELDS, Transport
from weft.errors import UnknownName

#: A threshold of marking that no queue reaches.
NO_MARKS = (1 << 31) - 1
#: Bytes: a window that bounds nothing.
NO_WINDOW = float((1 << 31) - 1)
#: Local acknowledgement time-out of queue pairs: 4.096 us x 2^n (InfiniBand Architecture Specification), and n is 14 in
#: perftest and the examples of rdma-core.
_ACK_TIMEOUT_s = 4.096e-6 * 2**14
_LOSSLESS: dict[str, Any] = {"queues": "pause", "recovery": "go_back_n", "balance": "one_path", "rto_s": _ACK_TIMEOUT_s}
_UNMARKED: dict[str, Any] = {"ecn_low_bytes": NO_MARKS, "ecn_high_bytes": NO_MARKS}
_EACH = 1  # acknowledge every packet
#: HPCC's authors evaluate it with packets of 1 KB (section 5.1). It takes a packet that waits for load, so that large
#: ones make shares uneven where the bandwidth-delay product has few of them.
_HPCC_MTU = 1024 + 64


@dataclass(frozen=True)
class Preset:
    """A named transport.

    Attributes:
        summary: what it is, on a line.
        sources: who describes it.
        fields: of `Transport`, that differ from its defaults.
    """

    summary: str
    sources: tuple[str, ...]
    fields: dict[str, Any] = field(default_factory=dict)


_UEC = "UE Specification 1.0"
_ROCE = "InfiniBand Architecture Specification 1.4, Annex A17 (RoCEv2); IEEE 802.1Qbb"

PRESETS: dict[str, Preset] = {
    "uec_nscc": Preset(
        "Ultra Ethernet, controlled by senders: trimming, marks and delays, many paths",
        (f"{_UEC}, 3.6.13 (NSCC) and 3.6.16 (path choice)",),
    ),
    "uec_rccc": Preset(
        "Ultra Ethernet, controlled by receivers: credit at line rate, trimming, many paths",
        (f"{_UEC}, 3.6 (RCCC)",),
        {"control": "none", "receiver_driven": True},
    ),
    "uec": Preset(
        "Ultra Ethernet, controlled by both ends",
        (f"{_UEC}, 3.6",),
        {"receiver_driven": True},
    ),
    "eqds": Preset(
        "EQDS: credit from receivers, trimming, packets sprayed over all paths",
        ("V. Olteanu et al., An edge-queued datagram service for all datacenter traffic, NSDI 2022",),
        {"control": "none", "receiver_driven": True, "balance": "oblivious", **_UNMARKED},
    ),
    "ndp": Preset(
        "NDP: pulls, queues of eight packets that trim, packets sprayed over all paths",
        ("M. Handley et al., Re-architecting datacenter networks and stacks, SIGCOMM 2017, 3.1 and 3.2",),
        {
            "control": "none",
            "receiver_driven": True,
            "balance": "oblivious",
            "queue_bytes": 8 * 9 * 1024,
            "mtu_bytes": 9 * 1024,
            "grant_packets": 1,
            **_UNMARKED,
        },
    ),
    "roce_dcqcn": Preset(
        "RoCEv2 with DCQCN over priority flow control, go-back-N, one path a flow",
        ("Y. Zhu et al., Congestion Control for Large-Scale RDMA Deployments, SIGCOMM 2015", _ROCE),
        {"control": "dcqcn", **_LOSSLESS},
    ),
    "roce_hpcc": Preset(
        "RoCEv2 with HPCC over priority flow control, go-back-N, one path a flow, packets of 1 KiB",
        ("Y. Li et al., HPCC: High Precision Congestion Control, SIGCOMM 2019", _ROCE),
        {"control": "hpcc", "mtu_bytes": _HPCC_MTU, "ack_every_bytes": _EACH, **_LOSSLESS, **_UNMARKED},
    ),
    "timely": Preset(
        "TIMELY over priority flow control: rates by the round trip's gradient, an answer each 16 KiB",
        ("R. Mittal et al., TIMELY: RTT-based Congestion Control for the Datacenter, SIGCOMM 2015",),
        {"control": "timely", **_LOSSLESS, **_UNMARKED},
    ),
    "swift": Preset(
        "Swift: windows that hold a target delay, drops, one path a flow",
        ("G. Kumar et al., Swift: Delay is Simple and Effective for Congestion Control, SIGCOMM 2020",),
        {"control": "swift", "queues": "drop", "balance": "one_path", "ack_every_bytes": _EACH, **_UNMARKED},
    ),
    "dctcp": Preset(
        "DCTCP: windows cut by how much was marked, drops, one path a flow, ten packets at first",
        ("M. Alizadeh et al., Data Center TCP (DCTCP), SIGCOMM 2010", "RFC 8257", "RFC 6928"),
        {
            "control": "dctcp",
            "queues": "drop",
            "balance": "one_path",
            "ack_every_bytes": _EACH,
            "window_bytes": 10 * 4150.0,
        },
    ),
    "infiniband": Preset(
        "InfiniBand: credit on every link, switches choose the shortest queue, no control from end to end",
        ("InfiniBand Architecture Specification 1.4, 7.9 (flow control)", "NVIDIA Quantum adaptive routing"),
        {
            "control": "none",
            "queues": "credit",
            "switch_choice": "shortest_queue",
            "balance": "one_path",
            "window_bytes": NO_WINDOW,
            "gap_packets": 0,
            "rto_s": _ACK_TIMEOUT_s,
            **_UNMARKED,
        },
    ),
    "fixed_window": Preset(
        "A window of one and a half bandwidth-delay products that never changes, drops, one path a flow",
        ("the yardstick that controls are held to",),
        {"control": "none", "queues": "drop", "balance": "one_path", **_UNMARKED},
    ),
}


def preset(name: str, **changes: Any) -> Transport:
    """Return a transport by name, with some of its fields changed.

    Raises:
        UnknownName: there is no such preset, or a transport has no such field.
        ConfigError: a value is out of range.
    """
    if name not in PRESETS:
        raise UnknownName("transport", name, PRESETS)
    for key in changes:
        if key not in FIELDS:
            raise UnknownName("field of a transport", key, FIELDS)
    return Transport(**{**PRESETS[name].fields, **changes})
