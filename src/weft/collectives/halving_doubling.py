"""Recursive halving and doubling: log2 n exchanges, bandwidth-optimal, for powers of two.

Neighbours exchange the largest part first, so that half the vector stays inside the innermost unit and what leaves
a unit of u ranks is the same as on a ring or less (Thakur, Rabenseifner and Gropp 2005).
"""

from __future__ import annotations

import itertools

import numpy as np

from weft.collectives.cost import Cost, Stage, outer_units, unit_ranks
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "halving_doubling"
KINDS = frozenset({"all_reduce", "all_gather", "reduce_scatter"})


def require_power_of_two(ranks: int) -> int:
    """log2 of the ranks.

    Raises:
        ConfigError: not a power of two.
    """
    if ranks < 1 or ranks & (ranks - 1):
        raise ConfigError(f"halving_doubling needs a power of two ranks, read {ranks}; use ring or tree")
    return ranks.bit_length() - 1


def schedule(kind: str, ranks: int, size_bytes: float) -> Schedule:
    """Exchanges at distance 1, 2, 4 and on, then back; chunk ids are bit-reversed ranks, so runs stay whole."""
    bits = require_power_of_two(ranks)
    own = [int(format(i, f"0{bits}b")[::-1], 2) if bits else 0 for i in range(ranks)]
    halving, doubling = [], []
    for step in range(bits):
        distance, run = 1 << step, ranks >> (step + 1)
        # after this step a rank holds the run of chunks that contains its own
        give = [Transfer(i, i ^ distance, own[i ^ distance] // run * run, run) for i in range(ranks)]
        halving.append(Phase(tuple(give), reduce=True))
        doubling.append(Phase(tuple(Transfer(i, i ^ distance, own[i] // run * run, run) for i in range(ranks))))
    doubling.reverse()
    phases = {"all_reduce": halving + doubling, "reduce_scatter": halving, "all_gather": doubling}[kind]
    return Schedule(kind, NAME, ranks, ranks, size_bytes / ranks, tuple(phases))


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Every exchange at distance 1, 2, 4 and on, in one channel: all ranks go from step to step together."""
    bits = require_power_of_two(layout.ranks)
    ways, each = 2 if kind == "all_reduce" else 1, np.arange(layout.ranks)
    parts = [edges(layout.order, layout.order[each ^ (1 << step)], ways / (2 << step), 0) for step in range(bits)]
    return (over_groups(layout, parts, ("copy", "copy")),)


def cost(kind: str, group: CommGroup) -> Cost:
    """A rank sends 1 - 1/g of the vector each way inside its unit of g; units of u ranks let out 1 - u/n."""
    require_power_of_two(group.ranks)
    n, ways = group.ranks, 2 if kind == "all_reduce" else 1
    sizes = [unit_ranks(group, level) for level in range(len(group.levels))]
    if any(u & (u - 1) for u in sizes):
        raise ConfigError(f"halving_doubling needs units of a power of two ranks, the group has {sizes[1:]}")
    load = (ways * (1 - 1 / group.levels[0].ranks), *(ways * (1 - u / n) for u in sizes[1:]))
    logs = [u.bit_length() - 1 for u in (*sizes, n)]
    steps = tuple(float(ways * (b - a)) for a, b in itertools.pairwise(logs))
    return Cost(NAME, steps, (Stage(load, ("copy",) * len(sizes)),), ways / (2 * n), outer_units(group))
