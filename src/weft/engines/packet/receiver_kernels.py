"""Receivers: what has come, what is answered when, and how much each sender may send.

Data is acknowledged at once where it asks for it, is marked, or comes twice, else every so many bytes; a trimmed packet
is answered by word that it was. Receiver-driven senders (RCCC of Ultra Ethernet, EQDS, NDP) get credit from one pacer a
host, at a hair under its line rate, in turn; what is left goes to those that asked for nothing yet.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.code_kernels import (
    ACK,
    AGAIN,
    ASKS,
    CNP,
    ECN,
    GO_BACK_N,
    GRANT,
    LAST_HOP,
    NACK,
    NOTHING,
    PULL,
    RUNNING,
    TRIMMED,
)
from weft.engines.packet.event_kernels import at_time
from weft.engines.packet.pool_kernels import make_packet
from weft.engines.packet.port_kernels import enqueue
from weft.engines.packet.record_kernels import World, came, hosts, packets, receivers, senders, telemetry
from weft.engines.packet.trigger_kernels import tell_end

_ONE = np.uint64(1)
_LEAST_TURN = 4  # quanta: the time a pull takes that grants nothing


@kernel
def get_data(w: World, p: int) -> None:
    """Take a packet of data."""
    packet = packets(w, p)
    f = packet.flow
    sender, flow, host = senders(w, f), receivers(w, f), hosts(w, packet.dst)
    host.came += 1
    marked = packet.flags & ECN != 0
    host.came_marked += marked
    if sender.state != RUNNING:
        return
    flow.pending += packet.size
    _raise_target(w, f, packet.word)
    if marked and w.notify_ps > 0 and w.now - flow.notified_ps >= w.notify_ps:
        flow.notified_ps = w.now
        _answer(w, p, CNP)
    if packet.seq < flow.expected or _has(w, f, packet.seq):
        flow.duplicates += 1
        _acknowledge(w, p, packet.seq if marked else _base(w, f, packet.seq), marked)
        return
    if w.recovery == GO_BACK_N and packet.seq != flow.expected:
        flow.disordered += 1
        if not flow.nacked:
            flow.nacked = 1
            packets(w, _answer(w, p, NACK)).cum = flow.expected
        return
    force = flow.bytes == 0
    flow.bytes += packet.size
    flow.nacked = 0
    if packet.flags & ASKS:
        force = True
        flow.asked = 1
    if packet.seq == flow.expected:
        _advance(w, f)
        if flow.beyond == 0 and flow.asked:
            force = True
            flow.asked = 0
        if flow.expected == sender.packets:
            sender.got_ps = w.now
            if w.ends_at_receipt:
                tell_end(w, f)
    else:
        _note(w, f, packet.seq)
    if marked or force or flow.pending >= w.ack_every:
        own = marked or packet.flags & ASKS != 0
        _acknowledge(w, p, packet.seq if own else _base(w, f, packet.seq), marked)


@kernel
def get_trimmed(w: World, p: int) -> None:
    """Take the header of a packet whose data was trimmed."""
    packet = packets(w, p)
    f = packet.flow
    flow, host = receivers(w, f), hosts(w, packet.dst)
    host.came += 1
    if packet.flags & LAST_HOP:
        host.trimmed_last += 1
    else:
        host.trimmed_before += 1
    if senders(w, f).state != RUNNING:
        return
    if packet.seq < flow.expected or _has(w, f, packet.seq):
        _acknowledge(w, p, _base(w, f, packet.seq), False)
        return
    _raise_target(w, f, packet.word)
    _answer(w, p, NACK)
    if w.receiver_driven and not flow.in_pull:
        _request(w, f)


@kernel
def get_request(w: World, p: int) -> None:
    """Take a sender's word that it waits for credit; tell it what has come."""
    packet = packets(w, p)
    f = packet.flow
    if senders(w, f).state != RUNNING:
        return
    _raise_target(w, f, packet.word)
    if w.receiver_driven and not receivers(w, f).in_pull:
        _request(w, f)
    _acknowledge(w, p, _base(w, f, packet.seq), False)


@kernel
def _word(w: World, f: int, seq: int) -> int:
    """Return the row of the word that tells of a sequence number."""
    return senders(w, f).slot * (w.window_rows >> 6) + ((seq & (w.window_rows - 1)) >> 6)


@kernel
def _has(w: World, f: int, seq: int) -> bool:
    """Whether a packet above the first gap has come."""
    return (came(w, _word(w, f, seq)).bits >> np.uint64(seq & 63)) & _ONE != 0


@kernel
def _note(w: World, f: int, seq: int) -> None:
    """Remember a packet above the first gap."""
    flow = receivers(w, f)
    came(w, _word(w, f, seq)).bits |= _ONE << np.uint64(seq & 63)
    flow.beyond += 1
    flow.disordered += 1
    flow.most_beyond = max(flow.most_beyond, flow.beyond)


@kernel
def _advance(w: World, f: int) -> None:
    """The first gap is filled; go on to the next."""
    flow = receivers(w, f)
    flow.expected += 1
    while flow.beyond > 0:
        word, bit = came(w, _word(w, f, flow.expected)), _ONE << np.uint64(flow.expected & 63)
        if word.bits & bit == 0:
            break
        word.bits &= ~bit
        flow.beyond -= 1
        flow.expected += 1


@kernel
def _base(w: World, f: int, seq: int) -> int:
    """Return where an acknowledgement's bitmap begins, so that it covers the newest that has come."""
    return max(np.int64(seq) - 63, np.int64(receivers(w, f).expected) + 1)


@kernel
def _bitmap(w: World, f: int, base: int) -> np.uint64:
    """Return which of 64 packets have come, those below the first gap left out."""
    bits, shift = came(w, _word(w, f, base)).bits, np.uint64(base & 63)
    if shift > 0:
        bits = bits >> shift | came(w, _word(w, f, base + 64)).bits << (np.uint64(64) - shift)
    return bits


@kernel
def _answer(w: World, p: int, kind: int) -> int:
    """Send a control packet back on the path of one that came; return it."""
    packet = packets(w, p)
    a = make_packet(w, kind, packet.flow, senders(w, packet.flow).src, w.control_size, 0)
    answer = packets(w, a)
    answer.seq = packet.seq
    answer.entropy = packet.entropy
    answer.flags = packet.flags & (ECN | AGAIN | LAST_HOP)
    enqueue(w, a, hosts(w, packet.dst).port)
    return a


@kernel
def _acknowledge(w: World, p: int, base: int, marked: bool) -> None:
    """Send an acknowledgement on the path of the packet it answers."""
    packet = packets(w, p)
    f = packet.flow
    flow = receivers(w, f)
    flow.pending = 0
    a = make_packet(w, ACK, f, senders(w, f).src, w.control_size, 0)
    answer = packets(w, a)
    answer.seq = packet.seq
    answer.entropy = packet.entropy
    answer.flags = (packet.flags & AGAIN) | (ECN if marked else 0)
    answer.cum = flow.expected
    answer.base = base
    answer.bitmap = _bitmap(w, f, base)
    answer.word = flow.bytes
    for hop in range(w.int_hops):
        told, seen = telemetry(w, a * w.int_hops + hop), telemetry(w, p * w.int_hops + hop)
        told.queued = seen.queued
        told.sent_bytes = seen.sent_bytes
        told.at_ps = seen.at_ps
        told.ps_per_byte = seen.ps_per_byte if hop < packet.hops and packet.kind != TRIMMED else 0.0
    enqueue(w, a, hosts(w, packet.dst).port)


@kernel
def _raise_target(w: World, f: int, target: int) -> None:
    """A sender asks for credit up to a quantum."""
    flow = receivers(w, f)
    if w.receiver_driven and target > flow.pull_target:
        flow.pull_target = target
        if not flow.in_pull:
            _request(w, f)


@kernel
def _request(w: World, f: int) -> None:
    """Put a flow at the end of its host's list of those that get credit."""
    flow = receivers(w, f)
    h = senders(w, f).dst
    host = hosts(w, h)
    if flow.in_idle:
        _leave_idle(w, h, f)
    flow.in_pull = 1
    flow.next = NOTHING
    if host.pull_head == NOTHING:
        host.pull_head = f
    else:
        receivers(w, host.pull_tail).next = f
    host.pull_tail = f
    if not host.granting:
        host.granting = 1
        at_time(w, w.now, GRANT, h)


@kernel
def _leave_idle(w: World, h: int, f: int) -> None:
    """Take a flow out of the list of those that ask for nothing."""
    host = hosts(w, h)
    before, each = NOTHING, np.int64(host.idle_head)
    while each != f and each != NOTHING:
        before, each = each, np.int64(receivers(w, each).next)
    if each == NOTHING:
        return
    if before == NOTHING:
        host.idle_head = receivers(w, f).next
    else:
        receivers(w, before).next = receivers(w, f).next
    if host.idle_tail == f:
        host.idle_tail = before
    receivers(w, f).in_idle = 0


@kernel
def _join_idle(w: World, h: int, f: int) -> None:
    host, flow = hosts(w, h), receivers(w, f)
    flow.in_idle = 1
    flow.next = NOTHING
    if host.idle_head == NOTHING:
        host.idle_head = f
    else:
        receivers(w, host.idle_tail).next = f
    host.idle_tail = f


@kernel
def grant(w: World, h: int) -> None:
    """Give the next flow of a host its credit; those that asked for nothing get some ahead, up to a window."""
    host = hosts(w, h)
    while host.pull_head != NOTHING and senders(w, host.pull_head).state != RUNNING:
        receivers(w, host.pull_head).in_pull = 0
        host.pull_head = receivers(w, host.pull_head).next
    while host.idle_head != NOTHING and senders(w, host.idle_head).state != RUNNING:
        receivers(w, host.idle_head).in_idle = 0
        host.idle_head = receivers(w, host.idle_head).next
    if host.pull_head != NOTHING:
        f = np.int64(host.pull_head)
        flow = receivers(w, f)
        host.pull_head = flow.next
        granted = max(0, min(flow.latest_pull + w.grant_quanta, flow.pull_target) - flow.latest_pull)
        flow.latest_pull += granted
        flow.in_pull = 0
        if flow.pull_target > flow.latest_pull:
            _request(w, f)
        else:
            _join_idle(w, h, f)
    elif host.idle_head != NOTHING:
        f = np.int64(host.idle_head)
        flow = receivers(w, f)
        host.idle_head = flow.next
        flow.in_idle = 0
        granted = w.grant_quanta
        flow.latest_pull += granted
        if (flow.latest_pull - flow.pull_target) * 256 < w.max_window:
            _join_idle(w, h, f)
    else:
        host.granting = 0
        return
    p = make_packet(w, PULL, f, senders(w, f).src, w.control_size, 0)
    packets(w, p).word = flow.latest_pull
    packets(w, p).entropy = flow.pull_entropy
    flow.pull_entropy = (flow.pull_entropy + 1) % w.paths
    enqueue(w, p, host.port)
    quanta = granted if granted > 0 else _LEAST_TURN
    at_time(w, w.now + np.int64(quanta * host.ps_per_quantum / host.rate), GRANT, h)


@kernel
def throttle(w: World, h: int) -> None:
    """Grant less where the network towards a host is congested: once a round trip (OversubscribedCC of htsim).

    Marks beyond 30 % shrink the rate by their excess, packets trimmed before the last hop by their part; without
    either it grows, faster each time.
    """
    host = hosts(w, h)
    whole = host.came - host.trimmed_last - host.trimmed_before
    fraction = host.came_marked / whole if whole > 0 else 0.0
    decrease = host.trimmed_before > 0
    if decrease:
        host.rate -= host.trimmed_before / host.came
    host.g = host.g * 0.5 + 0.5 * fraction
    if host.g > 0.3:
        host.rate *= 1.0 - (host.g - 0.3) * 0.5
        decrease = True
    if decrease:
        host.increases = 0
    else:
        host.rate += 0.01 * (2.0 ** min(host.increases, 60) if host.came_marked == 0 else 1.0)
        host.increases += 1
    host.rate = min(max(host.rate, w.least_rate), 1.0)
    host.came = 0
    host.came_marked = 0
    host.trimmed_last = 0
    host.trimmed_before = 0
