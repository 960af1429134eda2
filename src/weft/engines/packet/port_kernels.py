"""Ports: packets wait in queues of their class, and are sent one at a time.

A port holds data up to a limit of its own, or of a buffer that its switch shares by dynamic thresholds (A. Choudhury
and E. Hahne, IEEE/ACM Trans. Netw. 6, 1998); beyond it a packet is dropped, or trimmed to its header, which goes with
control packets (M. Handley et al., NDP, SIGCOMM 2017). Marks of congestion are put on as a packet leaves, by what it
leaves behind. Class 0 is control's, before all others. `hold_kernels` has what keeps lossless links from filling.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.code_kernels import (
    ARRIVE,
    BROKEN,
    CREDITS,
    DATA,
    ECN,
    FREE,
    HERE,
    LAST_HOP,
    LATER,
    NOTHING,
    TRIMMED,
    TRIMS,
)
from weft.engines.packet.event_kernels import after, at_time
from weft.engines.packet.forward_kernels import next_port
from weft.engines.packet.hold_kernels import let_go, release, restore_credit
from weft.engines.packet.pool_kernels import free_packet
from weft.engines.packet.random_kernels import unit
from weft.engines.packet.record_kernels import (
    World,
    cables,
    inlets,
    loads,
    packets,
    ports,
    quanta,
    queues,
    switches,
    tally,
    telemetry,
)


@kernel
def enqueue(w: World, p: int, q: int) -> None:
    """Put a packet before a port, send it if the port is idle; trim or drop it where there is no room."""
    port, packet = ports(w, q), packets(w, p)
    if not port.up:
        _drop(w, p, q)
        return
    packet.port = q
    if packet.level > 0 and port.queued + packet.size > _room(w, q) and not _make_room(w, p, q):
        return
    queue = queues(w, q * w.classes + packet.level)
    if packet.level == 0:
        if queue.bytes + packet.size > queue.limit:
            _drop(w, p, q)
            return
    else:
        port.queued += packet.size
        if w.shared > 0 and port.node >= 0:
            switches(w, port.node).held += packet.size
    if port.serving == NOTHING and queue.count == 0 and may_send(w, q, packet.level, packet.size):
        begin(w, p, q)
        return
    packet.next = NOTHING
    if queue.count == 0:
        queue.head = p
    else:
        packets(w, queue.tail).next = p
    queue.tail = p
    queue.count += 1
    queue.bytes += packet.size
    queue.most = max(queue.most, queue.bytes)


@kernel
def _room(w: World, q: int) -> int:
    """Return how many bytes of data may be before a port."""
    port = ports(w, q)
    if w.held or port.node < 0:
        return 1 << 60
    if w.shared > 0:
        free = w.shared - switches(w, port.node).held
        return int(min(int(w.shared_alpha * free), port.queued + free))
    return int(port.limit)


@kernel
def _make_room(w: World, p: int, q: int) -> bool:
    """Deal with data for a full port; whether the packet, as it is now, still goes there.

    Of the newest two, one is trimmed at random, so that flows in step do not always lose the same one (NDP).
    """
    port, packet = ports(w, q), packets(w, p)
    if w.full != TRIMS:
        _drop(w, p, q)
        return False
    queue = queues(w, q * w.classes + packet.level)
    if queue.count > 0 and unit(w) < 0.5 and packets(w, queue.tail).kind == DATA:
        tail = queue.tail
        held = packets(w, tail).size
        _exchange(w, p, tail)  # the newest leaves the queue as p, and p stays in its place
        queue.bytes += packets(w, tail).size - held
        queue.most = max(queue.most, queue.bytes)
        port.queued += packets(w, tail).size - held
        if w.shared > 0:
            switches(w, port.node).held += packets(w, tail).size - held
    packet.kind = TRIMMED
    packet.size = w.control_size
    packet.level = 0
    if port.to < 0:
        packet.flags |= LAST_HOP
    tally(w, q).trimmed += 1
    return True


@kernel
def _exchange(w: World, a: int, b: int) -> None:
    """Let two packets change places in the table; their places in queues stay."""
    x, y = packets(w, a), packets(w, b)
    v, u = loads(w, a), loads(w, b)
    x.flow, y.flow = y.flow, x.flow
    x.seq, y.seq = y.seq, x.seq
    x.size, y.size = y.size, x.size
    x.dst, y.dst = y.dst, x.dst
    v.via, u.via = u.via, v.via
    x.entropy, y.entropy = y.entropy, x.entropy
    x.kind, y.kind = y.kind, x.kind
    x.flags, y.flags = y.flags, x.flags
    x.level, y.level = y.level, x.level
    x.hops, y.hops = y.hops, x.hops
    v.word, u.word = u.word, v.word
    for hop in range(w.int_hops):
        m, n = telemetry(w, a * w.int_hops + hop), telemetry(w, b * w.int_hops + hop)
        m.queued, n.queued = n.queued, m.queued
        m.sent_bytes, n.sent_bytes = n.sent_bytes, m.sent_bytes
        m.at_ps, n.at_ps = n.at_ps, m.at_ps
        m.port, n.port = n.port, m.port


@kernel
def _drop(w: World, p: int, q: int) -> None:
    tally(w, q).dropped += 1
    let_go(w, p)
    free_packet(w, p)


@kernel
def may_send(w: World, q: int, level: int, size: int) -> bool:
    """Whether the far end lets a port send a packet of a class."""
    port = ports(w, q)
    if not port.up or (port.paused >> np.uint32(level)) & np.uint32(1):
        return False
    if w.full == CREDITS and level > 0:
        return bool(inlets(w, q * w.classes + level).credit >= size)
    return True


@kernel
def begin(w: World, p: int, q: int) -> None:
    """Begin to send a packet."""
    port, packet = ports(w, q), packets(w, p)
    port.serving = p
    port.serving_size = packet.size
    port.serving_level = packet.level
    packet.port = q
    if w.held:
        port.serving_inlet = loads(w, p).inlet
    if w.full == CREDITS and packet.level > 0:
        inlets(w, q * w.classes + packet.level).credit -= packet.size
    if w.int_hops > 0:
        _tell(w, p, q)
    if packet.size == w.mtu:
        after(w, port.ring_full, FREE, q)
    elif packet.size == w.control_size:
        after(w, port.ring_control, FREE, q)
    else:
        at_time(w, w.now + int(packet.size * cables(w, q).ps_per_byte + 0.5), FREE, q)
    if port.cut:
        if port.lossy and _damaged(w, q, packet.size):
            tally(w, q).lost += 1
            packet.flags |= BROKEN
        _mark(w, p, q, port.queued - packet.size)
        packet.next = _beyond(w, p, int(port.to))
        after(w, port.ring_wire, ARRIVE, p)


@kernel
def finish(w: World, q: int) -> bool:
    """A packet's last bit is out; whether the port is free (it is not while it sends the packet again)."""
    port = ports(w, q)
    p, size = port.serving, port.serving_size
    if p == NOTHING:
        return True
    if port.lossy and port.up and not port.cut and _damaged(w, q, size):
        if cables(w, q).retry_ps > 0:
            tally(w, q).retried += 1
            again_ps = cables(w, q).retry_ps + int(size * cables(w, q).ps_per_byte + 0.5)
            at_time(w, w.now + again_ps, FREE, q)
            return False
        tally(w, q).lost += 1
        port.sent_bytes += size
        _leave(w, q)
        restore_credit(w, q, port.serving_level, size)
        free_packet(w, p)
        return True
    w.hops += 1
    w.moved = w.now
    port.sent_bytes += size
    _leave(w, q)
    if port.cut:
        return True
    if not port.up:
        tally(w, q).dropped += 1
        restore_credit(w, q, port.serving_level, size)
        free_packet(w, p)
        return True
    _mark(w, p, q, port.queued)
    packets(w, p).next = _beyond(w, p, int(port.to))
    after(w, port.ring_wire, ARRIVE, p)
    return True


@kernel
def _beyond(w: World, p: int, to: int) -> int:
    """Return the port that a packet will take at a link's far end, so that its arrival need not look the link up."""
    if to < 0:
        return int(HERE)
    return next_port(w, p, to) if w.early else int(LATER)


@kernel
def _damaged(w: World, q: int, size: int) -> bool:
    """Whether a packet of so many bytes is damaged on a port's wire, each byte for itself."""
    return bool(unit(w) < -np.expm1(size * np.log1p(-cables(w, q).loss)))


@kernel
def _leave(w: World, q: int) -> None:
    """What was being sent is out of the port and of its switch."""
    port = ports(w, q)
    port.serving = NOTHING
    if port.serving_level > 0:
        port.queued -= port.serving_size
        if w.shared > 0 and port.node >= 0:
            switches(w, port.node).held -= port.serving_size
    if w.held:
        release(w, port.serving_inlet, port.serving_size)


@kernel
def _mark(w: World, p: int, q: int, behind: int) -> None:
    """Mark congestion, by RED on what waits now (a step where both thresholds are one)."""
    port, packet = ports(w, q), packets(w, p)
    if packet.level == 0 or packet.kind != DATA:
        return
    above, span = behind - port.ecn_low, port.ecn_high - port.ecn_low
    if port.marks and above > 0 and (above > span or unit(w) * span < w.ecn_most * above):
        packet.flags |= ECN
        tally(w, q).marked += 1


@kernel
def _tell(w: World, p: int, q: int) -> None:
    """Write what telemetry asks for into a packet as it leaves its queue: what waits behind it, and what was sent."""
    port, packet = ports(w, q), packets(w, p)
    if packet.level > 0 and packet.hops < w.int_hops:
        seen = telemetry(w, p * w.int_hops + packet.hops)
        seen.queued = port.queued - packet.size
        seen.sent_bytes = port.sent_bytes
        seen.at_ps = w.now
        seen.port = q


@kernel
def serve(w: World, q: int) -> None:
    """Send the next packet of an idle port: control, then classes in strict order, then those that share by turns."""
    classes = w.classes
    sharing = 0
    for level in range(classes):
        queue = queues(w, q * classes + level)
        if queue.count == 0:
            continue
        if quanta(w, level).bytes > 0:
            sharing += 1
        elif may_send(w, q, level, packets(w, queue.head).size):
            begin(w, _first(w, q, level), q)
            return
    if sharing > 0:
        _serve_by_turns(w, q, classes)


@kernel
def _serve_by_turns(w: World, q: int, classes: int) -> None:
    """Deficit round robin (M. Shreedhar and G. Varghese, SIGCOMM 1995)."""
    port = ports(w, q)
    stopped = 0
    while stopped < classes:
        level = port.turn
        queue = queues(w, q * classes + level)
        if quanta(w, level).bytes == 0 or queue.count == 0 or not may_send(w, q, level, packets(w, queue.head).size):
            queue.deficit = 0
            stopped += 1
        elif queue.deficit >= packets(w, queue.head).size:
            queue.deficit -= packets(w, queue.head).size
            begin(w, _first(w, q, level), q)
            return
        else:
            stopped = 0
        port.turn = (level + 1) % classes
        queues(w, q * classes + port.turn).deficit += quanta(w, port.turn).bytes


@kernel
def _first(w: World, q: int, level: int) -> int:
    """Take the oldest packet out of a queue."""
    queue = queues(w, q * w.classes + level)
    p = queue.head
    queue.head = packets(w, p).next
    queue.count -= 1
    queue.bytes -= packets(w, p).size
    return int(p)
