"""Which congestion control is told what: each is a file of its own."""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet import dcqcn_kernels as dcqcn
from weft.engines.packet import dctcp_kernels as dctcp
from weft.engines.packet import hpcc_kernels as hpcc
from weft.engines.packet import nscc_kernels as nscc
from weft.engines.packet import swift_kernels as swift
from weft.engines.packet import timely_kernels as timely
from weft.engines.packet.code_kernels import DCQCN, DCTCP, HPCC, NSCC, SWIFT, TIMELY
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, senders
from weft.engines.packet.word_kernels import WORD, WORDS

_words = table("control", WORD)


@kernel
def begin_control(w: World, f: int) -> None:
    """A flow begins, with its window already set."""
    for i in range(WORDS):
        _words(w, f * WORDS + i).value = 0.0
    control = w.sender_control
    if control == DCTCP:
        dctcp.begin(w, f)
    elif control == DCQCN:
        dcqcn.begin(w, f)
    elif control == HPCC:
        hpcc.begin(w, f)
    elif control == TIMELY:
        timely.begin(w, f)
    elif control == SWIFT:
        swift.begin(w, f)


@kernel
def acked(w: World, f: int, p: int, bytes_: int, rtt_ps: int, marked: bool) -> None:
    """An acknowledgement came.

    Args:
        p: its packet.
        bytes_: that the receiver has more than it said last.
        rtt_ps: round trip of the packet that it answers; -1 where that is not known.
        marked: whether that packet had met congestion.
    """
    control = w.sender_control
    if control == NSCC:
        nscc.acked(w, f, bytes_, rtt_ps, marked)
    elif control == DCTCP:
        dctcp.acked(w, f, bytes_, marked)
    elif control == DCQCN:
        dcqcn.acked(w, f, bytes_)
    elif control == HPCC:
        hpcc.acked(w, f, p)
    elif control == TIMELY:
        timely.acked(w, f, rtt_ps)
    elif control == SWIFT:
        swift.acked(w, f, p, bytes_, rtt_ps)


@kernel
def nacked(w: World, f: int, bytes_: int, rtt_ps: int, last_hop: bool) -> None:
    """Word came that a packet was trimmed; to all but NSCC that is a loss."""
    if w.sender_control == NSCC:
        nscc.nacked(w, f, bytes_, rtt_ps, last_hop)
    else:
        lost(w, f, bytes_)


@kernel
def lost(w: World, f: int, bytes_: int) -> None:
    """A packet is taken for lost, by time or by what came after it; DCQCN, HPCC and TIMELY do not answer to that."""
    control = w.sender_control
    if control == NSCC:
        senders(w, f).cwnd = max(senders(w, f).cwnd - bytes_, float(w.mtu))
    elif control == DCTCP:
        dctcp.lost(w, f)
    elif control == SWIFT:
        swift.lost(w, f)


@kernel
def notified(w: World, f: int) -> None:
    """A congestion notification came."""
    if w.sender_control == DCQCN:
        dcqcn.notified(w, f)


@kernel
def ticked(w: World, f: int) -> None:
    """A timer of the control has run down."""
    if w.sender_control == DCQCN:
        dcqcn.ticked(w, f)
