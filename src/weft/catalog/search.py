"""Find parts by words: in their ids, names, fields, notes and the titles of their sources."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog.model import Part
from weft.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class Hit:
    """A part that has all the words; ``places`` says where, ``score`` how prominently (id and name count most)."""

    part: Part
    places: tuple[str, ...]
    score: float


def search(catalog: Catalog, words: str) -> list[Hit]:
    """Return the parts in which every word occurs (in any case), the most prominent first."""
    wanted = words.lower().split()
    hits = [hit for part in catalog if (hit := _match(catalog, part, wanted)) is not None]
    return sorted(hits, key=lambda hit: -hit.score) if wanted else []


def _match(catalog: Catalog, part: Part, wanted: list[str]) -> Hit | None:
    places: dict[str, None] = {}
    score = 0.0
    texts = _texts(catalog, part)
    for word in wanted:
        found = [(place, weight) for place, text, weight in texts if word in text]
        if not found:
            return None
        score += max(weight for _, weight in found)
        places |= dict.fromkeys(place for place, _ in found[:3])
    return Hit(part, tuple(places), score)


def _texts(catalog: Catalog, part: Part) -> list[tuple[str, str, float]]:
    """Return (place, text in lower case, weight) of everything a reader could search for."""
    texts = [("id", f"{part.id} {part.id.replace('_', ' ')}", 4.0), ("name", part.name, 4.0), ("kind", part.kind, 2.0)]
    texts += [(name, name, 2.0) for name in (*part.plain, *part.facts)]
    texts += [(name, value, 1.0) for name, value in part.plain.items() if isinstance(value, str)]
    texts += [(name, fact.note, 1.0) for name, fact in part.facts.items() if fact.note]
    cited = dict.fromkeys([*part.sources, *(source for fact in part.facts.values() for source in fact.sources)])
    texts += [(f"source {source}", f"{source} {catalog.source(source).title}", 0.5) for source in cited]
    return [(place, text.lower(), weight) for place, text, weight in texts]
