"""Which congestion control is told what: each is a file of its own."""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet import nscc_kernels as nscc
from weft.engines.packet.code_kernels import NSCC
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, senders

WORDS = 16  #: that a flow's control may remember
WORD = np.dtype([("value", np.float64)])
_words = table("control", WORD)


@kernel
def begin_control(w: World, f: int) -> None:
    """A flow begins, with its window already set."""
    for i in range(WORDS):
        _words(w, f * WORDS + i).value = 0.0


@kernel
def acked(w: World, f: int, p: int, bytes_: int, rtt_ps: int, marked: bool) -> None:
    """An acknowledgement came.

    Args:
        p: its packet.
        bytes_: that the receiver has more than it said last.
        rtt_ps: round trip of the packet that it answers; -1 where that is not known.
        marked: whether that packet had met congestion.
    """
    if w.sender_control == NSCC:
        nscc.acked(w, f, bytes_, rtt_ps, marked)


@kernel
def nacked(w: World, f: int, bytes_: int, rtt_ps: int, last_hop: bool) -> None:
    """Word came that a packet was trimmed."""
    if w.sender_control == NSCC:
        nscc.nacked(w, f, bytes_, rtt_ps, last_hop)


@kernel
def lost(w: World, f: int, bytes_: int) -> None:
    """A packet is taken for lost, by time or by what came after it."""
    if w.sender_control == NSCC:
        senders(w, f).cwnd = max(senders(w, f).cwnd - bytes_, float(w.mtu))


@kernel
def notified(w: World, f: int) -> None:
    """A congestion notification came."""


@kernel
def ticked(w: World, f: int) -> None:
    """A timer of the control has run down."""
