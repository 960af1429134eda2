"""Names are computed from the columns, not stored: ``pod0/host7/gpu2`` is a path of places, each with its number."""

from __future__ import annotations

import re

import numpy as np

from weft.errors import ConfigError, UnknownName
from weft.fabric.tables import IntArray, Kind, NodeTable

_STEP = re.compile(r"([a-z]+)(\d+)$")
_KINDS = {kind.prefix: kind for kind in Kind}


def name_of(nodes: NodeTable, row: int) -> str:
    """Return the name of one node row."""
    steps = []
    while row >= 0:
        steps.append(f"{Kind(int(nodes.kind[row])).prefix}{nodes.ordinal[row]}")
        row = int(nodes.parent[row])
    return "/".join(reversed(steps))


def names_of(nodes: NodeTable, rows: IntArray) -> list[str | int | float]:
    """Return the names of many node rows, each worked out once."""
    unique, inverse = np.unique(rows, return_inverse=True)
    names = [name_of(nodes, row) for row in unique.tolist()]
    return [names[i] for i in inverse.tolist()]


def row_of(nodes: NodeTable, name: str) -> int:
    """Return the row of a name.

    Raises:
        UnknownName: a step has an unknown kind.
        ConfigError: there is no such node; says up to which step the name is right.
    """
    row, found = -1, ""
    for step in name.split("/"):
        match = _STEP.match(step)
        if match is None or match[1] not in _KINDS:
            raise UnknownName("kind of node", re.sub(r"\d+$", "", step), _KINDS)
        here = nodes.kind == _KINDS[match[1]]
        here &= nodes.parent == row
        children = np.flatnonzero(here)
        hit = children[nodes.ordinal[children] == int(match[2])]
        if not len(hit):
            raise ConfigError(f"no node {name!r}: {_whats_there(nodes, found, row, match[1], len(children))}")
        row = int(hit[0])
        found = f"{found}/{step}" if found else step
    return row


def _whats_there(nodes: NodeTable, found: str, row: int, prefix: str, count: int) -> str:
    place = repr(found) if found else "the fabric"
    if count:
        return f"{place} has {prefix}0 to {prefix}{count - 1}"
    kinds = np.unique(nodes.kind[nodes.parent == row])
    return f"{place} has {', '.join(Kind(int(k)).prefix for k in kinds) or 'nothing'} inside, no {prefix}"
