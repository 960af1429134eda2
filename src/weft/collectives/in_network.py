"""In-network reduction: switches add (NVLS inside a node, SHARP between nodes), so a rank sends its vector about once.

Inside: rank i owns chunk i; the switch pulls that chunk from all, hands i the sum, takes i's result and copies it
to all. A rank sends its vector and its own chunk: (1 + 1/n), not 2(n-1)/n, so busbw rises to 2(n-1)/(n+1) of the
rate the switch sustains. Between units the owners join a double binary tree (NCCL's NVLSTree), or a reducing switch
(SHARP) where the level has one.
"""

from __future__ import annotations

import itertools

import numpy as np

from weft.collectives import tree
from weft.collectives.aggregation import aggregation_trees, scale_up_switches
from weft.collectives.cost import Cost, Stage, inner_ranks, outer_units
from weft.collectives.flows import Flows, edges, over_groups
from weft.collectives.layout import Layout
from weft.collectives.schedule import Phase, Schedule, Transfer
from weft.errors import ConfigError
from weft.fabric.group import CommGroup

NAME = "in_network"
KINDS = frozenset({"all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce"})


def schedule(kind: str, ranks: int, size_bytes: float, per_unit: int | None = None, sharp: bool = False) -> Schedule:
    """One switch per unit (ids from ``ranks``), and one above them for ``sharp``.

    Args:
        kind: all_reduce over any units; the other kinds within one unit.
        ranks: members.
        size_bytes: the vector.
        per_unit: consecutive ranks under one switch; all of them by default.
        sharp: the units' owners meet at one more reducing switch instead of on trees.

    Raises:
        ConfigError: units that don't fill, or a kind that has no in-network form across units.
    """
    g = per_unit or ranks
    if ranks % g:
        raise ConfigError(f"in_network: {ranks} ranks do not fill units of {g}")
    many = ranks // g
    if many > 1 and kind != "all_reduce":
        raise ConfigError(f"in_network {kind} works inside one scale-up unit; the group spans {many}")
    cut = 2 if many > 1 and not sharp else 1  # each owner's chunk in halves, one for each of the twin trees
    chunks = g * cut
    members = [(u * g + p, ranks + u, p * cut) for u in range(many) for p in range(g)]
    whole = [Transfer(rank, switch, 0, chunks) for rank, switch, _ in members]
    pull = [Transfer(switch, rank, own, cut) for rank, switch, own in members]
    push = [Transfer(rank, switch, own, cut) for rank, switch, own in members]
    copy = [Transfer(switch, rank, 0, chunks) for rank, switch, _ in members]
    reduced = [Phase(tuple(whole), reduce=True), Phase(tuple(pull))]
    spread = [Phase(tuple(push)), Phase(tuple(copy))]
    if kind in ("broadcast", "reduce"):
        down = kind == "broadcast"
        first = Phase((Transfer(0, ranks, 0, g),)) if down else reduced[0]
        last = Phase(tuple(copy[1:])) if down else Phase((Transfer(ranks, 0, 0, g),))
        return Schedule(kind, NAME, ranks, g, size_bytes / g, (first, last), 1)
    across = _sharp(ranks, g, many) if sharp and many > 1 else _trees(g, many) if many > 1 else []
    phases = {"all_reduce": [*reduced, *across, *spread], "reduce_scatter": reduced, "all_gather": spread}[kind]
    switches = many + (1 if sharp and many > 1 else 0)
    return Schedule(kind, NAME, ranks, chunks, size_bytes / chunks, tuple(phases), switches)


def _trees(g: int, many: int) -> list[Phase]:
    """Each rail's owners reduce and broadcast half of their chunk on each of the twin trees."""
    phases: list[Phase] = []
    twins = tree.twins(many)
    ups = [tree.by_depth(t) for t in twins]
    for below in range(max(len(level) for level in ups) - 1, 0, -1):
        hops = [
            Transfer(i * g + rail, twins[half][i] * g + rail, 2 * rail + half)
            for rail in range(g)
            for half in (0, 1)
            if below < len(ups[half])
            for i in ups[half][below]
        ]
        phases.append(Phase(tuple(hops), reduce=True))
    down = [Phase(tuple(Transfer(t.dst, t.src, t.chunk) for t in phase.transfers)) for phase in reversed(phases)]
    return phases + down


def _sharp(ranks: int, g: int, many: int) -> list[Phase]:
    """Owners send to the switch above and get the sum back."""
    top = ranks + many
    owners = [(u * g + p, p) for u in range(many) for p in range(g)]
    up = Phase(tuple(Transfer(rank, top, p) for rank, p in owners), reduce=True)
    return [up, Phase(tuple(Transfer(top, rank, p) for rank, p in owners))]


def flows(kind: str, layout: Layout) -> tuple[Flows, ...]:
    """Ranks to the switch of their unit and back; across, owners on twin trees or up and down an aggregation tree.

    Inside one unit all ranks advance together: what the switch adds or copies is for all. Across units each place is a
    channel: its chunk inside, and its rail outside.
    """
    g, n, many = layout.width, layout.ranks, layout.units
    each = np.arange(n)
    out_x, in_x = {
        "all_reduce": (1 + 1 / g, 1 + 1 / g),
        "reduce_scatter": (1.0, 1 / g),
        "all_gather": (1 / g, 1.0),
        "broadcast": (each == 0, each != 0),
        "reduce": (each != 0, each == 0),
    }[kind]
    switch = n + layout.unit
    channel = layout.place if many > 1 else 0
    parts = [edges(each, switch, out_x, channel), edges(switch, each, in_x, channel)]
    further = scale_up_switches(layout)
    sharp = many > 1 and _reduces_outside(layout.group)
    how = ("multicast", "switch" if sharp else "exchange")
    if many > 1 and not sharp:
        down = tree.double(layout)
        parts += [down, down.back()]
    inside = over_groups(layout, parts, how, further)
    return (inside.beside(aggregation_trees(layout, 1 / g)) if sharp else inside,)


def _reduces_outside(group: CommGroup) -> bool:
    """Whether every switch between the units can reduce."""
    return all(level.reduces for level in group.levels[1:])


def cost(kind: str, group: CommGroup) -> Cost:
    """(1 + 1/g) of the vector inside; across, one vector to SHARP, or what a double tree's busiest node sends.

    Raises:
        ConfigError: no reducing switch, or a kind that has no in-network form across units.
    """
    g, many, levels = inner_ranks(group), outer_units(group), len(group.levels)
    if not group.levels[0].reduces or g < 2:
        raise ConfigError(
            f"in_network needs a reducing switch in the scale-up domain ({group.levels[0].name} has none)"
        )
    if many > 1 and kind != "all_reduce":
        raise ConfigError(f"in_network {kind} works inside one scale-up unit; the group spans {many}")
    inside = {"all_reduce": 1 + 1 / g, "reduce_scatter": 1.0, "all_gather": 1.0}.get(kind, 1.0)
    sharp = many > 1 and _reduces_outside(group)
    below = [level.units for level in group.levels]
    across = [1.0 if sharp else tree.busiest(units) for units in below[:-1]]
    # across units, owners hand their chunk to the NIC and take the sum back: two copies at home
    climbs = [0.5 if sharp and units > 1 else float(tree.depth(units)) for units in below]
    # a pass through a switch is one step: an all-reduce makes two, reduced down and copied out; SHARP makes one
    steps = [2.0 if kind == "all_reduce" else 1.0] + [2.0 * (a - b) for a, b in itertools.pairwise(climbs)]
    how = ("multicast",) + ("switch" if sharp else "exchange",) * (levels - 1)
    return Cost(NAME, tuple(steps), (Stage((inside, *across), how),), 2 / g if many > 1 else 0.0, many)
