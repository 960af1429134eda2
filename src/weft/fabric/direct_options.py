"""What users may write about any direct network, and how blanks are filled: the router, its ports, the cables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from weft.catalog import Part
from weft.errors import InfeasibleError
from weft.fabric.clos_options import Ports, pick
from weft.fabric.hardware import find_protocol, find_radix, find_switch, host_rate_Bps, switch_latency_s
from weft.fabric.media import choose_medium, link_latency_s
from weft.fabric.plan import Plan
from weft.fabric.tables import Domain, LinkClass
from weft.files import Length, Rate, Strict
from weft.units import format_count

Use = Literal["host", "local", "global"]
HostPorts = Annotated[int, Field(ge=1, le=100_000)]
Bundle = Annotated[int, Field(ge=1, le=100_000)]

LENGTHS_M: Mapping[Use, float] = {"host": 3.0, "local": 10.0, "global": 50.0}
NAMES: Mapping[Use, str] = {"host": "nic-router", "local": "router-router", "global": "group-group"}
MAX_ROUTERS = 4_000_000
MAX_CABLES = 200_000_000  # 20 bytes each


class DirectOptions(Strict):
    """Options that every direct network shares.

    ``medium`` and ``length`` hold for all cables, or for one use of them: ``host`` to the router, ``local`` between
    routers, ``global`` between groups of routers.
    """

    protocol: str | None = Field(None, description="roce, infiniband or a catalog protocol id; default from the switch")
    rate: Rate | None = Field(None, gt=0, description="host port rate; default from the NIC")
    uplink_rate: Rate | None = Field(None, gt=0, description="rate of links between routers; default: rate")
    switch: str | None = Field(None, description="catalog switch id of the routers; default by protocol and rate")
    radix: Ports | None = Field(None, description="ports per router; default from the switch")
    p: HostPorts | None = Field(None, description="host ports per router; default: as few as hold every NIC")
    medium: str | dict[Use, str] | None = Field(None, description="catalog medium id; default by length and rate")
    length: Length | dict[Use, Length] | None = Field(None, description="cable length, such as 10m")


@dataclass(frozen=True)
class DirectHardware:
    """The parts of a direct network.

    Attributes:
        protocol: catalog protocol.
        rate_Bps: of a host port.
        uplink_Bps: of a link between routers.
        switch: catalog switch that the routers are.
        radix: its ports, counted at ``rate_Bps``.
        latency_s: of a router, port to port.
        links: link class by use.
    """

    protocol: Part
    rate_Bps: float
    uplink_Bps: float
    switch: Part
    radix: int
    latency_s: float
    links: Mapping[Use, LinkClass]

    def ports(self, hosts: float, links: float) -> int:
        """Return how many ports of the host rate a router needs: faster or slower links count by their rate."""
        return math.ceil(hosts + links * self.uplink_Bps / self.rate_Bps - 1e-9)

    def most_hosts(self, links: float) -> int:
        """Return how many host ports are left beside some links to other routers; may be negative."""
        return math.floor(self.radix - links * self.uplink_Bps / self.rate_Bps + 1e-9)

    def check_ports(self, hosts: int, links: int, mend: str, what: str = "a router") -> None:
        """Refuse a router with more ports than its switch has.

        Raises:
            InfeasibleError: says how many it needs, and ``mend``.
        """
        needed = self.ports(hosts, links)
        if needed > self.radix:
            raise InfeasibleError(
                f"scale_out: {what} needs {format_count(needed)} ports ({format_count(hosts)} to hosts, "
                f"{format_count(links)} to others), {self.switch.name} has {self.radix}; "
                f"{mend} or name a larger switch"
            )


def check_size(routers: int, cables: int) -> None:
    """Refuse a network that would not fit in memory before anything is allocated.

    Raises:
        InfeasibleError: it has more routers or cables than Weft builds.
    """
    for count, most, what in ((routers, MAX_ROUTERS, "routers"), (cables, MAX_CABLES, "cables")):
        if count > most:
            raise InfeasibleError(
                f"scale_out: {format_count(count)} {what} are more than the {format_count(most)} that Weft builds"
            )


def resolve_direct(
    plan: Plan,
    options: DirectOptions,
    *,
    lengths_m: Mapping[Use, float] = LENGTHS_M,
    names: Mapping[Use, str] = NAMES,
) -> DirectHardware:
    """Fill the blanks of a direct network from the catalog.

    Args:
        plan: the cluster.
        options: what the user wrote.
        lengths_m: cable length by use if none is given.
        names: of the link classes, by use.

    Raises:
        UnknownName, ConfigError: a part is unknown, or lacks ports of the rate.
        InfeasibleError: no medium reaches.
    """
    catalog = plan.catalog
    rate_Bps = host_rate_Bps(plan, options.rate)
    uplink_Bps = options.uplink_rate or rate_Bps
    protocol = find_protocol(catalog, options.protocol, options.switch or "", "roce", rate_Bps)
    switch = find_switch(catalog, options.switch or "", protocol, max(rate_Bps, uplink_Bps))
    radix = find_radix(switch, options.radix or 0, rate_Bps, "router")
    latency_s = switch_latency_s(switch, protocol)
    links: dict[Use, LinkClass] = {}
    for use, name in names.items():
        speed = rate_Bps if use == "host" else uplink_Bps
        length_m = pick(options.length, use, lengths_m[use])
        medium = pick(options.medium, use, "") or None
        links[use] = link_class(plan, protocol, name, speed, length_m, medium, latency_s, use == "host")
    return DirectHardware(protocol, rate_Bps, uplink_Bps, switch, radix, latency_s, links)


def link_class(
    plan: Plan,
    protocol: Part,
    name: str,
    rate_Bps: float,
    length_m: float,
    medium: str | None,
    router_s: float,
    to_host: bool,
) -> LinkClass:
    """Return what cables of one kind share.

    Args:
        plan: the cluster.
        protocol: catalog protocol.
        name: of the class.
        rate_Bps: one way.
        length_m: of the cable.
        medium: catalog medium id; None to choose by rate and length.
        router_s: latency of the router at the upper end, and of the one at the lower end unless it is a host.
        to_host: the lower end is a host.

    Raises:
        UnknownName: an unknown medium.
        InfeasibleError: nothing reaches so far at this rate.
    """
    part = choose_medium(plan.catalog, rate_Bps, length_m, medium, "scale_out.medium")
    cable_s = link_latency_s(plan.catalog, part, protocol, length_m)
    down_s = cable_s + (0.0 if to_host else router_s)
    return LinkClass(
        name, Domain.SCALE_OUT, protocol.id, rate_Bps, cable_s + router_s, down_s, medium=part.id, length_m=length_m
    )
