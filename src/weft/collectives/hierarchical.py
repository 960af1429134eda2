"""Hierarchical: reduce-scatter inside the unit, all-reduce across units on every rail, all-gather inside.

Each of a unit's g ranks carries 1/g of the vector across, so all its NICs work and the slow network sees only what
it must. The three parts follow one another, as the schedule shows.
"""

from __future__ import annotations

import itertools

from weft.collectives.cost import Cost, Stage, inner_ranks, outer_units, used
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.inside import neighbours
from weft.collectives.layout import Layout
from weft.collectives.ring import rails
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "hierarchical"
KINDS = frozenset({"all_reduce", "all_gather", "reduce_scatter"})


def schedule(kind: str, ranks: int, size_bytes: float, per_unit: int = 1) -> Schedule:
    """Rings inside, rings across, rings inside.

    Chunk ``place * units + unit`` belongs to rank ``unit * per_unit + place``.

    Raises:
        ConfigError: ``ranks`` isn't a multiple of ``per_unit``.
    """
    if ranks % per_unit:
        raise ConfigError(f"hierarchical: {ranks} ranks do not fill units of {per_unit}")
    g, many = per_unit, ranks // per_unit
    scatter_in, gather_in, scatter_out, gather_out = [], [], [], []
    for u in range(many):
        for p in range(g):
            here, beside, beyond = u * g + p, u * g + (p + 1) % g, ((u + 1) % many) * g + p
            scatter_in.append(Transfer(here, beside, (p - 1) % g * many, many, -many))
            gather_in.append(Transfer(here, beside, p * many, many, -many))
            scatter_out.append((here, beyond, p, u - 1))
            gather_out.append((here, beyond, p, u))
    inward = Phase(tuple(scatter_in), g - 1, reduce=True)
    outward = Phase(tuple(gather_in), g - 1)
    reduce_across = [_across(scatter_out, many, r, reduce=True) for r in range(many - 1)]
    gather_across = [_across(gather_out, many, r, reduce=False) for r in range(many - 1)]
    parts = {
        "all_reduce": [inward, *reduce_across, *gather_across, outward],
        "reduce_scatter": [inward, *reduce_across],
        "all_gather": [*gather_across, outward],
    }[kind]
    phases = tuple(phase for phase in parts if phase.repeat and phase.transfers)
    return Schedule(kind, NAME, ranks, ranks, size_bytes / ranks, phases)


def _across(hops: list[tuple[int, int, int, int]], many: int, r: int, *, reduce: bool) -> Phase:
    """Step ``r`` of the rail rings: the chunk turns inside its rail's run of ``many`` chunks."""
    return Phase(tuple(Transfer(src, dst, p * many + (u - r) % many) for src, dst, p, u in hops), reduce=reduce)


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """A ring in each unit, then a ring over the units on each rail, then the rings in the units again."""
    g, many, copy = layout.width, layout.units, ("copy", "copy")
    inner = neighbours(layout)
    inner = edges(inner.src, inner.dst, inner.bytes_x * (g - 1) / g, inner.channel)
    ways = 2 if kind == "all_reduce" else 1
    inside = [over_groups(layout, [inner], copy)] if g > 1 else []
    across = [over_groups(layout, [rails(layout, ways * (many - 1) / many)], copy)] if many > 1 else []
    parts = {"all_reduce": inside + across + inside, "reduce_scatter": inside + across, "all_gather": across + inside}
    return tuple(parts[kind])


def cost(kind: str, group: CommGroup) -> Cost:
    """(g-1)/g inside, 2(N-1)/N of the vector across by the g NICs of a unit together, (g-1)/g inside."""
    g, many, levels = inner_ranks(group), outer_units(group), len(group.levels)
    copy = ("copy",) * levels
    idle = (0.0,) * (levels - 1)
    inside = Stage(((g - 1) / g, *idle), copy)
    ways = 2 if kind == "all_reduce" else 1
    # all g ranks of a unit send (N-1)/N of their 1/g: together (N-1)/N of the vector
    sent = ways * (many - 1) / many
    across = Stage((0.0, *(sent if used(group, level) else 0.0 for level in range(1, levels))), copy)
    stages = {
        "all_reduce": (inside, across, inside),
        "reduce_scatter": (inside, across),
        "all_gather": (across, inside),
    }
    units = [level.units for level in group.levels]
    climbs = tuple(float(ways * (a - b)) for a, b in itertools.pairwise(units))
    kept = tuple(s for s in stages[kind] if any(s.load))
    return Cost(NAME, (float(ways * (g - 1)), *climbs), kept, 1 / group.ranks, many)
