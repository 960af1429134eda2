"""The all-to-all in two parts: inside the unit to whoever is on the right rail, then along the rails.

A rank hands what it has for place q of any unit to place q of its own, which sends one message for all of them to
place q of every other unit. As many bytes leave a unit as in a direct exchange, in N - 1 messages a rank rather than
n - g, and none changes rails in the network; all bytes but 1/g move inside as well. Source: NCCL's PXN aggregates
messages in this way (S. Jeaugey, Doubling all2all Performance with NCCL 2.12, NVIDIA 2022).
"""

from __future__ import annotations

import itertools

from weft.collectives.cost import Cost, Stage, inner_ranks, outer_units, unit_ranks
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.layout import Layout
from weft.collectives.pairs import along_rails, within_units
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "two_level"
KINDS = frozenset({"all_to_all"})


def schedule(kind: str, ranks: int, size_bytes: float, per_unit: int = 1) -> Schedule:
    """Blocks change rails first, then units; chunk ids as in `weft.collectives.direct`.

    Raises:
        ConfigError: ``ranks`` isn't a multiple of ``per_unit``.
    """
    if ranks % per_unit:
        raise ConfigError(f"two_level: {ranks} ranks do not fill units of {per_unit}")
    n, g = ranks, per_unit
    blocks = [(s, s - s % g + d % g, d) for s in range(n) for d in range(n)]  # from, by way of, to
    turn = [Transfer(s, via, s * n + d) for s, via, d in blocks if via != s]
    leave = [Transfer(via, d, s * n + d) for s, via, d in blocks if via != d]
    phases = tuple(Phase(tuple(moves)) for moves in (turn, leave) if moves)
    return Schedule(kind, NAME, n, n * n, size_bytes / n, phases)


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Every two ranks of a unit, then every two units on each rail."""
    g, peers, found = layout.width, ("peers", "peers"), []
    if g > 1:
        near = within_units(layout)
        found.append(over_groups(layout, [edges(near.src, near.dst, near.bytes_x / g, near.channel)], peers))
    if layout.units > 1:
        found.append(over_groups(layout, [along_rails(layout)], peers))
    return tuple(found)


def cost(kind: str, group: CommGroup) -> Cost:
    """(g-1)/g of a buffer inside, then u (n-u)/n out of u ranks."""
    n, g, levels = group.ranks, inner_ranks(group), len(group.levels)
    sizes = [unit_ranks(group, level) for level in range(1, levels)]
    how = ("peers",) * levels
    inside = Stage(((g - 1) / g, *(0.0 for _ in sizes)), how)
    across = Stage((0.0, *(u * (n - u) / n for u in sizes)), how)
    steps = [1.0 if g > 1 else 0.0, *(0.0 for _ in sizes)]
    if sizes:
        steps[-1] += 1.0
    met = [level.ranks for level in group.levels]
    peers = (g - 1, *(int(b - a) // g for a, b in itertools.pairwise(met)))
    kept = tuple(stage for stage in (inside, across) if any(stage.load))
    return Cost(NAME, tuple(steps), kept, 1 / n, outer_units(group), peers)
