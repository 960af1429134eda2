"""What one node or switch takes up: rack units, power, and how it is cooled."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weft.catalog import Part
from weft.fabric.plan import Plan

# A rack unit's panel takes 32 OSFP or QSFP cages: QM9700 has 32 in 1U, SN5600 64 in 2U. Used where the catalog does
# not say how tall a switch is.
CAGES_PER_UNIT = 32
# Where the catalog does not say how tall a server is: DGX A100 and H100 take 6 and 8 units for eight accelerators.
UNITS_PER_ACCELERATOR = 1
# A box draws more than its chip (fans, processor, losses), and a server more than its accelerators.
BOX_OVER_CHIP = 1.5
SERVER_OVER_ACCELERATORS = 1.5
# What a cage may draw where the catalog does not say: the limit of QM9700's (17 W for a twin-port module).
CAGE_POWER_W = 17.0
TYPICAL_SWITCH_W = 1000.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one device takes.

    Attributes:
        name: of the part, for people.
        units: rack units in a rack.
        power_w: the most it draws: what a rack is provisioned for.
        liquid: cooled by liquid only.
        racks: whole racks it fills; 1 where it shares or fills one.
    """

    name: str
    units: int
    power_w: float
    liquid: bool = False
    racks: int = 1


# A front-end or storage server: a planning value.
SERVER = Footprint("server", units=2, power_w=800.0)


def node_footprint(plan: Plan, rack_units: int) -> Footprint:
    """Return what a node takes; a system that fills several racks takes all of each."""
    system = plan.system
    racks = int(system.si("racks")) if system and system.has("racks") else 1
    if racks > 1:
        units = rack_units
    elif system and system.has("rack_u"):
        units = int(system.si("rack_u"))
    else:
        units = min(rack_units, plan.per_node * UNITS_PER_ACCELERATOR)
    liquid = bool(system and system.text("cooling") == "liquid")
    return Footprint(_name(plan), units, _node_power(plan) / racks, liquid, racks)


def _name(plan: Plan) -> str:
    return plan.system.name if plan.system else f"{plan.per_node} x {plan.accelerator.name}"


def _node_power(plan: Plan) -> float:
    """Return the most a node draws, W: as listed, else scaled from its accelerators."""
    for fact in ("power_kw_max", "power_kw_typ", "measured_power_kw"):
        if plan.system and plan.system.has(fact):
            return plan.system.si(fact)
    each_w = plan.accelerator.si("tdp_w") if plan.accelerator.has("tdp_w") else 0.0
    return each_w * plan.per_node * SERVER_OVER_ACCELERATORS


def switch_footprint(switch: Part | None, rack_units: int) -> Footprint:
    """Return what a switch takes: the most its box draws with a module in every cage."""
    if switch is None:
        return Footprint("switch", 1, TYPICAL_SWITCH_W)
    cages = cage_count(switch)
    units = int(switch.si("rack_u")) if switch.has("rack_u") else max(1, math.ceil(cages / CAGES_PER_UNIT))
    optical = switch.kind == "ocs" or switch.text("form") == "system_cpo"
    liquid = switch.text("cooling") == "liquid"
    return Footprint(switch.name, min(units, rack_units), _switch_power(switch, 0 if optical else cages), liquid)


def cage_count(switch: Part) -> int:
    """Return the cages of a switch: as listed, else one a port of its fastest rate."""
    return next((int(switch.si(name)) for name in ("cages_count", "ports_count") if switch.has(name)), CAGES_PER_UNIT)


def _switch_power(switch: Part, cages: int) -> float:
    if switch.has("power_w_max"):
        return switch.si("power_w_max")
    modules_w = cages * (switch.si("cage_power_w") if switch.has("cage_power_w") else CAGE_POWER_W)
    for fact, factor in (("power_w_typ", 1.0), ("power_w", 1.0), ("power_w_chip", BOX_OVER_CHIP)):
        if switch.has(fact):
            return switch.si(fact) * factor + modules_w
    return TYPICAL_SWITCH_W + modules_w
