"""An engine whose communications take what the test says: no network, no library."""

from __future__ import annotations

import heapq
import math

from weft.workload.program import Communication


class FixedEngine:
    """A communication takes ``seconds_per_byte`` times its size, for each repeat.

    ``contends`` is what it tells the executor: whether times depend on what else is in flight (they never do).
    """

    name = "fixed"

    def __init__(self, seconds_per_byte: float = 0.0, *, contends: bool = True) -> None:
        self.seconds_per_byte, self.contends = seconds_per_byte, contends
        self.flying: list[tuple[float, int]] = []
        self.started: list[tuple[float, Communication]] = []

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        self.started.append((now_s, communication))
        heapq.heappush(self.flying, (now_s + self.alone_s(communication), token))

    def peek(self, limit_s: float = math.inf) -> float:
        return self.flying[0][0] if self.flying else math.inf

    def pop(self) -> tuple[float, int]:
        return heapq.heappop(self.flying)

    def alone_s(self, communication: Communication) -> float:
        return self.seconds_per_byte * communication.size_bytes * communication.repeat

    def bound(self, communication: Communication) -> str:
        return "fixed"

    def stuck(self) -> str:
        return ""
