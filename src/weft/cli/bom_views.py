"""What ``weft fabric bom`` prints: for people, for machines, and for those who ask where a figure comes from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from weft.catalog import Range
from weft.cli.fabric_views import missing, money, power
from weft.economics import BillOfMaterials, Line, Ownership
from weft.economics.explaining import Explanation
from weft.economics.figures import Basis
from weft.fabric import Fabric
from weft.report.terminal import Column, heading, pairs, style, table
from weft.units import format_count, format_energy, format_mass, format_money, format_power

# Networks whose lines need no name: the compute network, and what its uses already tell.
_OWN_DOMAINS = ("scale-out", "scale-up", "long-haul")


def bom_json(
    fabric: Fabric, bill: BillOfMaterials, owned: Ownership, explanations: tuple[Explanation, ...] | None = None
) -> dict[str, Any]:
    """Return ``weft fabric bom --json``; ``explained`` only where asked for."""
    answer = {
        "schema": "weft.bom/1",
        "name": fabric.name,
        "lines": [_line_json(line) for line in bill.lines],
        "scale_up_lines": [_line_json(line) for line in bill.scale_up_lines],
        "capital_cost_usd": bill.capital_cost.as_dict(),
        "power_w": bill.power_w.as_dict(),
        "network_power_w": bill.network_power_w,
        "missing": list(bill.missing),
        "spares": [_line_json(line) for line in bill.spares],
        "racks": [_line_json(line) for line in bill.racks],
        "rents": [_line_json(line) for line in bill.rents],
        "spares_cost_usd": bill.spares_cost.as_dict(),
        "racks_cost_usd": bill.racks_cost.as_dict(),
        "rent_usd_per_year": bill.rent_per_year.as_dict(),
        "total_cost_usd": bill.total_cost.as_dict(),
        "ownership": owned.to_dict(),
        "catalog_revision": fabric.catalog.revision,
    }
    if explanations is not None:
        answer["explained"] = [
            {"what": each.what, "note": each.note, "rows": [_row_json(row) for row in each.rows]}
            for each in explanations
        ]
    return answer


def bom_text(fabric: Fabric, bill: BillOfMaterials, owned: Ownership) -> str:
    """Return ``weft fabric bom`` for people."""
    inside = [f"in the systems' price: {format_count(line.count)} × {line.name}" for line in bill.scale_up_lines]
    totals = [
        ("network cost", money(bill.capital_cost)),
        ("network power", power(bill.power_w)),
        ("spares", money(bill.spares_cost)),
    ]
    totals += [("racks", money(bill.racks_cost))] if bill.racks else []
    totals += [("rents", money(bill.rent_per_year) + " a year")] if bill.rents else []
    title = style(f"{fabric.name}: network", "bold")
    parts = [title + "\n" + _table(bill.lines), "\n".join([pairs(totals), *inside])]
    shelves = [("Spares", bill.spares), ("Racks", bill.racks), ("Rented, by the year", bill.rents)]
    parts += [heading(name) + "\n" + _table(lines) for name, lines in shelves if lines]
    return "\n\n".join([*parts, _owned(owned), *missing(bill)])


def explained_text(explanations: Iterable[Explanation]) -> str:
    """Return every figure with the catalog rows behind it."""
    columns = [Column("part", shrinks=True), Column("fact", shrinks=True)]
    columns += [Column(name, right=True) for name in ("low", "typical", "high")]
    columns += [Column("unit"), Column("sources", shrinks=True), Column("trust", shrinks=True)]
    blocks = []
    for each in explanations:
        lines = [style(each.what, "bold") + (f": {each.note}" if each.note else "")]
        if each.rows:
            lines.append(table(columns, [_cells(row) for row in each.rows]))
        blocks.append("\n".join(lines))
    return "\n\n".join([heading("What the figures rest on"), *blocks])


def bom_csv(bill: BillOfMaterials) -> str:
    """Return the lines as CSV, units in the column names; spares are on the first line of their part."""
    columns = bill.to_table()
    spares = {(line.use, line.part): line.count for line in bill.spares}
    columns["spares"] = [spares.pop((line.kind, line.part), 0) for line in bill.lines]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _table(lines: tuple[Line, ...]) -> str:
    columns = [Column("kind"), Column("part", shrinks=True), Column("use", shrinks=True)]
    columns += [Column(name, right=True) for name in ("count", "each", "cost", "power")]
    columns.append(Column("sources", shrinks=True))
    rows = [
        (
            line.kind,
            line.part,
            line.use if line.domain in _OWN_DOMAINS else f"{line.domain} {line.use}",
            format_count(line.count),
            format_money(line.unit_cost.typical),
            format_money(line.cost.typical),
            format_power(line.power_w.typical),
            ", ".join(line.sources),
        )
        for line in lines
    ]
    return table(columns, rows)


def _owned(owned: Ownership) -> str:
    endpoint, bisection = owned.network_cost_per_endpoint, owned.network_cost_per_Gbps
    items = [
        ("systems", money(owned.systems_cost)),
        ("systems and network", money(owned.capital_cost)),
        ("power from the grid", f"{power(owned.grid_power_w)} at PUE {owned.pue:g}"),
        ("energy a year", f"{format_energy(owned.energy_per_year.typical)}, {money(owned.energy_cost_per_year)}"),
        ("carbon a year", _mass(owned.carbon_per_year)),
        (f"{owned.years:g} years, all told", money(owned.total_cost)),
        (f"{owned.years:g} years, network alone", money(owned.network_total_cost)),
        ("network per accelerator", money(owned.network_cost_per_accelerator)),
        ("network per endpoint", money(endpoint) if endpoint else "-"),
        ("network per Gb/s of bisection", money(bisection) if bisection else "-"),
    ]
    return heading("Owning it") + "\n" + pairs(items)


def _mass(kg: Range) -> str:
    return f"{format_mass(kg.typical)} ({format_mass(kg.low)} to {format_mass(kg.high)}) of CO2"


def _cells(row: Basis) -> tuple[str, ...]:
    low, typical, high = (f"{value:g}" for value in (row.published.low, row.published.typical, row.published.high))
    trust = ", ".join((row.confidence, *row.flags))
    return row.part, row.fact, low, typical, high, row.unit, ", ".join(row.sources), trust


def _row_json(row: Basis) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "part": row.part,
        "fact": row.fact,
        **row.published.as_dict(),
        "unit": row.unit,
        "sources": list(row.sources),
        "confidence": row.confidence,
        "flags": list(row.flags),
    }


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "part": line.part,
        "name": line.name,
        "use": line.use,
        "domain": line.domain,
        "count": line.count,
        "unit_cost_usd": line.unit_cost.as_dict(),
        "cost_usd": line.cost.as_dict(),
        "unit_power_w": line.unit_power_w.as_dict(),
        "power_w": line.power_w.as_dict(),
        "sources": list(line.sources),
    }
