"""Time: actions by when they fall due and, at equal times, by the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

Action = Callable[[], None]


class Clock:
    """A queue of actions.

    Attributes:
        now: picoseconds.
        done: actions.
    """

    def __init__(self) -> None:
        self.now = self.done = 0
        self._asked = 0
        self._heap: list[tuple[int, int, Action]] = []

    def at(self, time: int, action: Action) -> None:
        """Have something done at a time."""
        heappush(self._heap, (time, self._asked, action))
        self._asked += 1

    def after(self, delay: int, action: Action) -> None:
        """Have something done a while from now."""
        self.at(self.now + delay, action)

    def run(self, until: float, most: float) -> None:
        """Do what there is to do until a time, that included; not more than so many actions in all."""
        while self._heap and self._heap[0][0] <= until and self.done < most:
            self.now, _, action = heappop(self._heap)
            self.done += 1
            action()
