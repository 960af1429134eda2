"""What senders are told: what has arrived, what was trimmed, what may be sent, where it is congested.

Acknowledgements say what has come in order, which of 64 others have, and how many bytes in all.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet import control_kernels as control
from weft.engines.packet.balance_kernels import CUT, GOOD, MARKED, path_feedback
from weft.engines.packet.bit_kernels import lowest
from weft.engines.packet.code_kernels import (
    ACKED,
    AGAIN,
    DONE,
    ECN,
    FLYING,
    GO_BACK_N,
    LAST_HOP,
    LOST,
    NOTHING,
    RUNNING,
    UNSENT,
)
from weft.engines.packet.record_kernels import World, acked, free_slots, loads, packets, senders, seqs
from weft.engines.packet.sender_kernels import (
    QUANTUM,
    acked_of,
    count_flight,
    go_back,
    lose,
    size_of,
    slot_of,
    stop_speculating,
    want,
)
from weft.engines.packet.trigger_kernels import tell_end

_ONE = np.uint64(1)


@kernel
def get_ack(w: World, p: int) -> None:
    """Take an acknowledgement."""
    packet = packets(w, p)
    f = packet.flow
    sender = senders(w, f)
    if sender.state != RUNNING:
        return
    sender.acks += 1
    load = loads(w, p)
    newly = _count_received(w, f, load.word)
    marked = packet.flags & ECN != 0
    sender.marked += marked
    rtt_ps = _round_trip(w, f, packet.seq, packet.flags & AGAIN != 0)
    if packet.seq == NOTHING:
        sender.asked = 0
    _ack_below(w, f, load.cum)
    if w.recovery == GO_BACK_N:
        count_flight(w, f)
    _ack_bits(w, f, load.base, load.bitmap)
    if w.gap_packets > 0:
        _lose_overtaken(w, f)
    path_feedback(w, sender.slot, packet.entropy, MARKED if marked else GOOD)
    control.acked(w, f, p, newly, rtt_ps, marked)
    stop_speculating(w, f)
    if sender.cum >= sender.packets:
        _end_flow(w, f)
    else:
        want(w, f)


@kernel
def _count_received(w: World, f: int, bytes_: int) -> int:
    """Take the bytes that a receiver has in all, and return how many more that is."""
    sender = senders(w, f)
    newly = max(0, bytes_ - sender.received)
    sender.received += newly
    sender.in_flight -= newly
    return int(newly)


@kernel
def _round_trip(w: World, f: int, seq: int, again: bool) -> int:
    """Return the round trip of a packet still in flight, unless it is not known which sending was answered; then -1."""
    sender = senders(w, f)
    if seq < sender.cum or seq >= sender.sent or seqs(w, slot_of(w, f, seq)).state != FLYING:
        return -1
    if seqs(w, slot_of(w, f, seq)).again != (1 if again else 0):
        return -1
    return int(w.now - seqs(w, slot_of(w, f, seq)).sent_ps)


@kernel
def _ack_below(w: World, f: int, cum: int) -> None:
    """All below a sequence number have arrived."""
    sender = senders(w, f)
    while sender.cum < cum:
        _arrived(w, f, sender.cum)
        record = seqs(w, slot_of(w, f, sender.cum))
        record.state = UNSENT
        record.again = 0
        acked(w, acked_of(w, f, sender.cum)).bits &= ~(_ONE << np.uint64(sender.cum & 63))
        sender.cum += 1
    sender.top = max(sender.top, cum)
    if sender.sent < cum:  # gone back further than was needed
        for seq in range(sender.sent, cum):
            sender.backlog -= size_of(w, f, seq)
        sender.sent = cum


@kernel
def _arrived(w: World, f: int, seq: int) -> None:
    """A sequence number has arrived; it need not be sent again."""
    sender = senders(w, f)
    if seqs(w, slot_of(w, f, seq)).state == LOST:
        size = size_of(w, f, seq)
        sender.lost -= 1
        sender.lost_bytes -= size
        sender.in_flight += size  # was taken out when it was taken for lost, and again by the bytes received
    seqs(w, slot_of(w, f, seq)).state = ACKED
    acked(w, acked_of(w, f, seq)).bits |= _ONE << np.uint64(seq & 63)


@kernel
def _ack_bits(w: World, f: int, base: int, bits: np.uint64) -> None:
    """Some above the first gap have arrived."""
    sender = senders(w, f)
    bits &= ~_known(w, f, base)
    while bits:
        seq = base + lowest(bits)
        bits &= bits - _ONE
        if sender.cum <= seq < sender.sent and seqs(w, slot_of(w, f, seq)).state != ACKED:
            _arrived(w, f, seq)
            sender.top = max(sender.top, seq + 1)


@kernel
def _known(w: World, f: int, base: int) -> np.uint64:
    """Return which of 64 sequence numbers are known to have arrived: acknowledgements repeat most of what they say."""
    bits, shift = acked(w, acked_of(w, f, base)).bits, np.uint64(base & 63)
    if shift > 0:
        bits = bits >> shift | acked(w, acked_of(w, f, base + 64)).bits << (np.uint64(64) - shift)
    return np.uint64(bits)


@kernel
def _lose_overtaken(w: World, f: int) -> None:
    """Take packets for lost that too many later ones have overtaken; those sent again are left to the timer."""
    sender = senders(w, f)
    seq = max(sender.scanned, sender.cum)
    while seq < sender.top - w.gap_packets:
        if seqs(w, slot_of(w, f, seq)).state == FLYING:
            lose(w, f, seq)
            control.lost(w, f, size_of(w, f, seq))
        seq += 1
    sender.scanned = seq


@kernel
def get_nack(w: World, p: int) -> None:
    """Take word that a packet was trimmed, or, where senders go back, that there is a gap."""
    packet = packets(w, p)
    f = packet.flow
    sender = senders(w, f)
    if sender.state != RUNNING:
        return
    sender.nacks += 1
    if w.recovery == GO_BACK_N:
        load = loads(w, p)
        _count_received(w, f, load.word)
        _ack_below(w, f, load.cum)
        count_flight(w, f)
        if load.cum == sender.cum and sender.sent > sender.cum:
            control.lost(w, f, size_of(w, f, load.cum))
            go_back(w, f)
        want(w, f)
        return
    seq = packet.seq
    if seq < sender.cum or seq >= sender.sent or seqs(w, slot_of(w, f, seq)).state != FLYING:
        return  # overtaken by an acknowledgement
    last_hop = packet.flags & LAST_HOP != 0
    rtt_ps = _round_trip(w, f, seq, packet.flags & AGAIN != 0)
    control.nacked(w, f, size_of(w, f, seq), rtt_ps, last_hop)
    lose(w, f, seq)
    stop_speculating(w, f)
    if last_hop:
        path_feedback(w, sender.slot, packet.entropy, MARKED if packet.flags & ECN else GOOD)
    else:
        path_feedback(w, sender.slot, packet.entropy, CUT)
    want(w, f)


@kernel
def get_pull(w: World, p: int) -> None:
    """Take credit that the receiver grants."""
    f, word = packets(w, p).flow, loads(w, p).word
    sender = senders(w, f)
    if sender.state != RUNNING:
        return
    stop_speculating(w, f)
    if word > sender.pulled:
        sender.credit = min(sender.credit + (word - sender.pulled) * QUANTUM, w.max_window)
        sender.pulled = word
        sender.asked = 0
        sender.starved = 0
    want(w, f)


@kernel
def get_notice(w: World, p: int) -> None:
    """Take a congestion notification."""
    f = packets(w, p).flow
    if senders(w, f).state == RUNNING:
        control.notified(w, f)


@kernel
def _end_flow(w: World, f: int) -> None:
    """All has arrived and been acknowledged: give the slot back."""
    sender = senders(w, f)
    sender.state = DONE
    sender.end_ps = w.now
    free_slots(w, w.free_slot).row = sender.slot
    w.free_slot += 1
    w.running -= 1
    w.done += 1
    if not w.ends_at_receipt:
        tell_end(w, f)
