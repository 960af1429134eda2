"""What ``weft fabric`` prints: for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.catalog import Range
from weft.cli.networks_views import network_lines, networks_json
from weft.cli.places_views import placement_json, placement_lines
from weft.economics import BillOfMaterials
from weft.fabric import Domain, Fabric, LinkClass
from weft.fabric.tables import SWITCHES
from weft.report.terminal import Column, pairs, style, table
from weft.units import format_count, format_duration, format_money, format_power, format_rate


def fabric_json(fabric: Fabric, bill: BillOfMaterials) -> dict[str, Any]:
    """Return ``weft fabric show --json``. ``links_*`` count cables; ``links_total`` those of the scale-out network."""
    return {
        "schema": "weft.fabric/1",
        "name": fabric.name,
        "topology": fabric.network.topology,
        "accelerator": fabric.accelerator,
        "accelerators": fabric.accelerators,
        "endpoints": fabric.endpoints,
        "switches": fabric.switches,
        "links_switch_to_switch": fabric.cables(between_switches=True),
        "links_total": fabric.cables(),
        "links_scale_up": fabric.cables(Domain.SCALE_UP),
        "by_kind": fabric.by_kind,
        "by_medium": fabric.by_medium,
        "bisection_Bps": fabric.bisection_Bps,
        "tiers": tiers(fabric),
        "networks": networks_json(fabric, bill),
        "placement": placement_json(fabric.placement),
        "capital_cost_usd": bill.capital_cost.as_dict(),
        "power_w": bill.network_power_w,
        "missing": list(bill.missing),
        "catalog_revision": fabric.catalog.revision,
    }


def tiers(fabric: Fabric) -> list[dict[str, Any]]:
    """Return the levels two accelerators can be apart, inner to outer."""
    whole = fabric.locality.levels()
    return [
        {
            "name": level.name,
            "domain": level.domain,
            "protocol": level.protocol,
            "units": level.units,
            "accelerators_per_unit": level.accelerators,
            "rate_Bps": level.rate_Bps,
            "latency_s": level.latency_s,
            "oversubscription": level.oversubscription,
        }
        for level in whole
    ]


def fabric_text(fabric: Fabric, bill: BillOfMaterials) -> str:
    """Return ``weft fabric show`` for people."""
    plan = fabric.plan
    node = f"{plan.per_node} × {plan.accelerator.name}" + (f", {plan.nics} × {plan.nic.name}" if plan.nic else "")
    between = format_count(fabric.cables(between_switches=True))
    head = [
        ("nodes", f"{format_count(plan.nodes)} of {node}"),
        ("accelerators", format_count(fabric.accelerators)),
        ("network", fabric.network.topology + (f", {fabric.network.protocol}" if fabric.network.protocol else "")),
        ("switches", _counts(fabric)),
        ("cables", f"{format_count(fabric.cables())}, {between} of them between switches"),
        ("bisection", f"{format_rate(fabric.bisection_Bps)} one way"),
        ("network cost", money(bill.capital_cost)),
        ("network power", power(bill.power_w)),
    ]
    head += network_lines(fabric, bill)
    if fabric.placement is not None:
        head += placement_lines(fabric.placement)
    columns = [Column("level"), Column("units", right=True), Column("accelerators", right=True)]
    columns += [Column(name, right=True) for name in ("rate each", "latency", "oversubscription")]
    levels = table(
        columns,
        [
            (
                tier["name"],
                format_count(tier["units"]),
                format_count(tier["accelerators_per_unit"]),
                format_rate(tier["rate_Bps"]),
                format_duration(tier["latency_s"]),
                f"{tier['oversubscription']:.3g}:1",
            )
            for tier in tiers(fabric)
        ],
    )
    links = table(
        [
            Column("links"),
            Column("count", right=True),
            Column("rate", right=True),
            Column("length", right=True),
            Column("medium", shrinks=True),
        ],
        _link_rows(fabric),
    )
    title = style(fabric.name, "bold")
    return "\n\n".join([title + "\n" + pairs(head), levels, links, *missing(bill)])


def _link_rows(fabric: Fabric) -> list[Sequence[object]]:
    """Return one row for links of a name, rate and medium, whatever their lengths."""
    groups: dict[tuple[str, float, str], list[LinkClass]] = {}
    for link in fabric.link_classes:
        ends = link.medium + (f" / {link.upper_medium}" if link.upper_medium else "")
        groups.setdefault((link.name, link.rate_Bps, ends or link.protocol), []).append(link)
    rows: list[Sequence[object]] = []
    for (name, rate_Bps, medium), links in groups.items():
        lengths = sorted({link.length_m for link in links if link.medium})
        length = f"{lengths[0]:g} m" if len(lengths) == 1 else f"{lengths[0]:g}-{lengths[-1]:g} m" if lengths else ""
        rows.append((name, format_count(sum(c.cables for c in links)), format_rate(rate_Bps), length, medium))
    return rows


def _counts(fabric: Fabric) -> str:
    kinds = [(fabric.by_kind.get(kind.label, 0), kind.label.replace("ocs", "optical")) for kind in SWITCHES]
    listed = ", ".join(f"{format_count(count)} {kind}" for count, kind in kinds if count)
    return f"{format_count(fabric.switches)} ({listed})" if listed else "0"


def money(cost: Range) -> str:
    """``typical (low to high)`` in money."""
    return f"{format_money(cost.typical)} ({format_money(cost.low)} to {format_money(cost.high)})"


def power(power_w: Range) -> str:
    """``typical (low to high)`` in watts."""
    return f"{format_power(power_w.typical)} ({format_power(power_w.low)} to {format_power(power_w.high)})"


def missing(bill: BillOfMaterials) -> list[str]:
    """Say what the catalog could not price, if anything."""
    return [style(f"not in the catalog, counted as zero: {', '.join(bill.missing)}", "yellow")] if bill.missing else []
