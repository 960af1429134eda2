"""A job as the fluid engine sees it: the groups behind every communication of its program, and its slow hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from weft.engines.fluid.carrying import Family
from weft.engines.fluid.prepare import Party
from weft.engines.scenario import Slow
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.tables import Kind
from weft.workload.mapping import Mapping
from weft.workload.program import Communication, Program


def party_of(
    fabric: Fabric,
    mapping: Mapping,
    program: Program,
    *,
    first: int = 0,
    base: int = 0,
    slow: Sequence[Slow] = (),
    level: int = 0,
    weight: float = 1.0,
    also: Sequence[Communication] = (),
) -> Party:
    """Return a job that runs on the accelerators from ``first`` on.

    Args:
        also: communications that it does at other times than those of its program.
        base: the columns of the jobs before it.
        slow: hosts that are.
        level, weight: its traffic's priority and share.

    Raises:
        ConfigError: it does not fit there, or a slow host does not exist.
    """
    if first + mapping.ranks > fabric.accelerators:
        raise ConfigError(
            f"a job of {mapping.ranks:,} accelerators from number {first:,} on does not fit the cluster's "
            f"{fabric.accelerators:,}; the last first that fits is {max(0, fabric.accelerators - mapping.ranks):,}",
            field="first",
        )
    found: dict[Sequence[int], Family] = {}
    families: dict[Communication, Family] = {}
    for communication in (*program.communications, *also):
        ranks = communication.ranks
        if ranks not in found:
            groups = mapping.family(ranks)
            takers = groups[:, :1] if mapping.spans_stages(ranks) else groups
            columns = (mapping.column_of(takers) + base).astype(np.int32)
            found[ranks] = Family(groups + first, columns, (first << 20) + len(found), level, weight)
        families[communication] = found[ranks]
    slowness = _slowness(fabric, mapping, first, slow)
    return Party(families, base, mapping.columns * mapping.outer, slowness, len(program))


def communicator(communications: Iterable[Communication], ranks: Sequence[int]) -> Party:
    """Return ranks that do nothing but collectives of them all, one after another."""
    members = np.asarray(ranks, np.int64)[None, :]
    family = Family(members, np.arange(members.size, dtype=np.int32)[None, :], key=0)
    return Party(dict.fromkeys(communications, family), 0, members.size, np.ones((1, members.size)))


def _slowness(fabric: Fabric, mapping: Mapping, first: int, slow: Sequence[Slow]) -> NDArray[np.float64]:
    """How many times as long compute takes, by stage and column."""
    found = np.ones(mapping.ranks)
    rows = fabric.rows(Kind.ACCELERATOR)
    for number, each in enumerate(slow):
        try:
            row = fabric.node(each.node).row
        except ConfigError as error:
            error.field = f"slow[{number}].node"
            raise
        named = np.flatnonzero((rows == row) | (fabric.nodes.parent[rows] == row))
        if not len(named):
            raise ConfigError(f"{each.node} is no host or accelerator; name one", field=f"slow[{number}].node")
        own = named[(named >= first) & (named < first + mapping.ranks)] - first
        found[own] = np.maximum(found[own], each.factor)
    by_group = found.reshape(mapping.outer, mapping.pp, mapping.columns)
    return by_group.transpose(1, 0, 2).reshape(mapping.pp, -1)
