"""The closed-form engine: each communication takes its α-β time, as if nothing else were on its links."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from weft.collectives import Estimate, Library, estimate
from weft.errors import ConfigError, InternalError
from weft.fabric import Fabric
from weft.fabric.group import CommGroup
from weft.workload.program import Communication


class AnalyticEngine:
    """Closed forms of `weft.collectives` over the levels that a group crosses; O(log n) a communication.

    Args:
        fabric, library: what communicates, and how.
        algorithms: by kind, the algorithm to use where it can be, in place of the library's choice.
    """

    name = "analytic"
    contends = False

    def __init__(self, fabric: Fabric, library: Library, algorithms: Mapping[str, str] | None = None) -> None:
        self.fabric, self.library, self.algorithms = fabric, library, algorithms or {}
        self._groups: dict[Sequence[int], CommGroup] = {}
        self._heap: list[tuple[float, int]] = []
        self._estimates: dict[Communication, Estimate] = {}

    def estimate(self, communication: Communication) -> Estimate:
        """The closed form of one communication (memoised)."""
        found = self._estimates.get(communication)
        if found is None:
            group = self._groups.get(communication.ranks)
            if group is None:
                group = self._groups[communication.ranks] = self.fabric.group(communication.ranks)
            if communication.siblings:
                group = _shared_by(group, communication.siblings)
            found = self._estimates[communication] = self._estimate(communication, group)
        return found

    def _estimate(self, communication: Communication, group: CommGroup) -> Estimate:
        kind, size = communication.kind, communication.size_bytes
        if (asked := self.algorithms.get(kind)) is not None:
            try:
                return estimate(kind, size, group, library=self.library, algorithm=asked)
            except ConfigError:
                pass  # it does not suit this group
        return estimate(kind, size, group, library=self.library)

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        """Put a communication in flight."""
        heapq.heappush(self._heap, (now_s + self.alone_s(communication), token))

    def peek(self, limit_s: float = math.inf) -> float:
        """When the next communication ends."""
        return self._heap[0][0] if self._heap else math.inf

    def pop(self) -> tuple[float, int]:
        """Take the next communication off."""
        return heapq.heappop(self._heap)

    def alone_s(self, communication: Communication) -> float:
        """Seconds of all repeats of a communication.

        Raises:
            InternalError: not a number, or negative.
        """
        seconds = self.estimate(communication).time_s * communication.repeat / communication.rate_x
        if not seconds >= 0:
            raise InternalError(f"{communication.kind} of {communication.size_bytes} B takes {seconds} s")
        return seconds

    def bound(self, communication: Communication) -> str:
        """The link class that limits a communication."""
        return self.estimate(communication).bound

    def stuck(self) -> str:
        """Nothing: a closed form has an end for everything."""
        return ""


def _shared_by(group: CommGroup, siblings: int) -> CommGroup:
    """A group whose oversubscribed links carry the traffic of ``siblings`` accelerators, not of all beneath them."""
    levels = [group.levels[0]]
    for below, level in zip(group.levels, group.levels[1:], strict=False):
        busy = min(1.0, siblings / below.accelerators)
        levels.append(replace(level, oversubscription=max(1.0, level.oversubscription * busy)))
    return replace(group, levels=tuple(levels))
