"""Scale-up switches: which, how many, and whether they are large enough.

NVLink: as many as the system has (NVL72: 18 of 72 ports), or as many as the accelerators' links have ports. A domain of
more accelerators than a chip has ports takes a plane for each link of an accelerator, every plane two tiers of chips:
n / (p / 2) below, n / p above, drawn as one switch.
UALink: an accelerator's lanes are bundled into stations of four, two or one; each plane is one switch that every
accelerator has one bundle to. The widest bundle is taken that leaves the switch a port for every accelerator, so a
switch of L lanes joins L accelerators, at most 1,024 (UALink 200G 1.0: 10-bit addresses, one tier of switches).
"""

from __future__ import annotations

import math

from weft.catalog import Catalog, Part
from weft.errors import InfeasibleError
from weft.fabric.lookup import named_part
from weft.fabric.spec import ScaleUp

_BUNDLES = (4, 2, 1)


def plan_switches(
    asked: ScaleUp, kind: str, catalog: Catalog, system: Part | None, protocol: Part, per_node: int, rate_Bps: float
) -> tuple[Part | None, int]:
    """Return the scale-up switch and how many a domain has; (None, 0) for kinds without.

    Raises:
        UnknownName: an unknown switch.
        InfeasibleError: the pod is larger than the protocol or the switch allows.
    """
    if kind == "ualink":
        return _ualink(asked, catalog, protocol, per_node, rate_Bps)
    return _nvswitch(asked, catalog, system, protocol, per_node) if kind == "nvswitch" else (None, 0)


def _nvswitch(
    asked: ScaleUp, catalog: Catalog, system: Part | None, protocol: Part, per_node: int
) -> tuple[Part | None, int]:
    """As asked, as the system says (where the domain is no larger), or as the accelerators' links demand."""
    whole = system is not None and system.has("accelerators") and per_node <= int(system.si("accelerators"))
    alike = (other.text("scale_up_switch") for other in catalog.parts("systems") if _speaks(other, protocol))
    usual = system.text("scale_up_switch") if system else None
    name = asked.switch or usual or next((other for other in alike if other), None)
    switch = named_part(catalog, "switches", name, "node.scale_up.switch") if name else None
    if asked.switches:
        return switch, asked.switches
    if system and system.has("scale_up_switches") and whole:
        return switch, int(system.si("scale_up_switches"))
    if switch and switch.has("ports_count") and protocol.has("links_per_gpu"):
        planes = int(protocol.si("links_per_gpu"))
        return switch, min(planes, math.ceil(per_node * planes / switch.si("ports_count")))
    return switch, 1


def chips(switch: Part | None, per_node: int) -> int:
    """Return how many chips one drawn switch is: one, or two tiers of them where it joins more than a chip can."""
    if switch is None or not switch.has("ports_count") or per_node <= switch.si("ports_count"):
        return 1
    ports = int(switch.si("ports_count"))
    return math.ceil(per_node / (ports // 2)) + math.ceil(per_node / ports)


def _speaks(system: Part, protocol: Part) -> bool:
    return system.text("scale_up_protocol") == protocol.id


def _ualink(asked: ScaleUp, catalog: Catalog, protocol: Part, per_node: int, rate_Bps: float) -> tuple[Part, int]:
    most = int(protocol.si("max_endpoints")) if protocol.has("max_endpoints") else 1024
    if per_node > most:
        raise InfeasibleError(f"node.accelerators: {protocol.name} joins at most {most:,}, not {per_node:,}")
    switch = named_part(catalog, "switches", asked.switch or "ualink_switch_1024", "node.scale_up.switch")
    lane_Bps = protocol.si("lane_gbps") if protocol.has("lane_gbps") else 25e9
    lanes = round(switch.si("capacity_tbps") / lane_Bps)
    if per_node > lanes:
        raise InfeasibleError(
            f"node.scale_up.switch: {switch.id} has {lanes} lanes, too few for {per_node} accelerators; "
            "take a larger switch or a smaller pod"
        )
    bundle = next(width for width in _BUNDLES if lanes // width >= per_node)
    return switch, asked.switches or max(1, round(rate_Bps / (lane_Bps * bundle)))
