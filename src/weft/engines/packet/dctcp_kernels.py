"""DCTCP: a window that is cut once a round trip, by half of the part of its bytes that met congestion.

M. Alizadeh et al., Data Center TCP (DCTCP), SIGCOMM 2010: F, the part of a window's bytes that were marked, moves
alpha <- (1 - g) alpha + g F (equation 1), and a window with marks ends with cwnd <- cwnd (1 - alpha / 2) (equation 2).
Between, the window grows as TCP's does: by what is acknowledged until the first mark or loss, then by a packet a
round trip. A loss halves the window, once a window. Alpha begins at 1 (RFC 8257, 4.2).
"""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, senders
from weft.engines.packet.word_kernels import constant_words, flow_words

CONSTANTS = constant_words("g")
FLOW = flow_words(
    "alpha",
    "bytes",  # acknowledged in this window
    "marked",  # of them
    "end",  # sequence number at which it ends
    "recovered",  # sequence number up to which losses have been answered
    "threshold",  # window above which growth is slow
)
_constants, _flows = table("constants", CONSTANTS), table("control", FLOW)
_NO_THRESHOLD = 1e18


@kernel
def begin(w: World, f: int) -> None:
    """A flow begins."""
    flow = _flows(w, f)
    flow.alpha = 1.0
    flow.threshold = _NO_THRESHOLD


@kernel
def acked(w: World, f: int, bytes_: int, marked: bool) -> None:
    """Take an acknowledgement."""
    sender, flow = senders(w, f), _flows(w, f)
    flow.bytes += bytes_
    if marked:
        flow.marked += bytes_
        flow.threshold = min(flow.threshold, sender.cwnd)
    if sender.cwnd < flow.threshold:
        sender.cwnd += bytes_
    else:
        sender.cwnd += w.mtu * bytes_ / sender.cwnd
    if sender.cum >= flow.end and flow.bytes > 0:
        g = _constants(w, 0).g
        flow.alpha += g * (flow.marked / flow.bytes - flow.alpha)
        if flow.marked > 0:
            sender.cwnd *= 1.0 - flow.alpha / 2
            flow.threshold = sender.cwnd
        flow.bytes = 0.0
        flow.marked = 0.0
        flow.end = sender.sent
    _bound(w, f)


@kernel
def lost(w: World, f: int) -> None:
    """A packet is taken for lost."""
    sender, flow = senders(w, f), _flows(w, f)
    if sender.cum < flow.recovered:
        return
    flow.recovered = sender.sent
    sender.cwnd /= 2
    _bound(w, f)
    flow.threshold = sender.cwnd


@kernel
def _bound(w: World, f: int) -> None:
    sender = senders(w, f)
    sender.cwnd = min(max(sender.cwnd, float(w.mtu)), sender.most_cwnd)
