"""How long flows would take with the network to themselves: packets pass the links of a way as a pipeline."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.engines.packet.flows import Flows
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.transport import Settings

Floats = npt.NDArray[np.float64]


def ideal_fct_s(
    network: PacketNetwork,
    settings: Settings,
    flows: Flows,
    ways: npt.NDArray[np.int32],
    cut: npt.NDArray[np.bool_] | None = None,
    *,
    acknowledged: bool = True,
) -> Floats:
    """Return float64[flows], seconds from a flow's start until its last packet's acknowledgement is back.

    A sender that paces puts full packets on the wire at its pace. They follow each other at the pace of the slowest
    link so far; the last packet, which may be shorter, waits at each link until the one before it has left. The
    acknowledgement takes the same way back, not held up by earlier ones. O(flows x links).

    Args:
        network: with rates and latencies.
        settings: packet sizes.
        flows: what is sent.
        ways: int32[flows, ports], -1 after the last.
        cut: bool[ports], the far end forwards a packet as soon as its header has come.
        acknowledged: or only until the last packet has been received.
    """
    t = settings.transport
    payload = t.mtu_bytes - t.header_bytes
    packets = -(-flows.size_bytes // payload)
    full = packets - 1
    last_bytes = (flows.size_bytes - full * payload + t.header_bytes).astype(np.float64)
    cuts = np.zeros(network.ports, bool) if cut is None else cut
    slowest, answer = np.zeros(len(flows)), np.zeros(len(flows))
    if flows.pace_Bps is not None:
        slowest = 1 / flows.pace_Bps
    first, last = np.zeros(len(flows)), full * t.mtu_bytes * slowest  # when the first and last packet come to a port
    back = network.back
    for column in ways.T:
        on = column >= 0
        port = np.where(on, column, 0)
        s_per_byte, wire_s = np.where(on, [1 / network.rate_Bps[port], network.latency_s[port]], 0.0)
        slowest = np.maximum(slowest, s_per_byte)
        free = first + (full - 1) * t.mtu_bytes * slowest + t.mtu_bytes * s_per_byte
        last = np.where(on & (full > 0), np.maximum(last, free), last)
        # Behind what has come when the far end goes on: a header, or the packet
        first = first + np.where(cuts[port], t.header_bytes, t.mtu_bytes) * s_per_byte + wire_s
        last = last + np.where(cuts[port], t.header_bytes, last_bytes) * s_per_byte + wire_s
        reverse = back[port]
        size = np.where(cuts[reverse], t.header_bytes, t.control_bytes)
        answer += np.where(on, size / network.rate_Bps[reverse] + network.latency_s[reverse], 0.0)
    return last + answer if acknowledged else last
