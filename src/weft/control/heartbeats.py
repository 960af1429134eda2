"""When a link counts as silent: a heartbeat every 30 ms, four missed in a row; a few in a row, and it is heard again.

Knows neither sockets nor clocks: whoever receives says what came, and when. A detector that was late itself, because
other work had the processor, has no right to call others silent: it begins to count anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from weft.control.southbound import Change

Link = TypeVar("Link", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast a silent link is noticed.

    Attributes:
        interval_s: between two heartbeats.
        missed: so many intervals without one, and the link is silent.
        heard: so many heartbeats with no gap, and a silent link is heard again.
        grace_s: after the start, how long a link may take to be heard first.
        late_s: a detector that looks after a longer pause than this was late itself.
    """

    interval_s: float = 0.03
    missed: int = 4
    heard: int = 3
    grace_s: float = 1.0
    late_s: float = 0.045

    @property
    def silent_s(self) -> float:
        """After how long without a heartbeat a link is silent."""
        return self.interval_s * self.missed


class Heartbeats(Generic[Link]):
    """The state of links, each named as its user likes, as their heartbeats tell it."""

    def __init__(self, links: Iterable[Link], now_s: float, timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self.resets = 0  # how often the detector found itself late
        self._last = dict.fromkeys(links, now_s + self.timing.grace_s - self.timing.silent_s)
        self._run: dict[Link, int] = {}  # of silent links: heartbeats in a row
        self._looked_s = now_s

    @property
    def silent(self) -> frozenset[Link]:
        """Links that are silent now."""
        return frozenset(self._run)

    def beat(self, link: Link, now_s: float) -> Change | None:
        """Take a heartbeat that came at a time; HEARD where it ends a silence."""
        gap_s = now_s - self._last[link]
        self._last[link] = now_s
        if link not in self._run:
            return None
        self._run[link] = self._run[link] + 1 if gap_s <= self.timing.silent_s else 1
        if self._run[link] < self.timing.heard:
            return None
        del self._run[link]
        return Change.HEARD

    def look(self, now_s: float) -> list[Link]:
        """Return the links that have fallen silent; to be called every interval or so."""
        paused_s, self._looked_s = now_s - self._looked_s, now_s
        if paused_s > self.timing.late_s:
            self.resets += 1
            self._last = {link: max(last, now_s) for link, last in self._last.items()}
            return []
        found = [
            link for link, last in self._last.items() if now_s - last >= self.timing.silent_s and link not in self._run
        ]
        self._run.update(dict.fromkeys(found, 0))
        return found
