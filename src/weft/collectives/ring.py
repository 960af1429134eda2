"""The ring: every rank passes chunks to its neighbour; bandwidth-optimal, latency grows with the ranks.

all_reduce is a reduce-scatter and an all-gather of n-1 steps each; each rank sends 2(n-1)/n of the vector (Patarasu
and Yuan 2009). broadcast and reduce go along the ring as a pipelined chain. Over nodes, as many rings run side by
side as a node has NICs, so that a node's whole bandwidth carries what leaves it: the ring's bytes once, however
many ranks the node has.
"""

from __future__ import annotations

from weft.collectives.cost import Cost, Stage, chain_steps, outer_units, spread
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


def cost(kind: str, group: CommGroup) -> Cost:
    """2(n-1)/n, (n-1)/n or all of the vector over every level; n-1 hops a round."""
    n = group.ranks
    share = (n - 1) / n
    sent = {"all_reduce": 2 * share, "all_gather": share, "reduce_scatter": share}.get(kind, 1.0)
    rounds = 2 if kind == "all_reduce" else 1
    # an all-reduce sends its first chunk straight from the input, so half of its home copies are hidden
    local = {"all_reduce": 0.5 / n, "all_gather": 1 / n, "reduce_scatter": 1 / n}.get(kind, 0.0)
    stage = Stage(spread(group, sent), ("copy",) * len(group.levels))
    return Cost(NAME, chain_steps(group, rounds), (stage,), local, outer_units(group))
