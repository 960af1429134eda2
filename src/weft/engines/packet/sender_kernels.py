"""Senders: what may be sent and when, and what must be sent again; `answer_kernels` has what they are told.

A flow is a run of sequence numbers, one a packet, within a window above the first that has not been acknowledged.
What is in flight is what was sent less what has been received. Packets are sent again when they are known to be lost:
trimmed, overtaken by too many others, or not heard of for the retransmission time.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet import control_kernels as control
from weft.engines.packet.balance_kernels import SILENT, begin_balance, next_path, path_feedback
from weft.engines.packet.code_kernels import (
    AGAIN,
    ASKS,
    DATA,
    FIRST,
    FLYING,
    GO_BACK_N,
    LOST,
    NEVER,
    NOTHING,
    PACE,
    RTS,
    RUNNING,
    THROTTLE,
    TIMER,
    UNSENT,
)
from weft.engines.packet.event_kernels import at_time
from weft.engines.packet.pool_kernels import make_packet
from weft.engines.packet.port_kernels import begin, enqueue, may_send
from weft.engines.packet.record_kernels import (
    World,
    acked,
    came,
    free_slots,
    hosts,
    loads,
    packets,
    ports,
    senders,
    seqs,
)

QUANTUM = 256  # bytes of credit, as grants count it


@kernel
def start_flow(w: World, f: int) -> None:
    """Begin a flow in a free slot; the loop sees to it that there is one."""
    sender = senders(w, f)
    w.free_slot -= 1
    slot = int(free_slots(w, w.free_slot).row)
    sender.slot = slot
    sender.state = RUNNING
    sender.start_ps = w.now
    sender.backlog = (sender.packets - 1) * w.mtu + sender.last_size
    sender.speculating = 1
    sender.credit = w.max_window
    for place in range(min(w.window_rows, sender.packets)):
        seqs(w, slot * w.window_rows + place).state = UNSENT
        seqs(w, slot * w.window_rows + place).again = 0
    for word in range(w.window_rows >> 6):
        came(w, slot * (w.window_rows >> 6) + word).bits = 0
        acked(w, slot * (w.window_rows >> 6) + word).bits = 0
    w.running += 1
    begin_balance(w, slot)
    control.begin_control(w, f)
    if hosts(w, sender.dst).asleep:
        hosts(w, sender.dst).asleep = 0
        at_time(w, w.now + w.network_rtt_ps, THROTTLE, sender.dst)
    want(w, f)


@kernel
def slot_of(w: World, f: int, seq: int) -> int:
    """Return the row of a sequence number within the window."""
    return int(senders(w, f).slot * w.window_rows + (seq & (w.window_rows - 1)))


@kernel
def acked_of(w: World, f: int, seq: int) -> int:
    """Return the row of the word that tells whether a sequence number within the window is acknowledged."""
    return int(senders(w, f).slot * (w.window_rows >> 6) + ((seq & (w.window_rows - 1)) >> 6))


@kernel
def size_of(w: World, f: int, seq: int) -> int:
    """Return the bytes on the wire of a packet of a flow."""
    return int(senders(w, f).last_size if seq == senders(w, f).packets - 1 else w.mtu)


@kernel
def permitted(w: World, f: int) -> bool:
    """Whether window, credit and pace let a flow send its next packet now."""
    sender = senders(w, f)
    if sender.state != RUNNING:
        return False
    if sender.lost > 0:
        seq = _lowest_lost(w, f)
    else:
        seq = sender.sent
        if seq >= sender.packets or seq >= sender.cum + w.window:
            return False
    if w.receiver_driven and sender.credit <= 0:
        return False
    if sender.cwnd < sender.in_flight + size_of(w, f, seq):
        return False
    if sender.ps_per_byte > 0 and sender.next_ps > w.now:
        if not sender.pacing:
            sender.pacing = 1
            at_time(w, sender.next_ps, PACE, f)
        return False
    return True


@kernel
def want(w: World, f: int) -> None:
    """Send if that is permitted and the host's port is idle; else wait in the host's list."""
    sender = senders(w, f)
    if sender.listed or not permitted(w, f):
        return
    host = hosts(w, sender.src)
    port = ports(w, host.port)
    first = host.active == 0 or w.classes > 2  # beside an idle port only flows of stopped classes wait
    if port.serving == NOTHING and first and may_send(w, host.port, sender.level, w.mtu):
        send(w, f)
        if not permitted(w, f):
            return
    join(w, f)


@kernel
def join(w: World, f: int) -> None:
    """Go to the end of the host's list of flows that would send."""
    sender = senders(w, f)
    host = hosts(w, sender.src)
    sender.listed = 1
    sender.next = NOTHING
    if host.active == 0:
        host.head = f
    else:
        senders(w, host.tail).next = f
    host.tail = f
    host.active += 1


@kernel
def send(w: World, f: int) -> None:
    """Send the next packet of a flow by its host's idle port."""
    sender = senders(w, f)
    slot, again = sender.slot, sender.lost > 0
    if again:
        seq = _lowest_lost(w, f)
        sender.lost -= 1
        sender.lost_low = seq + 1
        size = size_of(w, f, seq)
        sender.lost_bytes -= size
    else:
        seq = sender.sent
        size = size_of(w, f, seq)
        sender.backlog -= size
        sender.sent += 1
    repeated = again or seq < sender.high
    sender.high = max(sender.high, sender.sent)
    if w.receiver_driven:
        sender.credit -= size
    sender.in_flight += size
    p = make_packet(w, DATA, f, sender.dst, size, sender.level)
    packet = packets(w, p)
    packet.seq = seq
    packet.flags = FIRST
    packet.entropy = next_path(w, slot, sender.sent, int(min(sender.cwnd, float(w.max_window))) // w.mtu)
    if w.receiver_driven:
        sender.target = _pull_target(w, f)
        loads(w, p).word = sender.target
    record = seqs(w, slot_of(w, f, seq))
    if repeated:
        packet.flags |= AGAIN | ASKS
        sender.again += 1
        record.again = min(255, record.again + 1)
    else:
        w.new_packets += 1
    last = sender.backlog == 0 or (w.receiver_driven and sender.credit <= 0)
    if last or sender.in_flight + size >= sender.cwnd:
        packet.flags |= ASKS
    record.state = FLYING
    record.sent_ps = w.now
    record.path = packet.entropy
    if not sender.timer:
        sender.timer = 1
        at_time(w, w.now + w.rto_ps, TIMER, f)
    if sender.ps_per_byte > 0:
        sender.next_ps = max(w.now, sender.next_ps) + int(size * sender.ps_per_byte)
    q = hosts(w, sender.src).port
    ports(w, q).queued += size
    begin(w, p, q)


@kernel
def _lowest_lost(w: World, f: int) -> int:
    """Return the lowest lost sequence number; there is one."""
    sender = senders(w, f)
    seq = max(sender.lost_low, sender.cum)
    while seqs(w, slot_of(w, f, seq)).state != LOST:
        seq += 1
    sender.lost_low = seq
    return int(seq)


@kernel
def lose(w: World, f: int, seq: int) -> None:
    """Mark a packet that is in flight to be sent again."""
    sender = senders(w, f)
    size = size_of(w, f, seq)
    seqs(w, slot_of(w, f, seq)).state = LOST
    sender.in_flight -= size
    sender.lost_low = min(sender.lost_low, seq) if sender.lost > 0 else seq
    sender.lost += 1
    sender.lost_bytes += size


@kernel
def _pull_target(w: World, f: int) -> int:
    """Return up to which quantum a sender asks for credit."""
    sender = senders(w, f)
    target = float(sender.backlog + sender.lost_bytes)
    target = min(target, sender.cwnd + w.mtu, float(w.max_window)) - sender.credit
    if sender.speculating and target < w.mtu and sender.backlog > 0:
        target = float(w.mtu)
    active = hosts(w, sender.src).active
    if active > 1:
        target = target / active
    return int(sender.pulled + int(np.ceil(target / QUANTUM)))


@kernel
def go_back(w: World, f: int) -> None:
    """Send everything again from the first gap on."""
    sender = senders(w, f)
    for seq in range(sender.cum, sender.sent):
        sender.backlog += size_of(w, f, seq)
        seqs(w, slot_of(w, f, seq)).state = UNSENT
        acked(w, acked_of(w, f, seq)).bits = 0
    sender.sent = sender.cum
    count_flight(w, f)


@kernel
def count_flight(w: World, f: int) -> None:
    """Count what is in flight where senders go back: what was sent from the first on, less what has been received."""
    sender = senders(w, f)
    sent = int(sender.sent) * w.mtu
    if sender.sent == sender.packets:
        sent += sender.last_size - w.mtu
    sender.in_flight = max(0, sent - sender.received)


@kernel
def stop_speculating(w: World, f: int) -> None:
    """The receiver has been heard of: from now on only what it grants counts."""
    sender = senders(w, f)
    if sender.speculating:
        sender.speculating = 0
        sender.credit = min(sender.credit, 0)


@kernel
def timer(w: World, f: int) -> None:
    """Take for lost what has not been heard of for the retransmission time; look again when the next may be.

    A receiver is asked for credit where something was lost in silence and can't be sent again yet, until it answers.
    What is known to have been trimmed waits for credit unasked, for the receiver knows too; only after a long time is
    the credit taken for lost.
    """
    sender = senders(w, f)
    sender.timer = 0
    if sender.state != RUNNING:
        return
    oldest, late, ask = NEVER, 0, False
    for seq in range(sender.cum, sender.sent):
        if seqs(w, slot_of(w, f, seq)).state != FLYING:
            continue
        if seqs(w, slot_of(w, f, seq)).sent_ps + w.rto_ps > w.now:
            oldest = min(oldest, seqs(w, slot_of(w, f, seq)).sent_ps)
            continue
        late += 1
        path_feedback(w, sender.slot, seqs(w, slot_of(w, f, seq)).path, SILENT)
        if w.recovery == GO_BACK_N:
            break
        if sender.lost > 0:
            stop_speculating(w, f)
            ask = True
        lose(w, f, seq)
        control.lost(w, f, size_of(w, f, seq))
        ask = ask or sender.credit <= 0 or sender.cwnd < sender.in_flight + size_of(w, f, seq)
    if late > 0:
        sender.timeouts += 1
        if w.recovery == GO_BACK_N:
            control.lost(w, f, size_of(w, f, sender.cum))
            go_back(w, f)
            ask = True
    none = oldest == NEVER
    starved = w.receiver_driven and none and sender.credit <= 0 and (sender.backlog > 0 or sender.lost > 0)
    if starved and late == 0:
        sender.starved += 1
        ask = sender.asked > 0 or sender.starved >= w.patience
    if w.receiver_driven and ask:
        _ask(w, f)
    if late > 0 or starved or not none:
        sender.timer = 1
        at_time(w, (w.now if none else oldest) + w.rto_ps, TIMER, f)
    if late > 0:
        want(w, f)


@kernel
def _ask(w: World, f: int) -> None:
    """Tell the receiver that credit is waited for, up to what was last asked for."""
    sender = senders(w, f)
    sender.asked = 1
    sender.starved = 0
    p = make_packet(w, RTS, f, sender.dst, w.control_size, 0)
    packets(w, p).seq = sender.cum
    packets(w, p).entropy = next_path(w, sender.slot, sender.sent, 1)
    loads(w, p).word = sender.target
    enqueue(w, p, hosts(w, sender.src).port)
