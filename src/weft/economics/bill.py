"""The bill of materials of a cluster's network: switches, NICs, cables or modules and fibre, optical switches,
long-haul transponders with their lines, racks and spares.

Prices are list or street prices of single parts as the catalog has them: no volume discount, support or labour. The
network in service is ``lines``; spares, racks and rented fibre are listed beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Range
from weft.economics.lines import Line, total


@dataclass(frozen=True, slots=True)
class BillOfMaterials:
    """What a cluster's network is made of.

    Attributes:
        lines: the network in service: scale-out, and scale-up links that leave the rack.
        scale_up_lines: scale-up switches; their price is part of the systems'.
        missing: prices and powers the catalog does not have, such as ``cisco_g300 price``; counted as zero.
        spares: kept on the shelf.
        racks: that everything stands in, where nodes have places.
        rents: what is paid for by the year, such as dark fibre; ``cost`` is a year's.
    """

    lines: tuple[Line, ...]
    scale_up_lines: tuple[Line, ...]
    missing: tuple[str, ...]
    spares: tuple[Line, ...] = ()
    racks: tuple[Line, ...] = ()
    rents: tuple[Line, ...] = ()

    @property
    def capital_cost(self) -> Range:
        """USD for the network in service: switches, NICs, cables, modules, fibre."""
        return total(line.cost for line in self.lines)

    @property
    def spares_cost(self) -> Range:
        """USD for the spares."""
        return total(line.cost for line in self.spares)

    @property
    def racks_cost(self) -> Range:
        """USD for racks."""
        return total(line.cost for line in self.racks)

    @property
    def total_cost(self) -> Range:
        """USD for the network in service, spares and racks."""
        return self.capital_cost + self.spares_cost + self.racks_cost

    @property
    def rent_per_year(self) -> Range:
        """USD a year for what is rented."""
        return total(line.cost for line in self.rents)

    @property
    def power_w(self) -> Range:
        """Watts of the network in service: switches, NICs, and the modules at both ends of every link."""
        return total(line.power_w for line in self.lines)

    @property
    def network_power_w(self) -> float:
        """The typical value of `power_w`."""
        return self.power_w.typical

    @property
    def cables(self) -> int:
        """How many links the lines cover, those of scale-up networks left out."""
        return sum(line.links for line in self.lines if line.domain != "scale-up")

    @property
    def everything(self) -> tuple[Line, ...]:
        """All that is bought or rented, line by line."""
        return (*self.lines, *self.spares, *self.racks, *self.rents)

    def cost_of(self, *kinds: str) -> Range:
        """Return USD for lines of these kinds."""
        return total(line.cost for line in self.lines if line.kind in kinds)

    def power_of(self, *kinds: str) -> Range:
        """Return watts of lines of these kinds."""
        return total(line.power_w for line in self.lines if line.kind in kinds)

    def to_table(self) -> dict[str, list[str | int | float]]:
        """Return the lines in service as columns, units in their names."""
        return lines_table(self.lines)


def lines_table(lines: tuple[Line, ...]) -> dict[str, list[str | int | float]]:
    """Return lines as columns, units in their names."""
    columns: dict[str, list[str | int | float]] = {}
    for line in lines:
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
            "domain": line.domain,
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns
