"""The bill of materials of a cluster's scale-out network: switches, NICs, cables or modules and fibre.

Prices are list or street prices of single parts as the catalog has them: no volume discount, support, racks or labour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from weft.catalog import Catalog, Part, Range
from weft.economics.parts import ZERO, fibre_price, is_module, price, switch_power, switch_price
from weft.fabric import Domain, Fabric, Kind
from weft.fabric.tables import SWITCHES


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of part.

    Attributes:
        kind: ``switch``, ``nic``, ``cable`` (both ends in one), ``module`` (one at each end), ``fibre`` (between
            modules) or ``scale_up_switch``.
        part: catalog id.
        name: for people.
        count: how many.
        unit_cost: USD each.
        unit_power_w: drawn by each: a cable's both ends, a module's own.
        use: where it goes, such as ``leaf`` or ``leaf-spine``.
        sources: ids of the sources of price and power.
    """

    kind: str
    part: str
    name: str
    count: int
    unit_cost: Range
    unit_power_w: Range
    use: str = ""
    sources: tuple[str, ...] = ()

    @property
    def cost(self) -> Range:
        """USD for all of them."""
        return self.unit_cost * self.count

    @property
    def power_w(self) -> Range:
        """Watts of all of them."""
        return self.unit_power_w * self.count


@dataclass(frozen=True, slots=True)
class BillOfMaterials:
    """What a cluster's network is made of.

    Attributes:
        lines: of the scale-out network.
        scale_up_lines: scale-up switches; their price is part of the systems'.
        missing: prices and powers the catalog does not have, such as ``cisco_g300 price``; counted as zero.
    """

    lines: tuple[Line, ...]
    scale_up_lines: tuple[Line, ...]
    missing: tuple[str, ...]

    @property
    def capital_cost(self) -> Range:
        """USD for the scale-out network: switches, NICs, cables, modules, fibre."""
        return total(line.cost for line in self.lines)

    @property
    def power_w(self) -> Range:
        """Watts of the scale-out network: switches, NICs, and the modules at both ends of every link."""
        return total(line.power_w for line in self.lines)

    @property
    def network_power_w(self) -> float:
        """The typical value of `power_w`."""
        return self.power_w.typical

    @property
    def cables(self) -> int:
        """How many links the lines cover: cables, and fibres between modules."""
        return sum(line.count for line in self.lines if line.kind in ("cable", "fibre"))

    def cost_of(self, *kinds: str) -> Range:
        """Return USD for lines of these kinds."""
        return total(line.cost for line in self.lines if line.kind in kinds)

    def power_of(self, *kinds: str) -> Range:
        """Return watts of lines of these kinds."""
        return total(line.power_w for line in self.lines if line.kind in kinds)

    def to_table(self) -> dict[str, list[str | int | float]]:
        """Return the lines as columns, units in their names."""
        columns: dict[str, list[str | int | float]] = {}
        for line in self.lines:
            row: dict[str, str | int | float] = {
                "kind": line.kind,
                "part": line.part,
                "name": line.name,
                "use": line.use,
                "count": line.count,
                "unit_cost_usd": line.unit_cost.typical,
                "unit_power_w": line.unit_power_w.typical,
                "cost_low_usd": line.cost.low,
                "cost_usd": line.cost.typical,
                "cost_high_usd": line.cost.high,
                "power_w": line.power_w.typical,
                "sources": " ".join(line.sources),
            }
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
        return columns


def total(ranges: Iterable[Range]) -> Range:
    """Add ranges; zero if there are none."""
    return sum(ranges, ZERO)


def bill_of_materials(fabric: Fabric) -> BillOfMaterials:
    """Count and price a fabric's scale-out network."""
    bill = _Bill(fabric.catalog)
    for kind in SWITCHES:
        for part, count in _parts_of(fabric, kind):
            bill.add("switch", part, count, switch_price(part), switch_power(part), kind.label)
    for part, count in _parts_of(fabric, Kind.NIC):
        power_w = part.si_range("power_w") if part.has("power_w") else None
        bill.add("nic", part, count, price(part, "price_usd"), power_w, "host")
    for link in fabric.link_classes:
        if link.domain == Domain.SCALE_OUT:
            bill.add_links(fabric.catalog.get("media", link.medium), link.cables, link.name)
    scale_up = [
        Line("scale_up_switch", part.id, part.name, count, ZERO, ZERO, "node", part.sources)
        for part, count in _parts_of(fabric, Kind.SCALE_UP_SWITCH)
    ]
    return BillOfMaterials(tuple(bill.lines), tuple(scale_up), tuple(dict.fromkeys(bill.missing)))


def _parts_of(fabric: Fabric, kind: Kind) -> list[tuple[Part, int]]:
    """Return the parts that nodes of a kind are, with their counts."""
    indices, counts = np.unique(fabric.nodes.part[fabric.nodes.kind == kind], return_counts=True)
    return [(fabric.parts[i], int(n)) for i, n in zip(indices, counts, strict=True) if i >= 0]


class _Bill:
    """Lines as they are added, and what the catalog could not tell."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.lines: list[Line] = []
        self.missing: list[str] = []

    def add(self, kind: str, part: Part, count: int, cost: Range | None, power_w: Range | None, use: str) -> None:
        """Add one line, unless there are none of it."""
        if not count:
            return
        self.missing += [f"{part.id} {what}" for what, known in (("price", cost), ("power", power_w)) if known is None]
        self.lines.append(Line(kind, part.id, part.name, count, cost or ZERO, power_w or ZERO, use, _sources(part)))

    def add_links(self, medium: Part, links: int, use: str) -> None:
        """Add the cables, or the modules and fibres, of one class of links."""
        cost = price(medium, "price_usd")
        end_w = medium.si_range("power_w_per_end") if medium.has("power_w_per_end") else None
        if not is_module(medium):
            self.add("cable", medium, links, cost, None if end_w is None else end_w * 2, use)
            return
        self.add("module", medium, 2 * links, cost, end_w, use)
        fibre = self.catalog.get("media", "passives_mpo")
        self.add("fibre", fibre, links, fibre_price(self.catalog, medium), ZERO, use)


def _sources(part: Part) -> tuple[str, ...]:
    """Return the sources behind a part's price and power, in order; not those of figures derived from them."""
    names = [
        name for name in part.facts if name.startswith(("price_usd", "power_w")) and not name.endswith("_per_gbps")
    ]
    facts = [part.facts[name] for name in names]
    return tuple(dict.fromkeys(source for fact in facts for source in fact.sources))
