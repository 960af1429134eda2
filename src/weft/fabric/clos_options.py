"""What users may write about any folded Clos network, and how blanks are filled: switches, ports, protocol, cables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from weft.catalog import Catalog, Part
from weft.errors import ConfigError, UnknownName
from weft.fabric.lookup import named_part
from weft.fabric.media import choose_medium, link_latency_s
from weft.fabric.plan import Plan
from weft.fabric.tables import Domain, LinkClass
from weft.files import Length, Rate, Strict
from weft.units import format_rate

T = TypeVar("T")
TierName = Literal["leaf", "spine", "core"]
TIERS: tuple[TierName, ...] = ("leaf", "spine", "core")
Oversubscription = Annotated[float, Field(ge=1, le=10_000)]
Ports = Annotated[int, Field(ge=2, le=100_000)]
Bundle = Annotated[int, Field(ge=1, le=100_000)]

# Where the catalog gives neither the switch's nor the protocol's port-to-port latency.
TYPICAL_SWITCH_LATENCY_S = 7e-7
_PORTS = re.compile(r"(\d+)x(\d+(?:\.\d+)?)([GT])")
_SWITCHES = {  # protocol family -> (fastest port in Gb/s, catalog switch), slowest first
    "infiniband": ((200, "nv_qm8700"), (400, "nv_qm9700"), (800, "nv_q3400")),
    "ethernet": ((800, "arista_7060x6_64pe"), (1600, "arista_7060xe7_64ps")),
}


class ClosOptions(Strict):
    """Options that every folded Clos shares. One value holds for all tiers; a mapping (``spine: ...``) for one.

    ``medium`` and ``length`` are of the cables that lead up to a tier: ``leaf`` host to leaf, ``spine`` leaf to spine.
    """

    protocol: str | None = Field(None, description="roce, infiniband or a catalog protocol id; default from the switch")
    rate: Rate | None = Field(None, gt=0, description="host port rate; default from the NIC")
    uplink_rate: Rate | None = Field(None, gt=0, description="rate of links between switches; default: rate")
    switch: str | dict[TierName, str] | None = Field(
        None, description="catalog switch id; default by protocol and rate"
    )
    radix: Ports | dict[TierName, Ports] | None = Field(None, description="ports per switch; default from the switch")
    oversubscription: Oversubscription | dict[Literal["leaf", "spine"], Oversubscription] = Field(
        1.0, description="bandwidth down over bandwidth up at a switch of the tier; 1 is non-blocking"
    )
    bundle: Bundle | dict[Literal["spine", "core"], Bundle] | None = Field(
        None, description="parallel links between a switch and each one above it; default: as many as fit"
    )
    medium: str | dict[TierName, str] | None = Field(None, description="catalog medium id; default by length and rate")
    length: Length | dict[TierName, Length] | None = Field(None, description="cable length, such as 30m")
    in_network_reduction: bool = Field(False, description="switches reduce collectives (SHARP)")


def pick(value: T | Mapping[Any, T] | None, tier: str, default: T) -> T:
    """Return the value of one tier from an option that holds for all tiers or for some."""
    if isinstance(value, Mapping):
        return value.get(tier, default)
    return default if value is None else value


@dataclass(frozen=True)
class Hardware:
    """The parts of a Clos network.

    Attributes:
        protocol: catalog protocol.
        rate_Bps: of a host port.
        uplink_Bps: of a link between switches.
        switch: by tier.
        radix: by tier: leaf ports are counted at ``rate_Bps``, the others at ``uplink_Bps``.
        latency_s: of the switch, port to port, by tier.
        links: link class that leads up to each tier.
    """

    protocol: Part
    rate_Bps: float
    uplink_Bps: float
    switch: dict[str, Part]
    radix: dict[str, int]
    latency_s: dict[str, float]
    links: dict[str, LinkClass]


def resolve_hardware(
    plan: Plan, options: ClosOptions, *, protocol: str = "roce", lengths_m: Mapping[str, float]
) -> Hardware:
    """Fill the blanks of a Clos network from the catalog.

    Args:
        plan: the cluster.
        options: what the user wrote.
        protocol: family if neither protocol nor switch is given.
        lengths_m: cable length up to each tier if none is given.

    Raises:
        UnknownName, ConfigError: a part is unknown, or lacks ports of the rate.
        InfeasibleError: no medium reaches.
    """
    catalog = plan.catalog
    if plan.nic is None:
        raise ConfigError("the nodes have no NIC; set nic, or nics above 0", field="node.nics")
    rate_Bps = options.rate or plan.nic_rate_Bps
    if rate_Bps > plan.nic_rate_Bps * (1 + 1e-9):
        raise ConfigError(
            f"{format_rate(rate_Bps)} is more than a port of {plan.nic.name} gives, {format_rate(plan.nic_rate_Bps)}",
            field="scale_out.rate",
        )
    uplink_Bps = options.uplink_rate or rate_Bps
    named = pick(options.switch, "leaf", "")
    family = named_part(catalog, "switches", named, "scale_out.switch").text("protocol") if named else None
    part = _protocol(catalog, options.protocol or family or protocol, rate_Bps)
    switch: dict[str, Part] = {}
    radix: dict[str, int] = {}
    latency_s: dict[str, float] = {}
    for tier in TIERS:
        speed = rate_Bps if tier == "leaf" else uplink_Bps
        switch[tier] = _switch(catalog, options, tier, part, speed)
        radix[tier] = _radix(switch[tier], pick(options.radix, tier, 0), speed, tier)
        latency_s[tier] = _switch_latency(switch[tier], part)
    links: dict[str, LinkClass] = {}
    for below, tier in zip(("nic", "leaf", "spine"), TIERS, strict=True):
        speed = rate_Bps if tier == "leaf" else uplink_Bps
        length_m = pick(options.length, tier, lengths_m[tier])
        medium = choose_medium(catalog, speed, length_m, pick(options.medium, tier, "") or None, "scale_out.medium")
        cable_s = link_latency_s(catalog, medium, part, length_m)
        links[tier] = LinkClass(
            name=f"{below}-{tier}",
            domain=Domain.SCALE_OUT,
            protocol=part.id,
            rate_Bps=speed,
            latency_up_s=cable_s + latency_s[tier],
            latency_down_s=cable_s + latency_s.get(below, 0.0),
            medium=medium.id,
            length_m=length_m,
        )
    return Hardware(part, rate_Bps, uplink_Bps, switch, radix, latency_s, links)


def _protocol(catalog: Catalog, asked: str, rate_Bps: float) -> Part:
    """Return the catalog protocol: by id, or of a family at a rate (the next faster where none has exactly that)."""
    families = {"roce": "ethernet_roce", "ethernet": "ethernet_roce", "infiniband": "infiniband", "ib": "infiniband"}
    if asked not in families:
        try:
            return catalog.get("protocols", asked)
        except UnknownName as error:
            raise UnknownName("protocol", asked, [*families, *error.known], field="scale_out.protocol") from None
    known = [p for p in catalog.parts("protocols") if p.text("family") == families[asked] and p.has("port_gbps")]
    fast = [p for p in known if p.si("port_gbps") >= rate_Bps * (1 - 1e-9)]
    return min(fast, key=lambda p: p.si("port_gbps")) if fast else max(known, key=lambda p: p.si("port_gbps"))


def _switch(catalog: Catalog, options: ClosOptions, tier: str, protocol: Part, rate_Bps: float) -> Part:
    asked = pick(options.switch, tier, "")
    if asked:
        return named_part(catalog, "switches", asked, "scale_out.switch")
    family = "infiniband" if protocol.text("family") == "infiniband" else "ethernet"
    for fastest_gbps, name in _SWITCHES[family]:
        if rate_Bps <= fastest_gbps * 1e9 / 8 * (1 + 1e-9):
            return catalog.get("switches", name)
    raise ConfigError(f"no {family} switch is known for {format_rate(rate_Bps)}; name one", field="scale_out.switch")


def _radix(switch: Part, asked: int, rate_Bps: float, tier: str) -> int:
    """Return the ports of a switch at a rate, or fewer if asked."""
    ports = switch_ports(switch, rate_Bps)
    if asked and ports and asked > ports:
        raise ConfigError(
            f"{switch.id} has {ports} ports of {format_rate(rate_Bps)}, {asked} were asked for ({tier}); "
            "name a larger switch",
            field="scale_out.radix",
        )
    if not asked and not ports:
        raise ConfigError(
            f"the catalog does not say how many ports of {format_rate(rate_Bps)} {switch.id} has; give the number",
            field="scale_out.radix",
        )
    return asked or ports


def switch_ports(switch: Part, rate_Bps: float) -> int:
    """Return how many ports of a rate a switch has: as listed, else its capacity over the rate; 0 if unknown.

    Raises:
        ConfigError: all its ports are slower.
    """
    listed = {}
    for count, speed, unit in _PORTS.findall(switch.text("ports") or ""):
        listed[float(speed) * (1e9 if unit == "G" else 1e12) / 8] = int(count)
    for speed_Bps, count in listed.items():
        if abs(speed_Bps - rate_Bps) <= 1e-6 * rate_Bps:
            return count
    if listed and max(listed) < rate_Bps:
        raise ConfigError(
            f"{switch.id} has ports of {format_rate(max(listed))}, too slow for {format_rate(rate_Bps)}",
            field="scale_out.switch",
        )
    if not switch.has("capacity_tbps"):
        return 0
    ports = int(switch.si("capacity_tbps") / rate_Bps * (1 + 1e-9))
    return min(ports, int(switch.si("radix_max"))) if switch.has("radix_max") else ports


def _switch_latency(switch: Part, protocol: Part) -> float:
    if switch.has("latency_ns"):
        return switch.si("latency_ns")
    return protocol.si("latency_ns_switch") if protocol.has("latency_ns_switch") else TYPICAL_SWITCH_LATENCY_S
