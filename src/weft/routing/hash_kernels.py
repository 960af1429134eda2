"""The hash that switches choose next hops by, for kernels: 64 bits in, 64 well mixed bits out.

The mixer is the output function of SplitMix64 (G. Steele, D. Lea and C. Flood, Fast splittable pseudorandom number
generators, OOPSLA 2014, with D. Stafford's variant 13 of MurmurHash3's constants): a bijection in which every input bit
flips every output bit about half of the time.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 2.0**-53


@kernel
def mix(x: np.uint64) -> np.uint64:
    """Return the mixed bits of ``x``."""
    x = x + _STEP
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@kernel
def unit(key: np.uint64, salt: np.uint64) -> float:
    """Return what a switch of this salt hashes a key to, evenly in [0, 1)."""
    return float(mix(key ^ salt) >> _S11) * _TO_UNIT
