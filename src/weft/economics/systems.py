"""What one node costs and draws: its system, or its bare accelerators where the catalog has no priced system."""

from __future__ import annotations

from weft.economics.figures import Figure, figure
from weft.economics.parts import planning
from weft.fabric import Fabric


def system_price(fabric: Fabric) -> Figure | None:
    """Return USD of one node; None where the catalog cannot tell. Part of a listed system costs its share."""
    plan = fabric.plan
    whole = figure(plan.system, "price_usd") if plan.system else None
    if whole is not None and plan.system is not None and plan.system.has("accelerators"):
        listed = plan.system.si("accelerators")
        return whole if listed == plan.per_node else whole * (plan.per_node / listed)
    if whole is not None:
        return whole
    bare = figure(plan.accelerator, "price_usd")
    return bare * plan.per_node if bare else None


def system_power(fabric: Fabric) -> Figure | None:
    """Return watts of one node under load: typical if known, else the most it draws, else scaled from accelerators."""
    plan = fabric.plan
    found = figure(plan.system, "power_kw_typ", "measured_power_kw", "power_kw_max") if plan.system else None
    if found is not None and plan.system is not None:
        listed = plan.system.si("accelerators") if plan.system.has("accelerators") else plan.per_node
        return found if listed == plan.per_node else found * (plan.per_node / listed)
    tdp = figure(plan.accelerator, "tdp_w")
    if tdp is None:
        return None
    return tdp * plan.per_node * planning(fabric.catalog, "power_margins", "server_over_accelerators_x")
