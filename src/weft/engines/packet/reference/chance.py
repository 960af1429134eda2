"""Random numbers and hashes in plain integers: the streams are the kernels', number for number."""

from __future__ import annotations

from weft.routing.hashing import Hashing

_WORD = (1 << 64) - 1


class Chance:
    """A simulation's one stream of random numbers: xorshift64* (S. Vigna, ACM Trans. Math. Softw. 42, 2016).

    Attributes:
        state: 64 bits.
    """

    def __init__(self, seed: int) -> None:
        self.state = int(Hashing(seed).salts(1)[0]) or 1

    def unit(self) -> float:
        """Return the next number, evenly in [0, 1)."""
        x = self.state
        x ^= x >> 12
        x ^= x << 25 & _WORD
        x ^= x >> 27
        self.state = x
        return float((x * 2685821657736338717 & _WORD) >> 11) * 2.0**-53

    def below(self, count: int) -> int:
        """Return the next whole number from 0 to ``count - 1``."""
        return int(self.unit() * count)


def mix(x: int) -> int:
    """Return 64 well mixed bits: SplitMix64 (G. Steele, D. Lea and C. Flood, OOPSLA 2014)."""
    x = x + 0x9E3779B97F4A7C15 & _WORD
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _WORD
    return x ^ x >> 31
