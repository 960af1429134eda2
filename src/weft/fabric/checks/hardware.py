"""Do ports, cages, modules and cables fit each other?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from weft.catalog import Part
from weft.errors import ConfigError
from weft.fabric.cabling.counting import cages_used, is_cable, networked
from weft.fabric.cabling.ends import host_end, switch_end
from weft.fabric.checks.finding import Finding, first_of
from weft.fabric.hardware import switch_ports
from weft.fabric.tables import Domain, Kind
from weft.units import format_rate

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric


def ports_within_radix(fabric: Fabric) -> Iterator[Finding]:
    """Every switch has a port for each of its links."""
    used: dict[float, np.ndarray] = {}
    for link, lower, upper in networked(fabric):
        count = used.setdefault(link.rate_Bps, np.zeros(len(fabric.nodes), np.int64))
        count += np.bincount(lower, minlength=len(count)) + np.bincount(upper, minlength=len(count))
    for index, part in enumerate(fabric.parts):
        if part.kind not in ("switches", "ocs"):
            continue
        rows = np.flatnonzero((fabric.nodes.part == index) & (fabric.nodes.kind != Kind.SCALE_UP_SWITCH))
        share = np.zeros(len(rows))
        for rate_Bps, count in used.items():
            ports = _ports(part, rate_Bps)
            if ports:
                share += count[rows] / ports
        over = rows[share > 1 + 1e-9]
        if len(over):
            where, more = first_of(fabric, over)
            links = sum(int(count[over[0]]) for count in used.values())
            yield Finding(
                "ports_within_radix",
                "error",
                where,
                f"{links} links on a {part.name} take {share.max():.0%} of its ports{more}",
                "use a larger switch, more switches, or fewer links each (bundle, oversubscription)",
            )


def _ports(part: Part, rate_Bps: float) -> int:
    if part.kind == "ocs":
        return int(part.si("radix")) if part.has("radix") else 0
    try:
        return switch_ports(part, rate_Bps)
    except ConfigError:
        return 0


def cages_and_modules(fabric: Fabric) -> Iterator[Finding]:
    """Cables and modules fit the cages: enough of them, fast enough, within their power."""
    used = cages_used(fabric)
    hosts = fabric.nodes.kind == Kind.HOST  # their other networks have NICs and cages of their own
    used[hosts] = cages_used(fabric, (Domain.SCALE_OUT,))[hosts]
    chosen = fabric.placement is not None or fabric.plan.cluster.media is not None
    mend = "use twin-port modules or splitters (media), parallel links (bundle), or a switch with more cages"
    for rows, cages, name in _boxes(fabric):
        over = rows[used[rows] > cages]
        if len(over):
            where, more = first_of(fabric, over)
            yield Finding(
                "cages_and_modules",
                "error" if chosen else "warning",
                where,
                f"{used[over].max()} cages are needed, {name} has {cages}{more}",
                mend if chosen else "media are stand-ins until floor_plan or media has them chosen for these cages",
            )
    yield from _hot_modules(fabric)


def _boxes(fabric: Fabric) -> Iterator[tuple[np.ndarray, int, str]]:
    """Yield rows, cages and name of every kind of box with cages."""
    rates = [link.rate_Bps for link in fabric.link_classes if link.domain >= Domain.SCALE_OUT]
    slowest = min(rates, default=0.0)
    kinds = fabric.nodes.kind
    if slowest and fabric.plan.nics:
        hosts = np.flatnonzero(kinds == Kind.HOST)
        yield hosts, host_end(fabric.plan, slowest, fabric.plan.nics).cages, "a node"
    for index, part in enumerate(fabric.parts):
        rows = np.flatnonzero((fabric.nodes.part == index) & (kinds != Kind.SCALE_UP_SWITCH))
        if part.kind != "switches" or not len(rows) or not slowest:
            continue
        end = switch_end(part, slowest, 0)
        if end.form == "cage" and end.cages:
            yield rows, end.cages, part.name


def _hot_modules(fabric: Fabric) -> Iterator[Finding]:
    """Find modules that draw more than a switch's cage gives."""
    seen: set[tuple[int, str]] = set()
    for link, lower, upper in networked(fabric):
        for rows, name in ((lower, link.medium), (upper, link.upper_medium or link.medium)):
            index, medium = int(fabric.nodes.part[rows[0]]), fabric.catalog.get("media", name)
            if index < 0 or (index, name) in seen or not fabric.parts[index].has("cage_power_w"):
                continue
            seen.add((index, name))
            limit_w = fabric.parts[index].si("cage_power_w")
            power_w = medium.si("power_w_per_end") if medium.has("power_w_per_end") else 0.0
            if power_w > limit_w:
                yield Finding(
                    "cages_and_modules",
                    "warning",
                    fabric.node_name(int(rows[0])),
                    f"{medium.id} draws {power_w:g} W, a cage of {fabric.parts[index].name} gives {limit_w:g} W",
                    "choose a cooler medium (media: lowest_power, lpo, aec) or another switch",
                )


def medium_reaches(fabric: Fabric) -> Iterator[Finding]:
    """Every cable is within its medium's reach and carries its link's rate."""
    for link, lower, _ in networked(fabric):
        for medium in {link.medium, link.upper_medium or link.medium}:
            part = fabric.catalog.get("media", medium)
            where = f"{fabric.node_name(int(lower[0]))} ({link.name})"
            best_m = part.si_range("reach_m").high if part.has("reach_m") else np.inf
            if link.length_m > best_m + 1e-9:
                yield Finding(
                    "medium_reaches",
                    "error",
                    where,
                    f"{link.cables:,} cables of {link.length_m:g} m, {medium} reaches {best_m:g} m",
                    "name another medium, or let media: cheapest choose",
                )
            if part.has("rate_gbps_port") and part.si("rate_gbps_port") < link.rate_Bps * (1 - 1e-9):
                kind = "cable" if is_cable(part) else "module"
                yield Finding(
                    "medium_reaches",
                    "error",
                    where,
                    f"the {kind} {medium} carries {format_rate(part.si('rate_gbps_port'))}, "
                    f"the link {format_rate(link.rate_Bps)}",
                    "name a faster medium, or let media: cheapest choose",
                )
