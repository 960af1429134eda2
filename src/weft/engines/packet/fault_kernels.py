"""What a port does when its link dies, and when it lives again."""

from __future__ import annotations

from typing import Any

from weft._jit import kernel
from weft.engines.packet.code_kernels import CREDIT
from weft.engines.packet.event_kernels import at_time
from weft.engines.packet.hold_kernels import let_go
from weft.engines.packet.pool_kernels import free_packet
from weft.engines.packet.record_kernels import packets, ports, queues, switches, tally


@kernel
def flush(world: Any, q: int) -> None:
    """Lose all packets that wait before a port; the one that is being sent is lost as its last bit would be out."""
    w = world[0]
    port = ports(w, q)
    for level in range(w.classes):
        queue = queues(w, q * w.classes + level)
        while queue.count > 0:
            p = queue.head
            packet = packets(w, p)
            queue.head = packet.next
            queue.count -= 1
            queue.bytes -= packet.size
            if level > 0:
                port.queued -= packet.size
                if w.shared > 0 and port.node >= 0:
                    switches(w, port.node).held -= packet.size
            tally(w, q).dropped += 1
            let_go(w, p)
            free_packet(w, p)


@kernel
def resume(world: Any, q: int) -> None:
    """Let a port look for something to send: no credit comes, which is as good as some."""
    w = world[0]
    at_time(w, w.now, CREDIT, (q * 64) << 20)
