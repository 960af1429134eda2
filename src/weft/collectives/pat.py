"""PAT, parallel aggregated trees: all-gather and reduce-scatter in ⌈log2 n⌉ steps that send most bytes to near ranks.

Every rank's block goes down a binomial tree of its own, all trees the same but shifted, the farthest branch first: in
the step of distance d a rank has a block for each 2 d of the way round. So far steps carry one block and the nearest
half of all, the reverse of Bruck's order; a reduce-scatter is the same backwards. This is the form with buffers for a
whole step, as for small messages; large ones run the lower part of the trees block by block, which moves the same
bytes in more steps. As in NCCL, one rank in each scale-up unit. Source: S. Jeaugey, PAT: a new algorithm for all-gather
and reduce-scatter operations at scale, arXiv:2506.20252 (2025); NCCL 2.23.
"""

from __future__ import annotations

from weft.collectives.bruck import distances
from weft.collectives.cost import Cost, Stage, inner_ranks, outer_units
from weft.collectives.flows import Flows
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.collectives.shifts import Shift, shift_flows, shift_load, shift_steps
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "pat"
KINDS = frozenset({"all_gather", "reduce_scatter"})


def schedule(kind: str, ranks: int, size_bytes: float) -> Schedule:
    """Chunk ``i`` starts at (all_gather) or ends at (reduce_scatter) rank ``i``."""
    n = ranks
    phases = []
    for d in reversed(distances(n)):
        hops = [(i, (i + d) % n, (i - gone) % n) for i in range(n) for gone in range(0, n - d, 2 * d)]
        if kind == "all_gather":
            phases.append(Phase(tuple(Transfer(src, dst, chunk) for src, dst, chunk in hops)))
        else:
            phases.append(Phase(tuple(Transfer(dst, src, chunk) for src, dst, chunk in hops), reduce=True))
    if kind == "reduce_scatter":
        phases.reverse()
    return Schedule(kind, NAME, n, n, size_bytes / n, tuple(phases))


def shifts(ranks: int) -> list[Shift]:
    """Distance and share of the size, far steps first."""
    return [(d, len(range(0, ranks - d, 2 * d)) / ranks) for d in reversed(distances(ranks))]


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Every step's transfers; a reduce-scatter's go backwards."""
    way = 1 if kind == "all_gather" else -1
    return shift_flows(layout, [(way * d, x) for d, x in shifts(layout.ranks)])


def cost(kind: str, group: CommGroup) -> Cost:
    """log2 n steps, (n-1)/n of the vector, most of it to near ranks.

    Raises:
        ConfigError: ranks share a scale-up unit.
    """
    if inner_ranks(group) > 1:
        raise ConfigError(f"pat takes one rank in each scale-up unit, the group has {inner_ranks(group)}; use ring")
    found, levels = shifts(group.ranks), len(group.levels)
    stage = Stage(shift_load(group, found), ("copy",) * levels)
    return Cost(NAME, shift_steps(group, len(found)), (stage,), 1 / group.ranks, outer_units(group))
