"""Valiant routing: traffic goes by way of places chosen at random, so that no pattern is a bad one.

Two minimal legs, source to intermediate and on to the destination, turn every pattern into two uniform ones, and so
carry about half of what uniform traffic gets. The intermediate is any other switch, or, in networks of groups, another
group (`weft.routing.valiant_groups`). A flow is split over several intermediates, dealt out at equal distances from a
hash of the flow rather than drawn one by one: fewer of them come near the even load that many packets make.
Sources: L. Valiant and G. Brebner, Universal schemes for parallel communication, STOC 1981; of flattened butterflies
and Slim Flies: J. Kim, W. Dally and D. Abts, ISCA 2007; M. Besta and T. Hoefler, SC 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from weft.routing.hashing import Hashing, Keys, mix
from weft.routing.path_parts import chained, either, none, parts, shared
from weft.routing.paths import Paths
from weft.routing.policy import Policy
from weft.routing.shortest import Switches

Draw = npt.NDArray[np.float64]
_SALT = 0x56414C49  # sets the draw of intermediates apart from the switches' own hashes


class Detours(Protocol):
    """Ways by an intermediate."""

    def by(self, src: Switches, dst: Switches, key: Keys, draw: Draw) -> Paths:
        """Route each flow by the intermediate that a number in [0, 1) draws; unreachable where there is none."""
        ...


@dataclass
class RandomSwitch:
    """Detours by way of any third switch.

    Attributes:
        switches: how many there are.
        legs: takes flows there and on, on one path each.
    """

    switches: int
    legs: Policy

    def by(self, src: Switches, dst: Switches, key: Keys, draw: Draw) -> Paths:
        """Route flows; see `Detours`."""
        if self.switches < 3:
            return none(len(src), reachable=False)
        others = self.switches - 2
        via = np.minimum((draw * others).astype(np.int32), others - 1)
        via += via >= np.minimum(src, dst)
        via += via >= np.maximum(src, dst)
        paths = chained(self.legs.between(src, via, key), self.legs.between(via, dst, mix(key)))
        return either(src == dst, paths, none(len(src), reachable=False))


@dataclass
class Valiant:
    """Routes by way of intermediates.

    Attributes:
        name: as users choose it.
        hashing: of the network.
        detours: the ways by intermediates.
        minimal: takes flows that have no detour.
        samples: intermediates a flow, each with an equal share of it; one that cannot be reached leaves its share to
            the others.
    """

    name: str
    hashing: Hashing
    detours: Detours
    minimal: Policy
    samples: int = 8

    def between(self, src: Switches, dst: Switches, key: Keys) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Latencies are left to the router."""
        flow, part_key = parts(self.hashing, key, self.samples)
        detours = self.detours.by(src[flow], dst[flow], part_key, self.draw(key))
        paths = shared(flow, detours, len(src))
        if paths.reachable.all():
            return paths
        return either(~paths.reachable, paths, self.minimal.between(src, dst, key))

    def draw(self, key: Keys) -> Draw:
        """Return what draws the intermediate of each part of each flow, float64[flows · samples] in [0, 1)."""
        first = self.hashing.unit(key, _SALT)[:, None]
        return ((first + np.arange(self.samples) / self.samples) % 1.0).ravel()
