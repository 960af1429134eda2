"""A figure and what it rests on: every price and power keeps the catalog rows that it was worked out from."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Part, Range

ZERO = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Basis:
    """One catalog row: a fact of a part, as published.

    Attributes:
        kind, part, fact: where it is in the catalog.
        published: low, typical and high, in ``unit``.
        unit: as people write it.
        sources: ids of sources.
        confidence: datasheet, paper, press, estimate ...
        flags: what to know before quoting it: recalled, vendor claim, derived, own estimate.
    """

    kind: str
    part: str
    fact: str
    published: Range
    unit: str
    sources: tuple[str, ...]
    confidence: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity in SI and the catalog rows it rests on."""

    value: Range
    basis: tuple[Basis, ...]

    def __mul__(self, other: float | Figure) -> Figure:
        """Scale by a number, or by the typical value of another figure (a margin, a count), keeping both bases."""
        if isinstance(other, Figure):
            return Figure(self.value * other.value.typical, (*self.basis, *other.basis))
        return Figure(self.value * other, self.basis)

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.value + other.value, tuple(dict.fromkeys((*self.basis, *other.basis))))


NOTHING = Figure(ZERO, ())


def figure(part: Part, *names: str) -> Figure | None:
    """Return the first of the named facts (or plain numbers) that a part has; None if it has none."""
    name = next((name for name in names if part.has(name)), None)
    if name is None:
        return None
    return Figure(part.si_range(name), (basis(part, name),))


def basis(part: Part, name: str) -> Basis:
    """Return the catalog row behind a fact or a plain number of a part."""
    fact = part.facts.get(name)
    if fact is None:
        plain = Range.exactly(float(part.plain[name]))
        return Basis(part.kind, part.id, name, plain, "", part.sources, part.confidence, ())
    return Basis(part.kind, part.id, name, fact.range, fact.unit, fact.sources, fact.confidence, fact.flags)
