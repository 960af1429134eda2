"""Packets that are not in use: a list through the table itself."""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.code_kernels import MINIMAL, NOTHING
from weft.engines.packet.record_kernels import World, loads, packets


@kernel
def make_packet(w: World, kind: int, flow: int, dst: int, size: int, level: int) -> int:
    """Return a fresh packet; the loop sees to it that there are enough."""
    p = w.free_packet
    packet = packets(w, p)
    w.free_packet = packet.next
    w.free_packets -= 1
    packet.kind = kind
    packet.flow = flow
    packet.dst = dst
    packet.size = size
    packet.level = level
    packet.next = NOTHING
    packet.flags = 0
    packet.hops = 0
    if w.held:
        loads(w, p).inlet = NOTHING
    if w.way != MINIMAL:
        loads(w, p).via = NOTHING
    return int(p)


@kernel
def free_packet(w: World, p: int) -> None:
    """Put a packet back."""
    packets(w, p).next = w.free_packet
    w.free_packet = p
    w.free_packets += 1
