"""A user's own parts: what an overlay file may say, and how it is laid over the package's parts.

An overlay states a new part, or some fields of one that exists; those fields are replaced and the others stay. A bare
number stands for a fact (``price_usd: 21000``), and a fact without a source is the user's own. Names are checked
against the other parts of the kind, because a misspelt field would otherwise be ignored in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from weft.catalog.field_units import has_unit
from weft.catalog.model import is_fact
from weft.catalog.reader import HEAD, Document, Failure, RawPart
from weft.errors import suggestion

OWN = "yours"
_FREE = ("note", "notes", "extends")
_OWN_HEAD: RawPart = {"source": OWN, "confidence": OWN}


def lay_over(document: Document, parts: Mapping[str, RawPart]) -> dict[str, RawPart]:
    """Return the parts that an overlay changes or adds, whole, as if written in one place.

    Args:
        document: the overlay.
        parts: every part of its kind so far, by id.

    Raises:
        ConfigError: a field name that neither the kind nor its unit explains; located.
    """
    known_facts = {name for part in parts.values() for name, value in part.items() if is_fact(value)}
    known_plain = {name for part in parts.values() for name, value in part.items() if not is_fact(value)} - {*HEAD}
    names = _Names(known_facts, known_plain)
    laid = {}
    for part_id, part in document.parts.items():
        fail, keys = Failure(document.path), document.keys[part_id]
        own = {name: _field(name, value, names, fail, (*keys, name)) for name, value in part.items()}
        laid[part_id] = {**parts.get(part_id, _OWN_HEAD), **own}
    return laid


class _Names:
    """The field names a kind uses."""

    def __init__(self, facts: Iterable[str], plain: Iterable[str]) -> None:
        self.facts, self.plain = frozenset(facts), frozenset(plain)
        self.all = sorted({*self.facts, *self.plain, *HEAD})


def _field(name: str, value: Any, names: _Names, fail: Failure, keys: tuple[str | int, ...]) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in HEAD or name in _FREE or (name in names.plain and not is_fact(value)):
        return value
    if is_fact(value) or (number and (name in names.facts or has_unit(name))):
        if name not in names.facts and not has_unit(name):
            raise fail(f"the name does not end in a unit Weft knows{suggestion(name, names.all)}", *keys)
        given = value if isinstance(value, Mapping) else {"value": value}
        return {"src": OWN, "conf": OWN, **given}
    raise fail(f"unknown field{suggestion(name, names.all)}", *keys)
