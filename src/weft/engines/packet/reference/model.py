"""What all parts of a simulation share: its settings, time, chance, and sums."""

from __future__ import annotations

from weft.engines.packet.reference.chance import Chance
from weft.engines.packet.reference.clock import Clock
from weft.engines.packet.transport import Settings

PS = 1e12  # a second
QUANTUM = 256  # bytes of credit


class Model:
    """Settings, time, chance and sums; ``longest`` is the packets that the longest flow has at most.

    Attributes:
        classes: of queues: control, and each traffic class as often as there are lanes.
        running, done: flows.
        hops: packets that have crossed a link.
        window: sequence numbers that a sender may be ahead of the first gap.
        paths_kept: paths that a flow keeps to take again.
        detours: edges that packets may go by, the first so many.
        ends_at_receipt: a flow ends for others when its receiver has it all, and not when its sender knows.
    """

    def __init__(self, settings: Settings, longest: int, detours: int) -> None:
        t = settings.transport
        self.settings, self.transport = settings, t
        self.clock, self.chance = Clock(), Chance(t.seed)
        self.classes = 1 + len(t.class_weights) * t.lanes
        self.running = self.done = self.hops = 0
        rows = 128
        while rows < min(longest, 4 * settings.window_x * settings.widest_bytes / t.mtu_bytes) + 64:
            rows *= 2
        self.window, self.paths_kept = rows - 64, rows
        self.detours, self.ends_at_receipt = detours, False
        self.most_credit = int(settings.window_x * settings.bdp_bytes)
        self.flowlet_ps = int(t.flowlet_s * PS)
        self.rtt_ps, self.rto_ps = int(settings.rtt_s * PS), int(settings.rto_s * PS)

    def quantum(self, level: int) -> int:
        """Return the bytes a turn of a class in weighted sharing; 0 where it goes by strict priority."""
        t = self.transport
        return 0 if level == 0 else round(t.class_weights[(level - 1) // t.lanes] * t.mtu_bytes)
