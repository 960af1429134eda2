"""Lossless links: what a switch holds is counted for the link it came by, and the link is held back.

It is paused (IEEE 802.1Qbb) as the switch holds too much of it, or it has credits (InfiniBand).
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.code_kernels import CREDIT, CREDITS, GATE, NOTHING, PAUSES
from weft.engines.packet.event_kernels import after
from weft.engines.packet.pool_kernels import free_packet
from weft.engines.packet.record_kernels import World, inlets, loads, packets, ports, switches, tally


@kernel
def admit(w: World, p: int, q: int) -> bool:
    """Count what came by a link for it, where links are held back; whether there is room (there is, with headroom)."""
    if not w.held:
        return True
    packet, load = packets(w, p), loads(w, p)
    load.inlet = NOTHING
    if packet.level == 0:
        return True
    row = q * w.classes + packet.level
    inlet = inlets(w, row)
    if w.full == PAUSES:
        if inlet.stopped and inlet.bytes + packet.size > inlet.stopped - 1 + w.headroom:
            tally(w, q).dropped += 1
            free_packet(w, p)
            return False
        if inlet.bytes + packet.size > _stop_at(w, q) and not inlet.stopped:
            inlet.stopped = inlet.bytes + 1
            after(w, ports(w, q).ring_wire, GATE, (q * 64 + packet.level) * 2 + 1)
    inlet.bytes += packet.size
    load.inlet = row
    return True


@kernel
def _stop_at(w: World, q: int) -> int:
    """Return how much a switch holds of a link before it is paused: of a shared buffer, what is left, by its factor."""
    node = ports(w, q).to
    if w.shared > 0 and node >= 0:
        return int(max(int(w.shared_alpha * (w.shared - switches(w, node).held)), w.mtu))
    return int(w.xoff)


@kernel
def let_go(w: World, p: int) -> None:
    """A packet has left its switch, or is lost there."""
    if w.held:
        release(w, loads(w, p).inlet, packets(w, p).size)


@kernel
def release(w: World, row: int, size: int) -> None:
    """Let a link know that what came by it has left, where links are held back."""
    if row == NOTHING:
        return
    inlet = inlets(w, row)
    q, level = row // w.classes, row % w.classes
    inlet.bytes -= size
    if w.full == CREDITS:
        after(w, ports(w, q).ring_wire, CREDIT, ((q * 64 + level) << 20) + size)
    elif inlet.stopped and inlet.bytes <= max(_stop_at(w, q) - (w.xoff - w.xon), 0):
        inlet.stopped = 0
        after(w, ports(w, q).ring_wire, GATE, (q * 64 + level) * 2)


@kernel
def restore_credit(w: World, q: int, level: int, size: int) -> None:
    """Give a link back the credit of a packet that never arrived: receivers tell what they have room for in all."""
    if w.full == CREDITS and level > 0:
        after(w, ports(w, q).ring_wire, CREDIT, ((q * 64 + level) << 20) + size)


@kernel
def gate(w: World, q: int, level: int, stop: int) -> None:
    """A port learns that it must stop or may go on sending a class."""
    port, told, bit = ports(w, q), tally(w, q), np.uint32(1) << np.uint32(level)
    if stop:
        if port.paused == 0:
            told.paused_since = w.now
        port.paused |= bit
        told.pauses += 1
    else:
        port.paused &= ~bit
        if port.paused == 0:
            told.paused_ps += w.now - told.paused_since
