"""The seeded hash of flows: which of several equal next hops a switch takes is a number drawn from the flow's headers.

A flow's key is a hash of its two ends and of its queue pair (RoCEv2 varies the UDP source port by queue pair,
InfiniBand its path records), a switch's choice a hash of key and salt. Each switch has a salt of its own, unless
hashing is ``polarised``: then flows that a switch sent one way meet the same choice again one tier up, and most links
above stay unused (Cisco calls it CEF polarisation). See `weft.routing.hash_kernels` for the mixer; NumPy and kernels
agree bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
_STEP = np.uint64(0x9E3779B97F4A7C15)


def mix(x: npt.NDArray[np.integer[Any]]) -> Keys:
    """Return the mixed bits of every element, uint64."""
    with np.errstate(over="ignore"):
        bits = x.astype(np.uint64) + _STEP
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> np.uint64(31))


@dataclass(frozen=True, slots=True)
class Hashing:
    """How the switches of a network hash.

    Attributes:
        seed: another seed, other choices.
        polarised: all switches hash alike.
    """

    seed: int = 0
    polarised: bool = False

    def salts(self, switches: int) -> Keys:
        """Return the salt of each switch, uint64[switches]."""
        seed = mix(mix(np.array([self.seed])))  # once more than switches: 1 and 2 are not 2 and 1
        return mix(mix(np.zeros(switches, np.int64) if self.polarised else np.arange(switches)) ^ seed)

    def keys(
        self, src: npt.NDArray[np.integer[Any]], dst: npt.NDArray[np.integer[Any]], key: npt.NDArray[np.integer[Any]]
    ) -> Keys:
        """Return the key of each flow, uint64[flows], from its ends and the key of its connection."""
        return mix(mix(mix(src) ^ dst.astype(np.uint64)) ^ key.astype(np.uint64))

    def queue_pair(self, key: Keys, number: npt.NDArray[np.integer[Any]]) -> Keys:
        """Return the key of a flow's queue pair; number 0 keeps the flow's own."""
        return np.where(number == 0, key, mix(key ^ mix(number)))

    def unit(self, key: Keys, salt: int) -> npt.NDArray[np.float64]:
        """Return what a place of its own salt hashes keys to, evenly in [0, 1)."""
        own = mix(mix(np.array([salt])) ^ np.uint64(self.seed) ^ _STEP)
        return (mix(key ^ own) >> np.uint64(11)).astype(np.float64) * 2.0**-53
