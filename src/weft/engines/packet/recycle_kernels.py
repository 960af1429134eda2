"""Which flows the network still knows: rows of others can be used again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft._jit import kernel
from weft.engines.packet.code_kernels import DONE, KINDS, TICK
from weft.engines.packet.record_kernels import heap, packets, receivers, senders


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
        p = np.int64(packets(w, p).next)
    for f in range(len(used)):
        sender, receiver = senders(w, f), receivers(w, f)
        busy = sender.state != DONE or sender.listed or sender.timer or sender.pacing
        used[f] = busy or receiver.in_pull or receiver.in_idle
    for p in range(w.packet_rows):
        if free[p] == 0:
            used[packets(w, p).flow] = 1
    for i in range(w.heaped):
        what = heap(w, i).what
        if what % KINDS == TICK:
            used[what // KINDS] = 1
    return np.int64(used.sum())
