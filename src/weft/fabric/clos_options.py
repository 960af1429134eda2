"""What users may write about any folded Clos network, and how blanks are filled: switches, ports, protocol, cables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from weft.catalog import Part
from weft.fabric.hardware import (
    find_protocol,
    find_radix,
    find_switch,
    host_rate_Bps,
    switch_latency_s,
    switch_ports,
)
from weft.fabric.media import choose_medium, link_latency_s
from weft.fabric.plan import Plan
from weft.fabric.tables import Domain, LinkClass
from weft.files import Length, Rate, Strict

T = TypeVar("T")
TierName = Literal["leaf", "spine", "core"]
TIERS: tuple[TierName, ...] = ("leaf", "spine", "core")
Oversubscription = Annotated[float, Field(ge=1, le=10_000)]
Ports = Annotated[int, Field(ge=2, le=100_000)]
Bundle = Annotated[int, Field(ge=1, le=100_000)]


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
    breakout: Literal[1, 2, 4, 8] = Field(
        1, description="most links an uplink port may be split into, where leaves outnumber a spine's ports"
    )
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
        split: ports of a spine by the number of links that an uplink port is split into, in ascending order.
    """

    protocol: Part
    rate_Bps: float
    uplink_Bps: float
    switch: dict[str, Part]
    radix: dict[str, int]
    latency_s: dict[str, float]
    links: dict[str, LinkClass]
    split: Mapping[int, int]

    @property
    def reach(self) -> int:
        """The most leaves that two tiers join: a spine's ports, split as far as was allowed."""
        return max(self.split.values())

    def breakout(self, leaves: int) -> int:
        """Return into how many links an uplink port is split: no more than it takes for a spine to reach the leaves."""
        return next((split for split, ports in self.split.items() if ports >= leaves), 1)


def resolve_hardware(
    plan: Plan, options: ClosOptions, *, protocol: str = "roce", lengths_m: Mapping[str, float], sides: int = 1
) -> Hardware:
    """Fill the blanks of a Clos network from the catalog.

    Args:
        plan: the cluster.
        options: what the user wrote.
        protocol: family if neither protocol nor switch is given.
        lengths_m: cable length up to each tier if none is given.
        sides: equal ports that each NIC is split into.

    Raises:
        UnknownName, ConfigError: a part is unknown, or lacks ports of the rate.
        InfeasibleError: no medium reaches.
    """
    catalog = plan.catalog
    rate_Bps = host_rate_Bps(plan, options.rate) / sides
    uplink_Bps = options.uplink_rate or rate_Bps
    part = find_protocol(catalog, options.protocol, pick(options.switch, "leaf", ""), protocol, rate_Bps)
    switch: dict[str, Part] = {}
    radix: dict[str, int] = {}
    latency_s: dict[str, float] = {}
    for tier in TIERS:
        speed = rate_Bps if tier == "leaf" else uplink_Bps
        switch[tier] = find_switch(catalog, pick(options.switch, tier, ""), part, speed)
        radix[tier] = find_radix(switch[tier], pick(options.radix, tier, 0), speed, tier)
        latency_s[tier] = switch_latency_s(switch[tier], part)
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
    split = _split(switch["spine"], radix["spine"], uplink_Bps, options.breakout)
    return Hardware(part, rate_Bps, uplink_Bps, switch, radix, latency_s, links, split)


def _split(switch: Part, ports: int, uplink_Bps: float, most: int) -> dict[int, int]:
    """Return how many links a switch has if every port is split in 1, 2, 4 or 8, up to what its chip allows."""
    found = {1: ports}
    for links in (2, 4, 8):
        if links <= most:
            found[links] = min(ports * links, switch_ports(switch, uplink_Bps / links) or ports)
    return found
