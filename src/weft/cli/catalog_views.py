"""What ``weft catalog`` prints: text for people, plain dicts for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from weft.catalog import Catalog, Contradiction, Fact, Part
from weft.catalog.field_units import field_unit
from weft.catalog.search import Hit
from weft.report.terminal import Column, heading, pairs, table, width

# the figures by which a reader tells the parts of a kind apart
_MAIN = {
    "accelerators": ("bf16_dense_tflops", "hbm_gb", "scale_up_gBps_uni", "price_usd"),
    "media": ("rate_gbps_port", "reach_m", "power_w_per_end", "price_usd"),
    "nics": ("port_gbps", "power_w", "price_usd"),
    "ocs": ("ports", "insertion_loss_db", "reconfig_ms", "price_usd"),
    "protocols": ("lane_gbps", "port_gbps", "gpu_gBps_uni"),
    "reliability": ("fit", "afr_pct"),
    "switches": ("capacity_tbps", "radix_max", "power_w_system", "price_usd_system"),
    "systems": ("accelerators", "power_kw_max", "price_usd"),
}


def kinds_text(catalog: Catalog) -> str:
    """The kinds of parts with their counts."""
    rows = [_counts(kind, catalog) for kind in catalog.kinds()]
    columns = [Column(name.replace("_", " "), right=name != "kind") for name in rows[0]]
    total = f"{sum(r['parts'] for r in rows):,} parts, {sum(r['facts'] for r in rows):,} facts"
    body = table(columns, [list(row.values()) for row in rows])
    return f"{body}\n\n{total}; revision {catalog.revision}\nweft catalog list KIND names them."


def kinds_json(catalog: Catalog) -> dict[str, Any]:
    """The kinds of parts with their counts, for machines."""
    kinds = [_counts(kind, catalog) for kind in catalog.kinds()]
    return {"schema": "weft.catalog-list/1", "revision": catalog.revision, "kinds": kinds}


def parts_text(catalog: Catalog, kind: str) -> str:
    """The parts of one kind with their main figures."""
    parts = catalog.parts(kind)
    names = [name for name in _MAIN.get(kind, ()) if any(part.has(name) for part in parts)]
    columns = [Column("id"), Column("name", shrinks=True), *(Column(_short(name), right=True) for name in names)]
    rows = [(p.id, p.name, *(_value(p.si(n) / field_unit(n).factor) if p.has(n) else "" for n in names)) for p in parts]
    return f"{table(columns, rows)}\n\n{len(parts)} {kind}; weft catalog show ID says where the figures come from."


def parts_json(catalog: Catalog, kind: str) -> dict[str, Any]:
    """The parts of one kind with the typical value of every fact in SI, for machines."""
    parts = [{"id": p.id, "name": p.name, "typical_si": {n: p.si(n) for n in p.facts}} for p in catalog.parts(kind)]
    return {"schema": "weft.catalog-list/1", "revision": catalog.revision, "kind": kind, "parts": parts}


def part_text(catalog: Catalog, part: Part) -> str:
    """Everything about one part."""
    blocks = [f"{heading(part.name)}\n{part.id}, one of the {part.kind}"]
    if part.plain:
        blocks.append(_wrapped_pairs((name, _plain(value)) for name, value in part.plain.items()))
    if part.facts:
        columns = [Column("fact"), *(Column(c, right=True) for c in ("low", "typical", "high")), Column("unit")]
        columns += [Column("source", shrinks=True), Column("trust", shrinks=True)]
        blocks.append(table(columns, [_fact_row(name, fact) for name, fact in part.facts.items()]))
    notes = [(name, fact.note) for name, fact in part.facts.items() if fact.note]
    if notes:
        blocks.append(f"{heading('Notes')}\n{_wrapped_pairs(notes)}")
    blocks.append(f"{heading('Sources')}\n{_sources_text(catalog, _cited(part))}")
    disagreements = catalog.contradictions(part)
    if disagreements:
        blocks.append("\n\n".join([heading("Where sources disagree"), *map(_contradiction_text, disagreements)]))
    return "\n\n".join(blocks)


def part_json(catalog: Catalog, part: Part) -> dict[str, Any]:
    """Everything about one part, for machines."""
    return {
        "schema": "weft.catalog-show/1",
        "revision": catalog.revision,
        "id": part.id,
        "kind": part.kind,
        "name": part.name,
        "confidence": part.confidence,
        "plain": part.plain,
        "facts": {
            name: fact.model_dump() | {"si": part.si_range(name).as_dict() | {"unit": field_unit(name).si}}
            for name, fact in part.facts.items()
        },
        "sources": {source: catalog.source(source).model_dump(exclude={"id"}) for source in _cited(part)},
        "contradictions": [c.model_dump() for c in catalog.contradictions(part)],
    }


def hits_text(words: Sequence[str], hits: Sequence[Hit]) -> str:
    """What a search found."""
    if not hits:
        return f"nothing in the catalog has all of: {' '.join(words)}"
    columns = [Column("id"), Column("kind"), Column("name", shrinks=True), Column("found in", shrinks=True)]
    rows = [(hit.part.id, hit.part.kind, hit.part.name, ", ".join(hit.places)) for hit in hits]
    return f"{table(columns, rows)}\n\n{len(hits)} found"


def hits_json(catalog: Catalog, words: Sequence[str], hits: Sequence[Hit]) -> dict[str, Any]:
    """What a search found, for machines."""
    found = [{"id": h.part.id, "kind": h.part.kind, "name": h.part.name, "places": list(h.places)} for h in hits]
    return {"schema": "weft.catalog-search/1", "revision": catalog.revision, "words": list(words), "hits": found}


def _counts(kind: str, catalog: Catalog) -> dict[str, Any]:
    parts = catalog.parts(kind)
    facts = [fact for part in parts for fact in part.facts.values()]
    return {
        "kind": kind,
        "parts": len(parts),
        "facts": len(facts),
        "recalled": sum(fact.recalled for fact in facts),
        "vendor_claims": sum(fact.vendor_claim for fact in facts),
        "own_estimates": sum(fact.sources == ("own_est",) for fact in facts),
    }


def _short(name: str) -> str:
    """A column heading for a fact: its name without the unit, and the unit as people write it."""
    known = {"bf16_dense_tflops": "BF16", "scale_up_gBps_uni": "scale-up", "rate_gbps_port": "rate"}
    unit = field_unit(name).label
    words = known.get(name) or " ".join(t for t in name.split("_") if not field_unit(t).label)
    return f"{words.removesuffix(' per end')} {unit}".strip()


def _value(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.12g}"


def _fact_row(name: str, fact: Fact) -> tuple[str, ...]:
    ends = ("", "") if fact.low == fact.high else (_value(fact.low), _value(fact.high))
    trust = ", ".join([fact.confidence, *fact.flags]).replace("estimate, own estimate", "own estimate")
    return (name, ends[0], _value(fact.typical), ends[1], fact.unit, ", ".join(fact.sources), trust)


def _cited(part: Part) -> list[str]:
    return list(dict.fromkeys([*part.sources, *(s for fact in part.facts.values() for s in fact.sources)]))


def _sources_text(catalog: Catalog, ids: Iterable[str]) -> str:
    checked = {"read": "", "secondary": "; seen through another text", "recalled": "; recalled from memory"}
    lines = []
    for source in map(catalog.source, ids):
        how = "" if source.kind in ("estimate", "yours") else f" ({source.kind}{checked[source.checked]})"
        about = [source.title + how, source.url, source.note]
        lines.append((source.id, "\n".join(line for line in about if line)))
    return _wrapped_pairs(lines)


def _contradiction_text(c: Contradiction) -> str:
    said = ", ".join(f"{name} {_plain(value)}" for name, value in c.values.items())
    return f"{c.quantity}\n" + _wrapped_pairs(
        [("sources say", said), ("because", c.why), ("used here", c.used), ("sources", ", ".join(c.sources))]
    )


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " to ".join(map(_plain, value)) if len(value) == 2 else ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    return str(value)


def _wrapped_pairs(items: Iterable[tuple[str, str]]) -> str:
    """As `pairs`, with long values wrapped under themselves (addresses stay whole)."""
    listed = list(items)
    room = max((len(name) for name, _ in listed), default=0)
    lines = []
    for name, value in listed:
        for paragraph in value.split("\n"):
            wrapped = textwrap.wrap(
                paragraph, max(24, width() - room - 2), break_long_words=False, break_on_hyphens=False
            )
            for line in wrapped or [""]:
                lines.append((name, line))
                name = ""
    return pairs([(name.ljust(room), line) for name, line in lines])
