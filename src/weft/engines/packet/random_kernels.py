"""Random numbers of a simulation, one stream: xorshift64* (S. Vigna, ACM Trans. Math. Softw. 42, 2016)."""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.record_kernels import World

_A, _B, _C, _S = np.uint64(12), np.uint64(25), np.uint64(27), np.uint64(11)
_TIMES = np.uint64(2685821657736338717)


@kernel
def unit(w: World) -> float:
    """Return the next number, evenly in [0, 1)."""
    x = w.random
    x ^= x >> _A
    x ^= x << _B
    x ^= x >> _C
    w.random = x
    return float((x * _TIMES) >> _S) * 2.0**-53


@kernel
def below(w: World, count: int) -> int:
    """Return the next whole number from 0 to ``count - 1``."""
    return int(unit(w) * count)
