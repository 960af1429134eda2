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
    DATA,
    ECN,
    GO_BACK_N,
    GRANT,
    LAST_HOP,
    NACK,
    NOTHING,
    PULL,
    RUNNING,
)
from weft.engines.packet.event_kernels import at_time
from weft.engines.packet.pool_kernels import make_packet
from weft.engines.packet.port_kernels import enqueue
from weft.engines.packet.record_kernels import World, came, hosts, idles, loads, packets, receivers, senders, telemetry
from weft.engines.packet.trigger_kernels import tell_end

_ONE = np.uint64(1)
PULL_PATHS = 128  # over which credit is spread, whatever data does (htsim_uec)
IDLE_ROWS = 1024  # entries of a host's list of flows whose demand was met
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
    _raise_target(w, f, p)
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
            _answer(w, p, NACK)
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
    _raise_target(w, f, p)
    if w.recovery != GO_BACK_N or not flow.nacked or packet.seq == flow.expected:
        flow.nacked = 1
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
    _raise_target(w, f, p)
    if w.receiver_driven and not receivers(w, f).in_pull:
        _request(w, f)
    base = _base(w, f, packet.seq)
    packet.seq = NOTHING  # it answers no packet of data, and tells no round trip
    _acknowledge(w, p, base, False)


@kernel
def _word(w: World, f: int, seq: int) -> int:
    """Return the row of the word that tells of a sequence number."""
    return int(senders(w, f).slot * (w.window_rows >> 6) + ((seq & (w.window_rows - 1)) >> 6))


@kernel
def _has(w: World, f: int, seq: int) -> bool:
    """Whether a packet above the first gap has come."""
    return bool((came(w, _word(w, f, seq)).bits >> np.uint64(seq & 63)) & _ONE != 0)


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
    return max(int(seq) - 63, int(receivers(w, f).expected) + 1)


@kernel
def _bitmap(w: World, f: int, base: int) -> np.uint64:
    """Return which of 64 packets have come, those below the first gap left out."""
    bits, shift = came(w, _word(w, f, base)).bits, np.uint64(base & 63)
    if shift > 0:
        bits = bits >> shift | came(w, _word(w, f, base + 64)).bits << (np.uint64(64) - shift)
    return np.uint64(bits)


@kernel
def _answer(w: World, p: int, kind: int) -> None:
    """Send a control packet back on the path of one that came, and with what has come."""
    packet = packets(w, p)
    a = make_packet(w, kind, packet.flow, senders(w, packet.flow).src, w.control_size, 0)
    answer = packets(w, a)
    answer.seq = packet.seq
    answer.entropy = packet.entropy
    answer.flags = packet.flags & (ECN | AGAIN | LAST_HOP)
    loads(w, a).cum = receivers(w, packet.flow).expected
    loads(w, a).word = receivers(w, packet.flow).bytes
    enqueue(w, a, hosts(w, packet.dst).port)


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
    answer.hops = packet.hops
    load = loads(w, a)
    load.cum = flow.expected
    load.base = base
    load.bitmap = _bitmap(w, f, base)
    load.word = flow.bytes
    for hop in range(w.int_hops):
        told, seen = telemetry(w, a * w.int_hops + hop), telemetry(w, p * w.int_hops + hop)
        told.queued = seen.queued
        told.sent_bytes = seen.sent_bytes
        told.at_ps = seen.at_ps
        told.port = seen.port if hop <= packet.hops and packet.kind == DATA else 0.0
    enqueue(w, a, hosts(w, packet.dst).port)


@kernel
def _raise_target(w: World, f: int, p: int) -> None:
    """A packet asks for credit up to a quantum, where receivers give any."""
    if not w.receiver_driven:
        return
    flow, target = receivers(w, f), loads(w, p).word
    if target > flow.pull_target:
        flow.pull_target = target
        if not flow.in_pull:
            _request(w, f)


@kernel
def _request(w: World, f: int) -> None:
    """Put a flow at the end of its host's list of those that get credit."""
    flow = receivers(w, f)
    h = senders(w, f).dst
    host = hosts(w, h)
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
def _join_idle(w: World, h: int, f: int) -> None:
    """Put a flow at the end of its host's list of those that ask for nothing; it may stand there more than once."""
    host = hosts(w, h)
    if host.idle_tail - host.idle_head < IDLE_ROWS:
        idles(w, h * IDLE_ROWS + host.idle_tail % IDLE_ROWS).row = f
        host.idle_tail += 1


@kernel
def grant(w: World, h: int) -> None:
    """Give the next flow of a host its credit; those that asked for nothing get some ahead, up to a window."""
    host = hosts(w, h)
    while host.pull_head != NOTHING and senders(w, host.pull_head).state != RUNNING:
        receivers(w, host.pull_head).in_pull = 0
        host.pull_head = receivers(w, host.pull_head).next
    if host.pull_head != NOTHING:
        f = int(host.pull_head)
        flow = receivers(w, f)
        host.pull_head = flow.next
        granted = max(0, min(flow.latest_pull + w.grant_quanta, flow.pull_target) - flow.latest_pull)
        flow.latest_pull += granted
        flow.in_pull = 0
        if flow.pull_target > flow.latest_pull:
            _request(w, f)
        else:
            _join_idle(w, h, f)
    elif host.idle_head < host.idle_tail:
        f = int(idles(w, h * IDLE_ROWS + host.idle_head % IDLE_ROWS).row)
        flow = receivers(w, f)
        host.idle_head += 1
        granted = w.grant_quanta
        flow.latest_pull += granted
        if 0 <= flow.latest_pull - flow.pull_target < w.max_window // 256:
            _join_idle(w, h, f)
    else:
        host.granting = 0
        return
    p = make_packet(w, PULL, f, senders(w, f).src, w.control_size, 0)
    loads(w, p).word = flow.latest_pull
    packets(w, p).entropy = flow.pull_entropy
    flow.pull_entropy = (flow.pull_entropy + 1) % PULL_PATHS
    enqueue(w, p, host.port)
    quanta = granted if granted > 0 else _LEAST_TURN
    at_time(w, w.now + int(quanta * host.ps_per_quantum / host.rate), GRANT, h)


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
