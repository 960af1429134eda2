"""What a catalog entry is: a part with facts, each with its unit, source and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from weft.catalog.field_units import field_unit
from weft.catalog.range import Range
from weft.errors import ConfigError, suggestion

Confidence = Literal["datasheet", "paper", "press", "estimate", "measured", "code", "yours"]
FACT_MARKS = frozenset({"value", "low", "typical", "high", "src", "conf"})


def is_fact(value: object) -> bool:
    """True for a mapping that is written as a fact (rather than a nested plain field)."""
    return isinstance(value, Mapping) and not FACT_MARKS.isdisjoint(value)


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Source(_Frozen):
    """Where a fact comes from. ``checked``: its text was read, seen through another text, or recalled from memory."""

    id: str
    title: str
    url: str = ""
    kind: Confidence = "press"
    checked: Literal["read", "secondary", "recalled"] = "read"
    note: str = ""


class Fact(_Frozen):
    """One quantity as it is published, in the unit of its field's name.

    A file writes either ``value`` or ``low``, ``typical`` and ``high``, with ``src`` (ids of sources) and ``conf``.
    """

    low: float
    typical: float
    high: float
    unit: str = ""
    sources: tuple[str, ...] = Field(alias="src", min_length=1)
    confidence: Confidence = Field(alias="conf")
    recalled: bool = False
    vendor_claim: bool = False
    derived: bool = False
    note: str = ""

    _listed = field_validator("sources", mode="before")(_listed)

    @model_validator(mode="before")
    @classmethod
    def _expand_value(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "value" not in data:
            return data
        data = dict(data)
        value = data.pop("value")
        if not data.keys().isdisjoint({"low", "typical", "high"}):
            raise ValueError("write either value, or low, typical and high")
        return data | {"low": value, "typical": value, "high": value}

    @field_validator("low", "typical", "high", mode="before")
    @classmethod
    def _number(cls, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            shown = repr(value[:40]) if isinstance(value, str) else f"a {type(value).__name__}"
            raise ValueError(f"expected a number, read {shown}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ValueError("not a finite number")
        return number

    @model_validator(mode="after")
    def _ordered(self) -> Fact:
        if not self.low <= self.typical <= self.high:
            raise ValueError(f"low <= typical <= high does not hold: {self.low:g}, {self.typical:g}, {self.high:g}")
        return self

    @property
    def range(self) -> Range:
        """The three values as written (not SI)."""
        return Range(self.low, self.typical, self.high)

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader should know before quoting it: recalled, vendor claim, derived, own estimate."""
        marks = {
            "recalled": self.recalled,
            "vendor claim": self.vendor_claim,
            "derived": self.derived,
            "own estimate": "own_est" in self.sources,
        }
        return tuple(mark for mark, holds in marks.items() if holds)


class Part(_Frozen):
    """One entry: its facts, and its plain fields (names, counts, ids of other parts, nested tables)."""

    id: str
    kind: str
    name: str
    sources: tuple[str, ...]
    confidence: Confidence
    facts: dict[str, Fact]
    plain: dict[str, Any]

    def has(self, name: str) -> bool:
        """True where `si` would answer: a fact, or a plain number."""
        return name in self.facts or _is_number(self.plain.get(name))

    def fact(self, name: str) -> Fact:
        """Return a fact as published.

        Raises:
            ConfigError: the part has no such fact; the message lists what it has.
        """
        if name in self.facts:
            return self.facts[name]
        raise ConfigError(f"the catalog has no {name} for {self.kind} {self.id}{suggestion(name, self.facts)}")

    def si_range(self, name: str) -> Range:
        """Return a fact, or a plain number, in SI by the unit in its name (B/s, s, bytes, W, USD, m, FLOP/s, 1/s).

        Raises:
            ConfigError: the part has no such number.
        """
        plain = self.plain.get(name)
        if name not in self.facts and isinstance(plain, int | float) and not isinstance(plain, bool):
            return Range.exactly(float(plain)) * field_unit(name).factor
        return self.fact(name).range * field_unit(name).factor

    def si(self, name: str) -> float:
        """Return the typical value in SI; see `si_range`."""
        return self.si_range(name).typical

    def text(self, name: str) -> str | None:
        """Return a plain field as text, or None; numbers come back as they are written."""
        value = self.plain.get(name)
        return None if value is None or isinstance(value, dict | list) else str(value)

    def _repr_html_(self) -> str:
        """A small table for notebooks."""
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{f.low:g}</td><td><b>{f.typical:g}</b></td><td>{f.high:g}</td>"
            f"<td>{escape(f.unit)}</td><td>{escape(', '.join(f.sources))}</td><td>{escape(f.confidence)}</td></tr>"
            for name, f in self.facts.items()
        )
        head = "".join(f"<th>{c}</th>" for c in ("fact", "low", "typical", "high", "unit", "source", "confidence"))
        return (
            f"<b>{escape(self.name)}</b> ({escape(self.kind)}: {escape(self.id)})<table><tr>{head}</tr>{rows}</table>"
        )


class Contradiction(_Frozen):
    """A quantity on which sources disagree: what each says, why, and what this catalog uses.

    ``about`` holds part ids, with ``*`` patterns; ``fields`` the facts of theirs that it concerns.
    """

    id: str
    quantity: str
    about: tuple[str, ...]
    fields: tuple[str, ...]
    values: dict[str, Any]
    why: str
    used: str
    sources: tuple[str, ...] = Field(alias="source")
    confidence: Confidence

    _listed = field_validator("sources", mode="before")(_listed)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
