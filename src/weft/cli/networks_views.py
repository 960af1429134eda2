"""The networks of a cluster one by one, as ``weft fabric show`` prints them: compute, long-haul, front-end, storage."""

from __future__ import annotations

from typing import Any

from weft.economics import BillOfMaterials
from weft.fabric import Domain, Fabric
from weft.fabric.scale_out import bisection_Bps
from weft.fabric.tables import SWITCHES
from weft.units import format_count, format_money, format_rate


def networks_json(fabric: Fabric, bill: BillOfMaterials) -> dict[str, Any]:
    """Return each network's counts, by name; ``links_*`` count cables."""
    found: dict[str, Any] = {
        "scale_out": {
            "topology": fabric.network.topology,
            "endpoints": fabric.endpoints,
            "switches": fabric.switches,
            "links_switch_to_switch": fabric.cables(between_switches=True),
            "links_total": fabric.cables(),
            "bisection_Bps": fabric.bisection_Bps,
            **_money(bill, Domain.SCALE_OUT),
        }
    }
    for other in fabric.others:
        kinds = fabric.kinds_in(*other.rows)
        found[other.name] = {
            "topology": other.network.topology,
            "endpoints": other.endpoints,
            "servers": other.servers,
            "switches": sum(kinds.get(kind.label, 0) for kind in SWITCHES),
            "links_switch_to_switch": fabric.cables(other.domain, between_switches=True),
            "links_total": fabric.cables(other.domain),
            "by_kind": kinds,
            "bisection_Bps": bisection_Bps(other.network) if other.network.tiers else 0.0,
            **_money(bill, other.domain),
        }
    if fabric.cables(Domain.LONG_HAUL):
        found["long_haul"] = {
            "sites": [site.name for site in fabric.plan.cluster.sites or []],
            "links_total": fabric.cables(Domain.LONG_HAUL),
            "routes": [
                {
                    "links": link.cables,
                    "rate_Bps": link.rate_Bps,
                    "length_m": link.length_m,
                    "latency_s": link.latency_up_s,
                    "medium": link.medium,
                }
                for link in fabric.link_classes
                if link.domain == Domain.LONG_HAUL
            ],
            **_money(bill, Domain.LONG_HAUL),
        }
    return found


def network_lines(fabric: Fabric, bill: BillOfMaterials) -> list[tuple[str, str]]:
    """Return a line for each network beside the compute network, for people."""
    lines = []
    for name, network in networks_json(fabric, bill).items():
        cost = format_money(network["capital_cost_usd"]["typical"])
        if name == "long_haul":
            links = f"{format_count(network['links_total'])} links"
            lines.append(("long haul", f"{', '.join(network['sites'])}; {links}, {cost}"))
        elif name != "scale_out":
            what = f"{network['topology']}, {format_count(network['endpoints'])} NICs, "
            what += f"{format_count(network['switches'])} switches, {format_count(network['links_total'])} cables, "
            what += f"bisection {format_rate(network['bisection_Bps'])}, {cost}"
            lines.append((name.replace("_", " "), what))
    return lines


def _money(bill: BillOfMaterials, domain: Domain) -> dict[str, Any]:
    """Return cost and power of one network's lines."""
    mine = [line for line in bill.lines if line.domain == domain.label]
    return {
        "capital_cost_usd": {
            name: sum(getattr(line.cost, name) for line in mine) for name in ("low", "typical", "high")
        },
        "power_w": sum(line.power_w.typical for line in mine),
    }
