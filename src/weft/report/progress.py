"""A progress line on standard error: only on a terminal, only once a run takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_PATIENCE_S = 1.0
_REFRESH_S = 0.1


def track(items: Iterable[T], total: int, *, what: str = "rows") -> Iterator[T]:
    """Yield the items, showing ``done/total`` and the time left."""
    if not sys.stderr.isatty():
        yield from items
        return
    begun = shown = time.monotonic()
    drawn = False
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if now - begun > _PATIENCE_S and now - shown > _REFRESH_S:
                left = (now - begun) / done * (total - done) if done else 0.0
                filled = 30 * done // max(1, total)
                bar = "#" * filled + "." * (30 - filled)
                sys.stderr.write(f"\r[{bar}] {done:,}/{total:,} {what}, {left:.0f} s left ")
                sys.stderr.flush()
                shown, drawn = now, True
            yield item
    finally:
        if drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
