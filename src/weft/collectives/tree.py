"""The double binary tree: latency of log n, each half of the vector down its own tree.

A rank that is inner in one tree is a leaf in the other, so nobody carries more than twice the vector (Sanders,
Speck and Träff 2009; NCCL 2.4). Inside a scale-up unit the ranks hang on their unit's head as a chain, as in NCCL.
With two units the only exchange is head to head: a node sends the vector once, not twice, which is why two nodes
beat their NICs' busbw.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from numpy.typing import NDArray

from weft.collectives.cost import Cost, Stage, inner_ranks, outer_units
from weft.collectives.flows import Edges, Flows, edges, over_groups
from weft.collectives.inside import neighbours
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "tree"
KINDS = frozenset({"all_reduce", "broadcast", "reduce"})


@cache
def parents(n: int) -> tuple[int, ...]:
    """Parent of each node in the in-order binary tree over 0..n-1; -1 at the root.

    A node is as high as the power of two in it; 0 is the root. Where a parent would be out of range, a node climbs to
    the next one, so any n works.
    """
    found = [-1] * n
    for i in range(1, n):
        bit = i & -i
        up = (i ^ bit) | (bit << 1)
        if up >= n:
            up = i ^ bit
        found[i] = up
    return tuple(found)


@cache
def depth(n: int) -> int:
    """Hops from the deepest node to the root."""
    tree = parents(n)

    def hops(i: int) -> int:
        return 0 if tree[i] < 0 else 1 + hops(tree[i])

    return max(hops(i) for i in range(n))


@cache
def twins(n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Parents in both trees: the second is the first mirrored (even n) or shifted by one (odd n)."""
    first = parents(n)
    rename = [n - 1 - i if n % 2 == 0 else (i + 1) % n for i in range(n)]
    second = [-1] * n
    for i, up in enumerate(first):
        second[rename[i]] = rename[up] if up >= 0 else -1
    return first, tuple(second)


@cache
def busiest(n: int) -> float:
    """Vectors that the busiest node sends in an all-reduce over both trees: 1 for n = 2, at most 2 beyond."""
    sent = [0.0] * n
    for tree in twins(n):
        for i, up in enumerate(tree):
            if up >= 0:
                sent[i] += 0.5
                sent[up] += 0.5
    return max(sent)


def schedule(kind: str, ranks: int, size_bytes: float, per_unit: int = 1) -> Schedule:
    """Chains up to the unit heads, both trees up, both trees down, chains down; chunk 0 and 1 are the halves.

    Args:
        kind: all_reduce, or broadcast and reduce (one tree, root 0).
        ranks: members; a multiple of ``per_unit``.
        size_bytes: the vector.
        per_unit: consecutive ranks that share a scale-up unit.

    Raises:
        ConfigError: ``ranks`` isn't a multiple of ``per_unit``.
    """
    if ranks % per_unit:
        raise ConfigError(f"tree: {ranks} ranks do not fill units of {per_unit}")
    units = ranks // per_unit
    both = kind == "all_reduce"
    trees = twins(units) if both else (parents(units),)
    chunks = len(trees)
    up: list[Phase] = []
    for place in range(per_unit - 1, 0, -1):
        hops = [Transfer(u * per_unit + place, u * per_unit + place - 1, 0, chunks) for u in range(units)]
        up.append(Phase(tuple(hops), reduce=True))
    levels = [by_depth(tree) for tree in trees]
    for below in range(max(len(level) for level in levels) - 1, 0, -1):
        climbs = [
            Transfer(i * per_unit, trees[t][i] * per_unit, t)
            for t, level in enumerate(levels)
            if below < len(level)
            for i in level[below]
        ]
        up.append(Phase(tuple(climbs), reduce=True))
    down = [Phase(tuple(Transfer(t.dst, t.src, t.chunk, t.count) for t in phase.transfers)) for phase in reversed(up)]
    phases = {"all_reduce": up + down, "reduce": up, "broadcast": down}[kind]
    return Schedule(kind, NAME, ranks, chunks, size_bytes / chunks, tuple(phases))


def by_depth(tree: tuple[int, ...]) -> list[list[int]]:
    """Nodes at depth 0, 1, 2 and so on."""
    at: dict[int, int] = {}

    def hops(i: int) -> int:
        if i not in at:
            at[i] = 0 if tree[i] < 0 else 1 + hops(tree[i])
        return at[i]

    levels: list[list[int]] = [[] for _ in range(max(hops(i) for i in range(len(tree))) + 1)]
    for i in range(len(tree)):
        levels[at[i]].append(i)
    return levels


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Both trees on the rail of each place, one channel a rail; inside, chains to the heads.

    Heads differ from rail to rail, so every rank is counted as an inner one of the chains, as in the closed form: it
    passes the vector to its neighbours before and after it. Chains of other rails take other links, where there are.
    """
    both, g = kind == "all_reduce", layout.width
    chain = neighbours(layout)
    place = layout.place[chain.src]
    if both:
        half = 1.0 if g > 2 else 0.5
        parts = [
            edges(chain.src, chain.dst, half * chain.bytes_x, place),
            edges(chain.dst, chain.src, half * chain.bytes_x, layout.place[chain.dst]),
        ]
    else:
        parts = [edges(chain.src, chain.dst, chain.bytes_x, place).where(chain.dst != 0)]
    if layout.units > 1:
        root = int(layout.unit[0])
        down = heads(layout, root, 1.0) if not both else double(layout)
        parts += [down, down.back()] if both else [down]
    if kind == "reduce":
        parts = [part.back() for part in parts]
    return (over_groups(layout, parts, ("tree", "exchange")),)


def double(layout: Layout) -> Edges:
    """Half of the vector down either of the twin trees over the units, on the rails of all places evenly."""
    below, above = _links(twins(layout.units))
    rail = np.arange(layout.width)
    return edges(layout.at[above], layout.at[below], 0.5 / layout.width, rail)


def heads(layout: Layout, root: int, bytes_x: float) -> Edges:
    """A vector down one tree over the units that begins at ``root``, on the rails of all places evenly."""
    below, above = ((way + root) % layout.units for way in _links((parents(layout.units),)))
    rail = np.arange(layout.width)
    return edges(layout.at[above], layout.at[below], bytes_x / layout.width, rail)


def _links(trees: tuple[tuple[int, ...], ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(child, parent) of every edge of some trees."""
    table = np.array(trees, np.int64)
    tree, child = np.nonzero(table >= 0)
    return child, table[tree, child]


def cost(kind: str, group: CommGroup) -> Cost:
    """2 vectors (all_reduce) inside, the trees' busiest node across; 2 (g-1) + 2 log2 N hops."""
    inside, units = inner_ranks(group), outer_units(group)
    ways = 2 if kind == "all_reduce" else 1
    chain = 0.0 if inside == 1 else float(ways if inside > 2 else 1)
    below = [level.units for level in group.levels]  # below[l]: units that level l+1 joins
    across = [busiest(many) if ways == 2 else min(many - 1.0, 2.0) for many in below[:-1]]
    climbs = [depth(many) for many in below]
    steps = [ways * (inside - 1.0)] + [ways * float(a - b) for a, b in itertools.pairwise(climbs)]
    how = ("tree",) + ("exchange",) * (len(group.levels) - 1)
    return Cost(NAME, tuple(steps), (Stage((chain, *across), how),), 0.0, units)
