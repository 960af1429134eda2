"""Direct: everybody sends to everybody at once; one latency, and every byte that must cross a boundary crosses it.

all_to_all has no other way. For all_reduce, a direct reduce-scatter and a direct all-gather. send_recv is one
transfer to the next rank, by all ranks, as nccl-tests does it.
"""

from __future__ import annotations

import numpy as np

from weft.collectives.cost import Cost, Stage, outer_units, spread, unit_ranks
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.layout import Layout
from weft.collectives.pairs import across_units, within_units
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.fabric.group import CommGroup

NAME = "direct"
KINDS = frozenset({"all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce", "all_to_all", "send_recv"})


def schedule(kind: str, ranks: int, size_bytes: float) -> Schedule:
    """All pairs in one phase (all_reduce: two)."""
    n = ranks
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    if kind == "all_to_all":
        exchange = Phase(tuple(Transfer(i, j, i * n + j) for i, j in pairs))
        return Schedule(kind, NAME, n, n * n, size_bytes / n, (exchange,) if pairs else ())
    if kind == "send_recv":
        shift = Phase(tuple(Transfer(i, (i + 1) % n, i) for i in range(n)))
        return Schedule(kind, NAME, n, n, size_bytes, (shift,))
    if kind in ("broadcast", "reduce"):
        out = kind == "broadcast"
        star = Phase(tuple(Transfer(0, i, 0) if out else Transfer(i, 0, 0) for i in range(1, n)), reduce=not out)
        return Schedule(kind, NAME, n, 1, size_bytes, (star,))
    scatter = Phase(tuple(Transfer(i, j, j) for i, j in pairs), reduce=True)
    gather = Phase(tuple(Transfer(i, j, i) for i, j in pairs))
    phases = {"all_reduce": (scatter, gather), "reduce_scatter": (scatter,), "all_gather": (gather,)}[kind]
    return Schedule(kind, NAME, n, n, size_bytes / n, phases if n > 1 else ())


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Every two ranks, each pair at its own rate; see `weft.collectives.pairs` for very many ranks."""
    n, each, peers = layout.ranks, np.arange(layout.ranks), ("peers", "peers")
    if kind == "send_recv":
        return (over_groups(layout, [edges(each, np.roll(each, -1), 1.0, each)], ("copy", "copy")),)
    if kind in ("broadcast", "reduce"):
        star = edges(0, each[1:], 1.0, each[1:])
        return (over_groups(layout, [star if kind == "broadcast" else star.back()], peers),)
    share = (2 if kind == "all_reduce" else 1) / n
    near, far = within_units(layout), across_units(layout)
    parts = [
        edges(near.src, near.dst, near.bytes_x * share, near.channel),
        edges(far.src, far.dst, far.bytes_x * share, far.channel + n),
    ]
    return (over_groups(layout, parts, peers),)


def cost(kind: str, group: CommGroup) -> Cost:
    """A rank sends (g-1)/n inside its unit of g, units of u ranks let out u (n-u)/n; the farthest pair's latency."""
    n, levels = group.ranks, len(group.levels)
    sizes = [unit_ranks(group, level) for level in range(levels)]
    ways = 2.0 if kind == "all_reduce" else 1.0
    far = max(level for level in range(levels) if n > sizes[level]) if n > 1 else 0
    steps = tuple(ways if level == far else 0.0 for level in range(levels))
    how = ("copy" if kind == "send_recv" else "peers",) * levels
    inside = group.levels[0].ranks
    if kind == "send_recv":
        load = spread(group, 1.0)
        if levels > 1:  # one rank of each unit sends to the next, by its own NICs
            load = (load[0], float(inside), *load[2:])
    elif kind in ("broadcast", "reduce"):
        load = (inside - 1.0, *(float(n - u) for u in sizes[1:]))
    else:
        load = (ways * (inside - 1) / n, *(ways * u * (n - u) / n for u in sizes[1:]))
    local = 1 / n if kind in ("all_to_all", "all_gather", "reduce_scatter", "all_reduce") else 0.0
    met = [level.ranks for level in group.levels]
    peers = tuple(a - b for a, b in zip(met, (1, *met), strict=False)) if kind == "all_to_all" else ()
    return Cost(NAME, steps, (Stage(load, how),), local, outer_units(group), peers)
