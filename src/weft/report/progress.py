"""A progress line on standard error: only on a terminal, only once a run takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_PATIENCE_S = 1.0
_REFRESH_S = 0.1


class Line:
    """A line that is told how far a run is, and rubbed out at the end of the ``with`` block."""

    def __init__(self, what: str = "rows") -> None:
        self.what = what
        self._begun = self._shown = time.monotonic()
        self._drawn = False
        self._shows = sys.stderr.isatty()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def update(self, done: int, total: int) -> None:
        """Show ``done/total`` and the time left, if it is time to."""
        if not self._shows:
            return
        now = time.monotonic()
        if now - self._begun > _PATIENCE_S and now - self._shown > _REFRESH_S:
            left = (now - self._begun) / done * (total - done) if done else 0.0
            filled = 30 * done // max(1, total)
            bar = "#" * filled + "." * (30 - filled)
            sys.stderr.write(f"\r[{bar}] {done:,}/{total:,} {self.what}, {left:.0f} s left ")
            sys.stderr.flush()
            self._shown, self._drawn = now, True


def track(items: Iterable[T], total: int, *, what: str = "rows") -> Iterator[T]:
    """Yield the items, showing ``done/total`` and the time left."""
    with Line(what) as line:
        for done, item in enumerate(items):
            line.update(done, total)
            yield item
