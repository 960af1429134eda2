"""The closed form of an algorithm on a communicator: who waits for whom, and what leaves where.

A cost is linear in the size, so it is worked out once per (kind, group, algorithm) and then only scaled.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from weft.fabric.group import CommGroup

#: plain forwarding; a tree's chain; an exchange between tree neighbours; multicast and reduction by a scale-up switch;
#: many peers at once; reduction by a scale-out switch
HOWS = ("copy", "tree", "exchange", "multicast", "peers", "switch")


@dataclass(frozen=True, slots=True)
class Stage:
    """Work whose chunks flow through all levels at once: the slowest level sets the time.

    Attributes:
        load: bytes per byte of size; at level 0 what the busiest rank sends (or receives, if more) inside its scale-up
            unit, at each further level what leaves (or enters) the busiest unit of the level below. Where few of a
            unit's ranks send out of it, at the first network level their bytes times the ranks: each has its NICs only.
        how: for each level, what moves them (`HOWS`); a library knows each one's efficiency.
    """

    load: tuple[float, ...]
    how: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """An algorithm's closed form.

    Attributes:
        algorithm: its name.
        steps: for each level, how many hops over it follow one another.
        stages: pipelined parts, one after the other.
        local: bytes per byte of size a rank only copies at home (its own 1/n).
        units: scale-up units that take part.
        peers: for each level, how many peers a rank serves over it at once (all-to-all only).
    """

    algorithm: str
    steps: tuple[float, ...]
    stages: tuple[Stage, ...]
    local: float = 0.0
    units: int = 1
    peers: tuple[int, ...] = ()


def unit_ranks(group: CommGroup, level: int) -> int:
    """Group members in the fullest unit below ``level``; 1 below level 0."""
    return 1 if level == 0 else group.levels[level - 1].ranks


def inner_ranks(group: CommGroup) -> int:
    """Group members that share a scale-up unit (in the fullest one)."""
    return group.levels[0].ranks


def outer_units(group: CommGroup) -> int:
    """Scale-up units the group touches."""
    return group.levels[0].units


def spread(group: CommGroup, flat: float) -> tuple[float, ...]:
    """``flat`` bytes at every level that the group uses: what a ring does."""
    return tuple(flat if used(group, level) else 0.0 for level in range(len(group.levels)))


def used(group: CommGroup, level: int) -> bool:
    """Whether traffic of the group enters a level at all; a lone rank in each unit leaves the scale-up network idle."""
    return inner_ranks(group) > 1 if level == 0 else group.ranks > unit_ranks(group, level)


def chain_steps(group: CommGroup, rounds: float) -> tuple[float, ...]:
    """Hops of a chain through all ranks in order, ``rounds`` times, by the level each hop has to climb to.

    ``rounds * (ranks - 1)`` in all: inside units the most, one less than the units of a level across it.
    """
    units = (group.ranks, *(level.units for level in group.levels))
    return tuple(rounds * max(below - above, 0) for below, above in itertools.pairwise(units))
