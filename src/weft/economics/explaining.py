"""What each figure rests on: for every line of a bill, and for what owning costs, the catalog rows behind it."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Range
from weft.economics.bill import BillOfMaterials
from weft.economics.figures import Basis, figure
from weft.economics.systems import system_power, system_price
from weft.fabric import Fabric


@dataclass(frozen=True, slots=True)
class Explanation:
    """A figure's name and its rows.

    Attributes:
        what: such as ``switch nv_qm9700 (leaf)``.
        rows: the catalog rows.
        note: what else goes into it, such as a value from the cluster file.
    """

    what: str
    rows: tuple[Basis, ...]
    note: str = ""


def explain(fabric: Fabric, bill: BillOfMaterials) -> tuple[Explanation, ...]:
    """Return the rows behind every line, in the bill's order, then those behind systems, energy and carbon."""
    found = [
        Explanation(f"{line.kind} {line.part} ({line.use})", line.basis, _about(line.part, bill))
        for line in bill.everything
    ]
    name = (fabric.plan.system or fabric.plan.accelerator).id
    for what, each in (("price", system_price(fabric)), ("power", system_power(fabric))):
        found.append(Explanation(f"{what} of {name}", each.basis if each else (), "" if each else "not in the catalog"))
    prices = fabric.plan.cluster.prices
    used = (
        ("energy price", "energy", "price_usd_per_kwh", prices.energy, f"{prices.energy * 3.6e6:g} USD/kWh used"),
        ("PUE", "building", "pue_x", prices.pue, f"{prices.pue:g} used"),
        ("carbon intensity", "energy", "carbon_kg_per_kwh", prices.carbon, f"{prices.carbon * 3.6e6:g} kg/kWh used"),
    )
    for label, part, fact, value, note in used:
        row = figure(fabric.catalog.get("planning", part), fact)
        assert row is not None
        own = not _close(value, row.value)
        found.append(Explanation(label, () if own else row.basis, f"{note}, from the cluster file" if own else note))
    return tuple(found)


def _about(part: str, bill: BillOfMaterials) -> str:
    lacking = [each.removeprefix(f"{part} ") for each in bill.missing if each.startswith(f"{part} ")]
    return f"not in the catalog, counted as zero: {', '.join(lacking)}" if lacking else ""


def _close(value: float, known: Range) -> bool:
    return abs(value - known.typical) <= 1e-9 * known.typical
