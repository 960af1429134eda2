"""The loop: take the next event, let act what it concerns, until there is reason to come back."""

from __future__ import annotations

from typing import Any

from weft._jit import kernel
from weft.engines.packet import control_kernels as control
from weft.engines.packet.answer_kernels import get_ack, get_nack, get_notice, get_pull
from weft.engines.packet.code_kernels import (
    ACK,
    ARRIVE,
    BROKEN,
    CNP,
    CREDIT,
    CROWDED,
    DATA,
    FINISHED,
    FREE,
    FULL,
    GATE,
    GRANT,
    HEARD,
    HERE,
    IDLE,
    KIND_BITS,
    KIND_MASK,
    LATER,
    NACK,
    NEVER,
    NOTHING,
    PACE,
    PULL,
    REACHED,
    RTS,
    STALLED,
    START,
    THROTTLE,
    TICK,
    TIMER,
    TRIMMED,
)
from weft.engines.packet.event_kernels import again_first, at_time, next_time, take
from weft.engines.packet.forward_kernels import next_port
from weft.engines.packet.hold_kernels import admit, gate, let_go, restore_credit
from weft.engines.packet.pool_kernels import free_packet
from weft.engines.packet.port_kernels import enqueue, finish, may_send, serve
from weft.engines.packet.random_kernels import unit
from weft.engines.packet.receiver_kernels import get_data, get_request, get_trimmed, grant, throttle
from weft.engines.packet.record_kernels import (
    World,
    balances,
    events,
    hosts,
    inlets,
    packets,
    ports,
    prefetch_acked,
    prefetch_balance,
    prefetch_came,
    prefetch_control,
    prefetch_host,
    prefetch_load,
    prefetch_packet,
    prefetch_port,
    prefetch_queue,
    prefetch_receiver,
    prefetch_recycled,
    prefetch_sender,
    prefetch_seq,
    queues,
    ring_order,
    rings,
    senders,
    tally,
)
from weft.engines.packet.sender_kernels import (
    join,
    permitted,
    send,
    start_flow,
    timer,
    want,
)

_FAR, _NEAR, _NEXT, _SOON = 24, 16, 9, 4  # events ahead
_CACHED = 20_000  # packets that fit in a core's cache
_LOOK = 256  # events between looks at how full the tables are
SLACK = 16 * _LOOK  # rows that are kept free, more than so many events can fill


@kernel
def run(world: Any, until: int) -> int:
    """Go on until a time, the end of all flows, or something that Python must see to; return why.

    O(events): each takes constant time, and some ten to a hundred nanoseconds.
    """
    w = world[0]
    w.ended_count = 0
    countdown = 0
    while True:
        if countdown == 0:
            if _full(w):
                return FULL
            if w.now - w.moved > w.stall_ps and w.free_packets < w.packet_rows:
                w.moved = w.now  # look again as much later
                return STALLED
            countdown = _LOOK
        countdown -= 1
        time = next_time(w)
        if time == NEVER:
            return FINISHED if w.running == 0 else IDLE
        if time > until:
            return REACHED
        if w.packet_rows > _CACHED:
            _look_ahead(w)
        what = take(w)
        w.event_count += 1
        kind, index = what & KIND_MASK, what >> KIND_BITS
        if kind == ARRIVE:
            _arrive(w, index)
        elif kind == FREE:
            if finish(w, index):
                _go_on(w, index)
        elif kind == START:
            if w.free_slot == 0:
                again_first(w, START, index)
                w.event_count -= 1
                return CROWDED
            start_flow(w, index)
        elif kind == TIMER:
            timer(w, index)
        elif kind == PACE:
            senders(w, index).pacing = 0
            want(w, index)
        elif kind == GRANT:
            grant(w, index)
        elif kind == TICK:
            control.ticked(w, index)
        elif kind == GATE:
            q = index // 128
            gate(w, q, index // 2 % 64, index % 2)
            if ports(w, q).serving == NOTHING:
                _go_on(w, q)
        elif kind == CREDIT:
            q, level = index >> 26, (index >> 20) & 63
            inlets(w, q * w.classes + level).credit += index & 0xFFFFF
            if ports(w, q).serving == NOTHING:
                _go_on(w, q)
        elif kind == THROTTLE:
            throttle(w, index)
            if w.running > 0:
                spread = (0.75 + unit(w) / 2) * 1.5  # so that hosts do not act in step
                at_time(w, w.now + int(spread * w.network_rtt_ps), THROTTLE, index)
            else:
                hosts(w, index).asleep = 1
        if w.ended_count > 0 and w.stop_on_end:
            return HEARD


@kernel
def _look_ahead(w: World) -> None:
    """Have brought near what events soon to come will touch: with many packets in flight, that wait is the cost."""
    if w.ring_count == 0:
        return
    r = rings(w, ring_order(w, 0).row)
    if r.head + _FAR < r.tail:
        what = events(w, r.first + ((r.head + _FAR) & r.mask)).what
        if what & KIND_MASK == ARRIVE:
            prefetch_packet(w, what >> KIND_BITS)
        else:
            prefetch_port(w, what >> KIND_BITS)
    if r.head + _NEAR < r.tail:
        what = events(w, r.first + ((r.head + _NEAR) & r.mask)).what
        if what & KIND_MASK == ARRIVE:
            _nearer(w, what >> KIND_BITS)
        elif what & KIND_MASK == FREE:
            port = ports(w, what >> KIND_BITS)
            if port.serving >= 0:
                prefetch_packet(w, port.serving)
            prefetch_queue(w, (what >> KIND_BITS) * w.classes)
            if port.node < 0:
                prefetch_host(w, ~port.node)
    if r.head + _SOON < r.tail:
        what = events(w, r.first + ((r.head + _SOON) & r.mask)).what
        if what & KIND_MASK == ARRIVE:
            _soon(w, what >> KIND_BITS)
        elif what & KIND_MASK == FREE and ports(w, what >> KIND_BITS).node < 0:
            host = hosts(w, ~ports(w, what >> KIND_BITS).node)
            if host.active > 0:
                sender = senders(w, host.head)
                prefetch_seq(w, max(0, sender.slot) * w.window_rows + (sender.sent & (w.window_rows - 1)))
                prefetch_balance(w, max(0, sender.slot))
    if r.head + _NEXT < r.tail:
        what = events(w, r.first + ((r.head + _NEXT) & r.mask)).what
        if what & KIND_MASK == ARRIVE:
            _nearest(w, what >> KIND_BITS)
        elif what & KIND_MASK == FREE:
            _next_of(w, what >> KIND_BITS)


@kernel
def _nearer(w: World, p: int) -> None:
    """Bring what a packet will meet first: a port, or a flow."""
    packet = packets(w, p)
    if packet.next >= 0:
        prefetch_port(w, packet.next)
        prefetch_queue(w, packet.next * w.classes)
    elif packet.next == LATER:
        prefetch_port(w, packet.port)
    elif packet.kind == DATA:
        prefetch_sender(w, packet.flow)
        prefetch_receiver(w, packet.flow)
        prefetch_host(w, packet.dst)
    else:
        prefetch_load(w, p)
        prefetch_sender(w, packet.flow)
        prefetch_control(w, packet.flow)


@kernel
def _next_of(w: World, q: int) -> None:
    """Bring what a port will send next."""
    node = ports(w, q).node
    if node < 0:
        host = hosts(w, ~node)
        if host.active > 0:
            prefetch_sender(w, host.head)
        return
    for level in range(min(w.classes, 2)):
        queue = queues(w, q * w.classes + level)
        if queue.count > 0:
            prefetch_packet(w, queue.head)


@kernel
def _nearest(w: World, p: int) -> None:
    """Bring what a flow will look up for a packet, or the packet it will stand behind."""
    packet = packets(w, p)
    if packet.next >= 0:
        queue = queues(w, packet.next * w.classes + packet.level)
        if queue.count > 0:
            prefetch_packet(w, queue.tail)
    elif packet.next == HERE:
        slot = max(0, senders(w, packet.flow).slot)
        if packet.kind == DATA:
            prefetch_came(w, slot * (w.window_rows >> 6) + ((packet.seq & (w.window_rows - 1)) >> 6))
            prefetch_port(w, hosts(w, packet.dst).port)
        else:
            prefetch_seq(w, slot * w.window_rows + (packet.seq & (w.window_rows - 1)))
            prefetch_acked(w, slot * (w.window_rows >> 6) + ((packet.seq & (w.window_rows - 1)) >> 6))
            prefetch_balance(w, slot)
            prefetch_port(w, hosts(w, packet.dst).port)


@kernel
def _soon(w: World, p: int) -> None:
    """Bring where a path that comes back well is remembered."""
    packet = packets(w, p)
    if packet.next == HERE and packet.kind == ACK:
        slot = max(0, senders(w, packet.flow).slot)
        prefetch_recycled(w, slot * w.window_rows + (balances(w, slot).tail & (w.window_rows - 1)))


@kernel
def _full(w: World) -> bool:
    """Whether a table may not hold what the next few hundred events can add."""
    if w.free_packets < SLACK or w.heaped + SLACK > w.heap_rows or w.ended_count + SLACK > w.ended_rows:
        return True
    for ring in range(w.ring_rows):
        r = rings(w, ring)
        if r.tail - r.head + SLACK > r.mask + 1:
            return True
    return False


@kernel
def _arrive(w: World, p: int) -> None:
    """A packet has come to the end of a link."""
    packet = packets(w, p)
    q = int(packet.port)
    if w.dead > 0 and not ports(w, q).up:
        tally(w, q).dropped += 1
        restore_credit(w, q, packet.level, packet.size)
        free_packet(w, p)
        return
    out = int(packet.next)
    if out == HERE:
        _consume(w, p, q)
        return
    if not admit(w, p, q):
        return
    if packet.flags & BROKEN and not ports(w, q).cut:
        let_go(w, p)
        free_packet(w, p)
        return
    packet.hops = min(254, packet.hops + (packet.kind != ACK))
    if out == LATER:
        out = next_port(w, p, int(ports(w, q).to))
    if out == NOTHING:
        tally(w, q).dropped += 1
        let_go(w, p)
        free_packet(w, p)
        return
    if w.lanes > 1 and packet.level > 0:
        packet.level = senders(w, packet.flow).level + min(packet.hops - 1, w.lanes - 1)
    enqueue(w, p, out)


@kernel
def _consume(w: World, p: int, q: int) -> None:
    """A packet has come to its host."""
    if admit(w, p, q):
        packet = packets(w, p)
        let_go(w, p)
        kind = packet.kind
        if packet.flags & BROKEN:
            pass
        elif kind == DATA:
            get_data(w, p)
        elif kind == ACK:
            get_ack(w, p)
        elif kind == TRIMMED:
            get_trimmed(w, p)
        elif kind == NACK:
            get_nack(w, p)
        elif kind == PULL:
            get_pull(w, p)
        elif kind == RTS:
            get_request(w, p)
        elif kind == CNP:
            get_notice(w, p)
        free_packet(w, p)


@kernel
def _go_on(w: World, q: int) -> None:
    """Let an idle port send what is next: a switch's from its queues, a host's by turns with its flows."""
    h = ~int(ports(w, q).node)
    if h < 0:
        serve(w, q)
        return
    host = hosts(w, h)
    control_waits = queues(w, q * w.classes).count > 0
    if control_waits and host.active > 0:
        host.crt = (host.crt + 1) % (w.control_per_data + 1)
        if host.crt != 0:
            serve(w, q)
            return
    stopped = 0  # flows whose class is; the gate or the credit goes on with them
    while host.active > stopped:
        f = int(host.head)
        sender = senders(w, f)
        if not may_send(w, q, sender.level, w.mtu):
            if w.classes == 2:
                break
            _leave_list(w, h)
            join(w, f)
            stopped += 1
            continue
        if not permitted(w, f):
            _leave_list(w, h)
            continue
        send(w, f)
        _leave_list(w, h)
        if permitted(w, f):
            join(w, f)
        return
    if control_waits:
        serve(w, q)


@kernel
def _leave_list(w: World, h: int) -> None:
    """Take the first flow out of a host's list."""
    host = hosts(w, h)
    sender = senders(w, host.head)
    host.head = sender.next
    host.active -= 1
    sender.listed = 0
