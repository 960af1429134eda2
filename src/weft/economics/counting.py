"""Counts a fabric's parts and prices them: the graph in, the bill of materials out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from weft.catalog import Catalog, Part
from weft.economics.bill import BillOfMaterials
from weft.economics.ends import Ends, ends_of
from weft.economics.figures import NOTHING, Figure, figure
from weft.economics.lines import Line
from weft.economics.long_haul import fibre_routes, line_system
from weft.economics.parts import (
    end_power,
    fibre_price,
    is_long_haul,
    is_module,
    planning,
    switch_power,
    switch_price,
)
from weft.economics.spares import spare_lines
from weft.fabric import Domain, Fabric, Kind, LinkClass
from weft.fabric.cabling import LinkPart, link_parts
from weft.fabric.tables import SWITCHES


def bill_of_materials(fabric: Fabric) -> BillOfMaterials:
    """Count and price a fabric's network."""
    count = _Count(fabric.catalog)
    others = [(other.rows, other.domain.label) for other in fabric.others]
    own = others[0][0][0] if others else len(fabric.nodes)
    for rows, domain in (((0, own), "scale-out"), *others):
        _boxes(fabric, count, rows, domain)
    walked = fabric.placement is not None or fabric.plan.cluster.media is not None
    for index, link in enumerate(fabric.link_classes):
        if link.medium and link.domain != Domain.SCALE_UP and not (walked and not count.is_line(link)):
            count.links(fabric, index, link)
    if walked:  # media were chosen for the cages there are: count box by box
        count.parts(link_parts(fabric))
    _scale_up(fabric, count)
    lines = _merged(count.lines)
    racks = [
        count.line("rack", fabric.catalog.get("planning", "rack"), number, _rack_price(fabric.catalog), None, "hall")
        for number in ([fabric.placement.racks] if fabric.placement else [])
    ]
    return BillOfMaterials(
        lines=lines,
        scale_up_lines=_scale_up_switches(fabric),
        missing=tuple(dict.fromkeys(count.missing)),
        spares=spare_lines(fabric.catalog, lines, fabric.plan.cluster.prices.spares),
        racks=tuple(racks),
        rents=_merged(count.rents),
    )


def _boxes(fabric: Fabric, count: _Count, rows: tuple[int, int], domain: str) -> None:
    """Add the switches and NICs of one network."""
    for kind in SWITCHES:
        for part, number in _parts_of(fabric, kind, rows):
            if part.kind == "ocs":
                count.add("ocs", part, number, figure(part, "price_usd"), figure(part, "power_w"), kind.label, domain)
            else:
                price, power = switch_price(part), switch_power(fabric.catalog, part)
                count.add("switch", part, number, price, power, kind.label, domain)
    for part, number in _parts_of(fabric, Kind.NIC, rows):
        count.add("nic", part, number, figure(part, "price_usd"), figure(part, "power_w"), "host", domain)


def _parts_of(fabric: Fabric, kind: Kind, rows: tuple[int, int] | None = None) -> list[tuple[Part, int]]:
    """Return the parts that nodes of a kind are, with their counts; among some rows, or all."""
    here = slice(*rows) if rows else slice(None)
    indices, counts = np.unique(fabric.nodes.part[here][fabric.nodes.kind[here] == kind], return_counts=True)
    return [(fabric.parts[i], int(n)) for i, n in zip(indices, counts, strict=True) if i >= 0]


def _rack_price(catalog: Catalog) -> Figure:
    return planning(catalog, "rack", "price_usd")


def _scale_up_switches(fabric: Fabric) -> tuple[Line, ...]:
    chips = fabric.plan.scale_up.chips
    return tuple(
        Line(
            "scale_up_switch",
            part.id,
            part.name,
            number * chips,
            NOTHING.value,
            NOTHING.value,
            "node",
            part.sources,
            domain="scale-up",
        )
        for part, number in _parts_of(fabric, Kind.SCALE_UP_SWITCH)
    )


def _scale_up(fabric: Fabric, count: _Count) -> None:
    """Add scale-up links that leave the rack: as many cables as carry their bandwidth, and optical switches."""
    cabling = fabric.plan.scale_up.cabling
    if cabling is None:
        return
    medium = fabric.catalog.get("media", cabling.medium)
    for link in fabric.link_classes:
        if link.domain == Domain.SCALE_UP and link.medium:
            per_port = medium.si("rate_gbps_port") / link.rate_Bps if medium.has("rate_gbps_port") else 1.0
            packed = math.floor(per_port + 1e-9) if per_port >= 1 else per_port
            legs = 1 if cabling.ocs is None else 2
            cables = math.ceil(link.cables / packed - 1e-9)
            count.cables(medium, medium, Ends(cables, cables, cables, cables, cables * legs), link.name, "scale-up")
    if cabling.ocs is not None:
        number = cabling.ocs_count * fabric.plan.nodes
        price, power = figure(cabling.ocs, "price_usd"), figure(cabling.ocs, "power_w")
        count.add("ocs", cabling.ocs, number, price, power, "between cubes", "scale-up")


def _merged(lines: list[Line]) -> tuple[Line, ...]:
    """Add up lines of the same part in the same use: cables of one kind that differ in length."""
    found: dict[tuple[str, ...], Line] = {}
    for line in lines:
        key = (line.kind, line.part, line.use, line.domain)
        known = found.get(key)
        found[key] = replace(line, count=line.count + known.count, links=line.links + known.links) if known else line
    return tuple(found.values())


class _Count:
    """Lines as they are added, and what the catalog could not tell."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.lines: list[Line] = []
        self.rents: list[Line] = []
        self.missing: list[str] = []

    def add(
        self,
        kind: str,
        part: Part,
        number: int,
        cost: Figure | None,
        power: Figure | None,
        use: str,
        domain: str = "scale-out",
        links: int = 0,
    ) -> None:
        """Add one line, unless there are none of it."""
        if number:
            self.missing += [f"{part.id} {what}" for what, known in (("price", cost), ("power", power)) if not known]
            self.lines.append(replace(self.line(kind, part, number, cost, power, use, domain), links=links))

    def line(
        self,
        kind: str,
        part: Part,
        number: int,
        cost: Figure | None,
        power: Figure | None,
        use: str,
        domain: str = "scale-out",
    ) -> Line:
        """Make a line; what is unknown counts as zero."""
        cost, power = cost or NOTHING, power or NOTHING
        basis = tuple(dict.fromkeys((*cost.basis, *power.basis)))
        sources = tuple(dict.fromkeys(source for row in basis for source in row.sources)) or part.sources
        return Line(kind, part.id, part.name, number, cost.value, power.value, use, sources, basis, domain)

    def is_line(self, link: LinkClass) -> bool:
        """True for links over long-haul lines."""
        return is_long_haul(self.catalog.get("media", link.medium))

    def parts(self, parts: Iterable[LinkPart]) -> None:
        """Add cables, modules and fibres as they were counted box by box; long-haul lines are counted by `links`."""
        for part in parts:
            medium = self.catalog.get("media", part.medium)
            if is_long_haul(medium):
                continue
            cost, power, domain = figure(medium, "price_usd"), end_power(medium), part.domain.label
            if part.kind == "cable":
                both = power * 2 if power else None
                self.add("cable", medium, part.count, cost, both, part.use, domain, part.links)
            elif part.kind == "module":
                self.add("module", medium, part.count, cost, power, part.use, domain)
            else:
                fibre, price = self.catalog.get("media", "passives_mpo"), fibre_price(self.catalog, medium)
                self.add("fibre", fibre, part.count, price * (1 / part.share), NOTHING, part.use, domain, part.links)

    def links(self, fabric: Fabric, index: int, link: LinkClass) -> None:
        """Add what one class of links takes: cables, modules and fibre, or transponders and their lines."""
        medium = self.catalog.get("media", link.medium)
        use, domain = link.name, link.domain.label
        if not is_long_haul(medium):
            upper = self.catalog.get("media", link.upper_medium) if link.upper_medium else medium
            self.cables(medium, upper, ends_of(link), use, domain)
            return
        cost, power = figure(medium, "price_usd"), end_power(medium)
        self.add("transponder", medium, 2 * link.whole_cables, cost, power, use, domain, link.whole_cables)
        for routes, wavelengths in fibre_routes(fabric, index):
            bought, rented = line_system(self.catalog, medium, wavelengths, link.length_m)
            for item in bought:
                self.add(item.kind, item.part, item.count * routes, item.cost, item.power, use, domain)
            for item in rented:
                self.rents.append(self.line(item.kind, item.part, item.count * routes, item.cost, None, use, domain))

    def cables(self, medium: Part, upper: Part, ends: Ends, use: str, domain: str) -> None:
        """Add the cables, or the modules at both ends and the fibre between them, of one class of links."""
        cost, power = figure(medium, "price_usd"), end_power(medium)
        if not is_module(medium):
            self.add("cable", medium, ends.cables, cost, power * 2 if power else None, use, domain, ends.links)
            return
        self.add("module", medium, ends.lower, cost, power, use, domain)
        self.add("module", upper, ends.upper, figure(upper, "price_usd"), end_power(upper), use, domain)
        fibre = self.catalog.get("media", "passives_mpo")
        price = fibre_price(self.catalog, medium) * (1 / ends.share)
        self.add("fibre", fibre, ends.fibres, price, NOTHING, use, domain, ends.links)
