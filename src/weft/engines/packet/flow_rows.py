"""What a flow's rows say before it starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.engines.packet.flows import Flows
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.transport import Settings

PS = 1e12  # a second
_BY_RATE = ("dcqcn", "timely")  # controls without a window
_LONG_AGO = -(1 << 62)


def fill(senders: Any, receivers: Any, flows: Flows, network: PacketNetwork, settings: Settings) -> None:
    """Fill blank rows of senders and receivers, one of each a flow, in the flows' order."""
    t, s = settings.transport, settings
    payload = t.mtu_bytes - t.header_bytes
    senders.src, senders.dst, senders.bytes = flows.src, flows.dst, flows.size_bytes
    packets = -(-flows.size_bytes // payload)
    senders.packets = packets
    senders.last_size = flows.size_bytes - (packets - 1) * payload + t.header_bytes
    priority = np.zeros(len(flows), np.int64) if flows.priority is None else flows.priority
    senders.level = 1 + priority * t.lanes
    senders.slot = senders.next = -1
    rtt_s = np.full(len(flows), s.rtt_s) if flows.rtt_s is None else flows.rtt_s
    most = np.floor(s.window_x * rtt_s * network.rate_Bps[flows.src])
    senders.cwnd = most if t.window_bytes is None else max(t.window_bytes, t.mtu_bytes)
    if t.window_bytes is None and (t.receiver_driven if t.control == "none" else t.control in _BY_RATE):
        senders.cwnd = 1e18  # credit or the rate alone decides
    senders.most_cwnd = most
    senders.base_rtt_ps = rtt_s * PS
    if flows.pace_Bps is not None:
        senders.ps_per_byte = PS / flows.pace_Bps
    senders.waits = flows.waits
    senders.start_ps = np.rint(flows.start_s * PS)
    receivers.next = -1
    receivers.notified_ps = _LONG_AGO
