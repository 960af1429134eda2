"""Bruck's algorithm: an all-to-all or all-gather in ⌈log2 n⌉ steps, for any number of ranks.

In step k a rank passes on, 2^k further, every block that has yet to travel that far: half of an all-to-all's blocks
each time, so that few messages cost log2(n) / 2 times the bytes. An all-gather doubles what it holds, and moves no byte
twice. Source: J. Bruck, C.-T. Ho, S. Kipnis, E. Upfal and D. Weathersby, Efficient Algorithms for All-to-All
Communications in Multiport Message-Passing Systems, IEEE TPDS 8 (1997).
"""

from __future__ import annotations

from weft.collectives.cost import Cost, Stage, outer_units
from weft.collectives.flows import Flows
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.collectives.shifts import Shift, shift_flows, shift_load, shift_steps
from weft.fabric.group import CommGroup

NAME = "bruck"
KINDS = frozenset({"all_to_all", "all_gather"})


def distances(ranks: int) -> list[int]:
    """1, 2, 4 and on, below ``ranks``."""
    return [1 << k for k in range((ranks - 1).bit_length())]


def schedule(kind: str, ranks: int, size_bytes: float) -> Schedule:
    """All ranks at once, block by block; chunk ids as in `weft.collectives.direct`."""
    n = ranks
    phases = []
    for d in distances(n):
        if kind == "all_to_all":
            # a block has gone the lower digits of its way when its turn to go 2^k comes
            ways = [(b % d, b) for b in range(n) if b & d]
            moves = [
                Transfer((s + gone) % n, (s + gone + d) % n, s * n + (s + b) % n) for s in range(n) for gone, b in ways
            ]
        else:
            moves = [Transfer((i + d) % n, i, (i + d) % n, min(d, n - d)) for i in range(n)]
        phases.append(Phase(tuple(moves)))
    chunks = n * n if kind == "all_to_all" else n
    return Schedule(kind, NAME, n, chunks, size_bytes / n, tuple(phases))


def shifts(kind: str, ranks: int) -> list[Shift]:
    """Distance and share of the size, step by step."""
    if kind == "all_gather":
        return [(d, min(d, ranks - d) / ranks) for d in distances(ranks)]
    # of the distances 0 to n - 1, those with the digit of d set
    return [(d, (ranks // (2 * d) * d + max(0, ranks % (2 * d) - d)) / ranks) for d in distances(ranks)]


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Every step's transfers; an all-gather's go backwards."""
    way = 1 if kind == "all_to_all" else -1
    return shift_flows(layout, [(way * d, x) for d, x in shifts(kind, layout.ranks)])


def cost(kind: str, group: CommGroup) -> Cost:
    """log2 n steps; about log2(n) / 2 of the buffer for an all-to-all, (n-1)/n for an all-gather."""
    found, levels = shifts(kind, group.ranks), len(group.levels)
    stage = Stage(shift_load(group, found), ("copy",) * levels)
    return Cost(NAME, shift_steps(group, len(found)), (stage,), 1 / group.ranks, outer_units(group))
