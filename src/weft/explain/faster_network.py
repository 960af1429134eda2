"""The same fabric with a scale-out network of the next rate at which NICs are made."""

from __future__ import annotations

from dataclasses import replace

from weft.fabric import Fabric
from weft.fabric.tables import Domain


def next_rate_Bps(fabric: Fabric) -> float | None:
    """The lowest rate of the catalog's NICs that is above this network's; None without a network, or at the top."""
    now = fabric.network.rate_Bps if fabric.network.tiers else 0.0
    rates = sorted(part.si("port_gbps") for part in fabric.catalog.parts("nics") if part.has("port_gbps"))
    return next((rate for rate in rates if rate > now * (1 + 1e-9)), None) if now else None


def faster_network(fabric: Fabric, times: float) -> Fabric:
    """Return the fabric with every scale-out link that many times as fast; its shape and latencies stay."""
    classes = tuple(
        replace(each, rate_Bps=each.rate_Bps * times) if each.domain == Domain.SCALE_OUT else each
        for each in fabric.link_classes
    )
    network, whole = fabric.network, fabric.network.bisection_Bps
    tiers = tuple(replace(tier, uplink_Bps=tier.uplink_Bps * times) for tier in network.tiers)
    network = replace(
        network,
        rate_Bps=network.rate_Bps * times,
        tiers=tiers,
        bisection_Bps=None if whole is None else whole * times,
    )
    links = replace(fabric.links, classes=classes)
    return Fabric(fabric.plan, fabric.nodes, links, fabric.parts, network, fabric.placement, fabric.others)
