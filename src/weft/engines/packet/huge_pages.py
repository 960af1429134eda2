"""Zeroed memory that begins a cache line, in large pages where it is more than a little.

Packets touch rows all over a dozen tables of a few MB each. In pages of 4 KiB these are more pages than a core's
translation buffers hold, so that nearly every row costs a walk through the page tables on top of the wait for memory.
NumPy asks for large pages too, but only for arrays of 4 MiB or more.
"""

from __future__ import annotations

import contextlib
import mmap

import numpy as np
import numpy.typing as npt

_LINE = 64  # bytes of a cache line
_PAGE = 1 << 21  # of a large page
_LEAST = 1 << 18  # that a page may be left mostly empty for
_STAGGER, _PLACES = 33 * _LINE, 256  # so that rows of one number, in different tables, fall to different cache sets
_ADVICE = getattr(mmap, "MADV_HUGEPAGE", None)  # Linux alone has it
_made = 0


def zeroed(size: int) -> npt.NDArray[np.uint8]:
    """Return uint8[size], all 0."""
    if size < _LEAST or _ADVICE is None:
        raw = np.zeros(size + _LINE, np.uint8)
        start = -raw.ctypes.data % _LINE
    else:
        raw, start = _large(size, _ADVICE)
    return raw[start : start + size]


def _large(size: int, advice: int) -> tuple[npt.NDArray[np.uint8], int]:
    """Return memory in large pages, with room for so many bytes from a start on."""
    global _made
    _made = (_made + 37) % _PLACES
    pages = mmap.mmap(-1, size + 2 * _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without
        pages.madvise(advice)
    raw = np.frombuffer(pages, np.uint8)
    return raw, -raw.ctypes.data % _PAGE + _made * _STAGGER
