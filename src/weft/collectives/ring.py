"""The ring: every rank passes chunks to its neighbour; bandwidth-optimal, latency grows with the ranks.

all_reduce is a reduce-scatter and an all-gather of n-1 steps each; each rank sends 2(n-1)/n of the vector (Patarasu
and Yuan 2009). broadcast and reduce go along the ring as a pipelined chain. Over nodes, as many rings run side by
side as a node has NICs, so that a node's whole bandwidth carries what leaves it: the ring's bytes once, however
many ranks the node has.
"""

from __future__ import annotations

import numpy as np

from weft.collectives.cost import Cost, Stage, chain_steps, outer_units, spread
from weft.collectives.flows import Edges, Flows, edges, over_groups
from weft.collectives.inside import neighbours
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.fabric.group import CommGroup

NAME = "ring"
KINDS = frozenset({"all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce"})


def schedule(kind: str, ranks: int, size_bytes: float) -> Schedule:
    """The ring's transfers; chunk ``i`` starts at (all_gather) or ends at (reduce_scatter) rank ``i``."""
    n = ranks
    if kind in ("broadcast", "reduce"):
        return _chain(kind, n, size_bytes)
    # rank i first sends chunk i-1 (when reducing), so that after n-1 steps chunk i is whole at rank i
    scatter = Phase(tuple(Transfer(i, (i + 1) % n, (i - 1) % n, stride=-1) for i in range(n)), n - 1, reduce=True)
    gather = Phase(tuple(Transfer(i, (i + 1) % n, i, stride=-1) for i in range(n)), n - 1)
    phases = {"all_reduce": (scatter, gather), "reduce_scatter": (scatter,), "all_gather": (gather,)}[kind]
    return Schedule(kind, NAME, n, n, size_bytes / n, phases if n > 1 else ())


def _chain(kind: str, n: int, size_bytes: float) -> Schedule:
    """Root 0, whole vector hop by hop: chunks would overlap the hops, not change the bytes."""
    reduce = kind == "reduce"
    hops = [(i, i - 1) for i in range(n - 1, 0, -1)] if reduce else [(i, i + 1) for i in range(n - 1)]
    phases = tuple(Phase((Transfer(src, dst, 0),), reduce=reduce) for src, dst in hops)
    return Schedule(kind, NAME, n, 1, size_bytes, phases)


def sent(kind: str, ranks: int) -> float:
    """Bytes that a rank passes on, per byte of size."""
    share = (ranks - 1) / ranks
    return {"all_reduce": 2 * share, "all_gather": share, "reduce_scatter": share}.get(kind, 1.0)


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """As many rings side by side as the fullest unit has ranks; ring c leaves and enters units by the rail of place c.

    A ring passes all ranks of a unit on its way. All rings together load every port alike, so what they move inside is
    kept as one edge from each rank, in the channel of the ring of its place. broadcast and reduce leave out what would
    close the ring at the root, which is the first rank.
    """
    each, units = sent(kind, layout.ranks), layout.units
    inner = neighbours(layout)
    inner = edges(inner.src, inner.dst, inner.bytes_x * each, layout.place[inner.src] if units > 1 else 0)
    parts = [inner, rails(layout, each)]
    if kind in ("broadcast", "reduce"):
        home = layout.unit[0]
        parts = [inner.where(inner.dst != 0), parts[1].where(layout.unit[parts[1].dst] != home)]
    if kind == "reduce":
        parts = [part.back() for part in parts]
    return (over_groups(layout, parts, ("copy", "copy")),)


def rails(layout: Layout, bytes_x: float) -> Edges:
    """Rings over the units, one for each place, that share ``bytes_x`` evenly; a channel each."""
    at = layout.at if layout.units > 1 else layout.at[:0]
    return edges(at, np.roll(at, -1, axis=0), bytes_x / layout.width, np.arange(layout.width))


def cost(kind: str, group: CommGroup) -> Cost:
    """2(n-1)/n, (n-1)/n or all of the vector over every level; n-1 hops a round."""
    n = group.ranks
    rounds = 2 if kind == "all_reduce" else 1
    # an all-reduce sends its first chunk straight from the input, so half of its home copies are hidden
    local = {"all_reduce": 0.5 / n, "all_gather": 1 / n, "reduce_scatter": 1 / n}.get(kind, 0.0)
    stage = Stage(spread(group, sent(kind, n)), ("copy",) * len(group.levels))
    return Cost(NAME, chain_steps(group, rounds), (stage,), local, outer_units(group))
