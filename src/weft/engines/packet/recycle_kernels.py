"""Which flows the network still knows: rows of others can be used again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft._jit import kernel
from weft.engines.packet.code_kernels import DONE, KIND_BITS, KIND_MASK, TICK
from weft.engines.packet.receiver_kernels import IDLE_ROWS
from weft.engines.packet.record_kernels import heap, hosts, idles, packets, receivers, senders


@kernel
def known(world: Any, used: npt.NDArray[np.uint8]) -> int:
    """Mark flows that have not ended, or that a packet, an event or a list still names; return how many there are.

    O(flows + packets + events).

    Args:
        used: uint8[flows], filled.
    """
    w = world[0]
    free = np.zeros(w.packet_rows, np.uint8)
    p = w.free_packet
    for _ in range(w.free_packets):
        free[p] = 1
        p = int(packets(w, p).next)
    for f in range(len(used)):
        sender, receiver = senders(w, f), receivers(w, f)
        busy = sender.state != DONE or sender.listed or sender.timer or sender.pacing
        used[f] = busy or receiver.in_pull
    for h in range(w.host_rows):
        for i in range(hosts(w, h).idle_head, hosts(w, h).idle_tail):
            used[idles(w, h * IDLE_ROWS + i % IDLE_ROWS).row] = 1
    for p in range(w.packet_rows):
        if free[p] == 0:
            used[packets(w, p).flow] = 1
    for i in range(w.heaped):
        what = heap(w, i).what
        if what & KIND_MASK == TICK:
            used[what >> KIND_BITS] = 1
    return int(used.sum())
