"""Spares: a fraction of every kind of part in use, rounded up, so at least one of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weft.catalog import Catalog
from weft.economics.figures import ZERO, Basis
from weft.economics.lines import Line
from weft.economics.parts import planning


def spare_lines(catalog: Catalog, lines: tuple[Line, ...], asked: Mapping[Any, float]) -> tuple[Line, ...]:
    """Return a line of spares for every part in use.

    Args:
        catalog: the planning fractions.
        lines: parts in use.
        asked: the user's own fractions by kind of part.
    """
    counts: dict[tuple[str, str], int] = {}
    for line in lines:
        counts[line.kind, line.part] = counts.get((line.kind, line.part), 0) + line.count
    found = []
    for (kind, part), number in counts.items():
        like = next(line for line in lines if (line.kind, line.part) == (kind, part))
        fraction, why = _fraction(catalog, kind, asked)
        count = math.ceil(number * fraction - 1e-9)
        if count:
            priced = tuple(row for row in like.basis if "price" in row.fact or row.fact == "lanes")
            sources = tuple(dict.fromkeys(source for row in (*priced, *why) for source in row.sources))
            found.append(
                Line("spare", part, like.name, count, like.unit_cost, ZERO, kind, sources, (*priced, *why), like.domain)
            )
    return tuple(found)


def _fraction(catalog: Catalog, kind: str, asked: Mapping[Any, float]) -> tuple[float, tuple[Basis, ...]]:
    if kind in asked:
        return asked[kind], ()
    fraction = planning(catalog, "spares", f"{kind}_pct")
    return fraction.value.typical, fraction.basis
