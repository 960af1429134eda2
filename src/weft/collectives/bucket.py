"""The bucket algorithm: rings along every dimension of a torus or mesh of accelerators, all dimensions at work at once.

The vector is cut into as many parts as there are dimensions. Part j is reduced and scattered along dimension j first,
then j + 1 and so on around; gathering goes the same way back. So no two parts need one dimension at a time where sides
are equal, and the hops are the sum of the sides, not their product. Sources: N. Jain and Y. Sabharwal, Optimal Bucket
Algorithms for Large MPI Collectives on Torus Interconnects, ICS 2010; P. Sack and W. Gropp, Collective Algorithms for
Multiported Torus Networks, ACM TOPC 1 (2015).
"""

from __future__ import annotations

import math

import numpy as np

from weft.collectives.cost import Cost, Stage, outer_units
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.inside import along
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "bucket"
KINDS = frozenset({"all_reduce", "all_gather", "reduce_scatter"})


def schedule(kind: str, ranks: int, size_bytes: float, shape: tuple[int, ...] | None = None) -> Schedule:
    """Part ``j`` has the chunks from ``j * ranks`` on; its digits are coordinates, that of dimension j first.

    Args:
        kind: one of `KINDS`.
        ranks: members, the last dimension fastest.
        size_bytes: the vector.
        shape: sides of the box they fill; one ring by default.

    Raises:
        ConfigError: the box does not hold the ranks.
    """
    sides = tuple(side for side in shape or (ranks,) if side > 1) or (1,)
    if math.prod(sides) != ranks:
        raise ConfigError(f"bucket: {ranks} ranks do not fill a box of {list(shape or ())}")
    parts = [_scattered(sides, part) for part in range(len(sides))]
    scatter = [
        Phase(tuple(Transfer(src, dst, given, count) for step in at for src, dst, given, _, count in step), reduce=True)
        for at in zip(*parts, strict=True)
    ]
    # gathering undoes each step: who gave a run away to be added gets it back whole
    gather = [
        Phase(tuple(Transfer(dst, src, given, count) for step in at for src, dst, given, _, count in step))
        for at in zip(*(reversed(part) for part in parts), strict=True)
    ]
    phases = {"all_reduce": scatter + gather, "reduce_scatter": scatter, "all_gather": gather}[kind]
    chunks = ranks * len(sides)
    return Schedule(kind, NAME, ranks, chunks, size_bytes / chunks, tuple(phases))


def _scattered(sides: tuple[int, ...], part: int) -> list[list[tuple[int, int, int, int, int]]]:
    """Steps of a part's reduce-scatter: (from, to, first chunk given, step, chunks)."""
    ranks, steps = math.prod(sides), []
    where = [tuple(int(x) for x in np.unravel_index(rank, sides)) for rank in range(ranks)]
    number = {place: rank for rank, place in enumerate(where)}
    first = [part * ranks] * ranks  # of the run that a rank still holds
    run = ranks
    for turn in range(len(sides)):
        d = (part + turn) % len(sides)
        side, run = sides[d], run // sides[d]
        for step in range(side - 1):
            hops = []
            for rank, place in enumerate(where):
                ahead = (*place[:d], (place[d] + 1) % side, *place[d + 1 :])
                hops.append((rank, number[ahead], first[rank] + (place[d] - 1 - step) % side * run, step, run))
            steps.append(hops)
        first = [begin + place[d] * run for begin, place in zip(first, where, strict=True)]
    return steps


def shares(kind: str, sides: tuple[int, ...]) -> list[float]:
    """Bytes per byte of size that a rank sends along each dimension."""
    ways = 2 if kind == "all_reduce" else 1
    sent = [0.0] * len(sides)
    for part in range(len(sides)):
        left = 1 / len(sides)
        for turn in range(len(sides)):
            d = (part + turn) % len(sides)
            left /= sides[d]
            sent[d] += ways * (sides[d] - 1) * left
    return sent


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Rings along every dimension, in one channel."""
    sides = _box(layout.group)
    rows = along(layout)
    parts = [
        edges(ring.src, ring.dst, ring.bytes_x * share, 0)
        for ring, share in zip(rows, shares(kind, sides), strict=True)
    ]
    return (over_groups(layout, parts, ("copy", "copy")),)


def cost(kind: str, group: CommGroup) -> Cost:
    """The busiest dimension's bytes, as if all had as many; as many hops as the sides add up to.

    Raises:
        ConfigError: the group is no box of a torus or mesh.
    """
    sides = _box(group)
    ways = 2 if kind == "all_reduce" else 1
    load = max(shares(kind, sides)) * len(sides)
    steps = float(ways * sum(side - 1 for side in sides))
    return Cost(NAME, (steps,), (Stage((load,), ("copy",)),), ways / 2 / group.ranks, outer_units(group))


def _box(group: CommGroup) -> tuple[int, ...]:
    sides = group.levels[0].sides
    if not sides or len(group.levels) > 1:
        raise ConfigError("bucket needs ranks that fill a box of one scale-up torus or mesh; use ring")
    return sides
