"""Bits of words."""

from __future__ import annotations

import numpy as np

from weft._jit import kernel

_ONE = np.uint64(1)


@kernel
def lowest(word: np.uint64) -> int:
    """Return the place of the lowest bit that is set; the word is not 0."""
    place = 0
    if word & np.uint64(0xFFFFFFFF) == 0:
        word >>= np.uint64(32)
        place += 32
    if word & np.uint64(0xFFFF) == 0:
        word >>= np.uint64(16)
        place += 16
    if word & np.uint64(0xFF) == 0:
        word >>= np.uint64(8)
        place += 8
    if word & np.uint64(0xF) == 0:
        word >>= np.uint64(4)
        place += 4
    if word & np.uint64(3) == 0:
        word >>= np.uint64(2)
        place += 2
    return int(place + (word & _ONE == 0))
