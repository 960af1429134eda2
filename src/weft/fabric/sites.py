"""Several sites: the same network at each, joined by long-haul links between their topmost switches.

Nodes are dealt to the sites in order. A route of L links joins the topmost switches of two sites in turn, plane by
plane where there are planes. Those switches give their free ports; where a folded Clos has too few, its topmost
switches are filled less, so that there are more of them. Latency follows the fibre; the medium is the cheapest coherent
one that usually reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.errors import ConfigError, InfeasibleError, UnknownName, WeftError
from weft.fabric import topologies
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos_options import ClosOptions
from weft.fabric.hardware import switch_latency_s, switch_ports
from weft.fabric.media import choose_medium, link_latency_s
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.site_tiers import join_tiers
from weft.fabric.spec import Cluster, Route, Site
from weft.fabric.tables import Domain, Kind, LinkClass
from weft.units import format_count

Wire = Callable[[GraphBuilder, Plan, npt.NDArray[np.int32], dict[str, Any]], ScaleOut]

USUAL_RATE_BPS = 400e9 / 8
_COHERENT = ("dci_coherent", "dci_transponder")
_TIERS = {Kind.CORE: "core", Kind.SPINE: "spine", Kind.LEAF: "leaf", Kind.ROUTER: ""}


@dataclass(frozen=True)
class Trunk:
    """The long-haul links between two sites."""

    a: int
    b: int
    links: int
    length_m: float


def wire_sites(
    graph: GraphBuilder, plan: Plan, ports: npt.NDArray[np.int32], written: dict[str, Any], wire: Wire
) -> ScaleOut:
    """Add each site's network and the long-haul links; return one network with a tier ``site`` outermost.

    Raises:
        UnknownName, ConfigError: a site, medium or option is wrong.
        InfeasibleError: a site's topmost switches have no ports for its links, or nothing reaches.
    """
    cluster, sites = plan.cluster, plan.cluster.sites or []
    counts = site_nodes(cluster)
    trunks, haul = _trunks(cluster), cluster.long_haul
    wanted = [sum(t.links for t in trunks if site in (t.a, t.b)) for site in range(len(sites))]
    rate_Bps = haul.rate if haul and haul.rate else USUAL_RATE_BPS
    media = {trunk: _medium(plan, trunk, rate_Bps) for trunk in trunks}
    hosts, places = graph.hosts, graph.nodes(Kind.SITE, len(sites))
    graph.place(hosts, np.repeat(places, counts))
    networks, tops, first = [], [], 0
    for site, count in enumerate(counts):
        here = replace(plan, cluster=cluster.model_copy(update={"nodes": count}))
        options = written
        if wanted[site]:
            options = with_room(here, written, wire, wanted[site], rate_Bps, sites[site].name)
        graph.root, graph.hosts = int(places[site]), hosts[first : first + count]
        begin = graph.size
        networks.append(wire(graph, here, ports[first : first + count], dict(options)))
        tops.append(topmost(graph, begin)[1])
        first += count
    graph.root, graph.hosts = -1, hosts
    links = {}
    for trunk in trunks:
        links[trunk] = _link(
            plan, networks[trunk.a].protocol, trunk, rate_Bps, media[trunk], graph.part_of(tops[trunk.b][0])
        )
        graph.cables(*_ends(trunk, tops, networks), links[trunk])
    return join_tiers(networks, [(t.a, t.b, t.links, links[t]) for t in trunks])


def site_nodes(cluster: Cluster) -> list[int]:
    """Return the nodes of each site: as written, or by shares, the rest going to the largest remainders.

    Raises:
        ConfigError: they are not the cluster's nodes in all, or a site has none.
    """
    sites = cluster.sites or []
    given = [site.nodes for site in sites if site.nodes is not None]
    if given and len(given) < len(sites):
        raise ConfigError("give the nodes of every site, or of none", field="sites")
    if given and sum(given) != cluster.nodes:
        raise ConfigError(f"the sites have {sum(given):,} nodes, the cluster {cluster.nodes:,}", field="sites")
    if given:
        return given
    shares = np.array([site.share if site.share is not None else 1.0 for site in sites])
    exact = cluster.nodes * shares / shares.sum()
    counts = np.floor(exact + 1e-9).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: cluster.nodes - int(counts.sum())]] += 1
    if counts.min() < 1:
        raise ConfigError(f"{cluster.nodes} nodes leave none for {sites[int(counts.argmin())].name}", field="sites")
    return [int(count) for count in counts]


def _trunks(cluster: Cluster) -> list[Trunk]:
    sites, haul = cluster.sites or [], cluster.long_haul
    names = [site.name for site in sites]
    if len(set(names)) < len(names):
        raise ConfigError("two sites have the same name", field="sites")
    if len(sites) == 1:
        return []
    if haul is None:
        raise ConfigError("say what joins the sites, such as {links: 64, distance: 80km}", field="long_haul")
    routes = haul.routes or [Route(between=pair) for pair in combinations(names, 2)]
    found = []
    for route in routes:
        a, b = _named(route.between, names)
        length_m = route.distance or haul.distance or _apart_m(sites[a], sites[b])
        found.append(Trunk(a, b, route.links or haul.links, length_m))
    _check_joined(found, names)
    return found


def _named(between: tuple[str, str], names: Sequence[str]) -> tuple[int, int]:
    for name in between:
        if name not in names:
            raise UnknownName("site", name, names, field="long_haul.routes")
    if between[0] == between[1]:
        raise ConfigError(f"a route from {between[0]} to itself", field="long_haul.routes")
    a, b = sorted(names.index(name) for name in between)
    return a, b


def _apart_m(a: Site, b: Site) -> float:
    if a.position is None or b.position is None:
        raise ConfigError(
            f"how far is {a.name} from {b.name}? give a distance, or positions of both", field="long_haul.distance"
        )
    return max(1.0, math.dist(a.position, b.position))


def _check_joined(trunks: Sequence[Trunk], names: Sequence[str]) -> None:
    reached, before = {0}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {end for t in trunks if {t.a, t.b} & reached for end in (t.a, t.b)}
    for site, name in enumerate(names):
        if site not in reached:
            raise ConfigError(f"no route leads to {name}", field="long_haul.routes")


def topmost(graph: GraphBuilder, begin: int = 0) -> tuple[Kind, npt.NDArray[np.int32]]:
    """Return the kind and the rows of the topmost switches among those added from row ``begin`` on."""
    for kind in _TIERS:
        rows = graph.rows(kind)
        rows = rows[rows >= begin]
        if len(rows):
            return kind, rows
    return Kind.LEAF, np.empty(0, np.int32)


def with_room(
    plan: Plan, written: dict[str, Any], wire: Wire, links: int, rate_Bps: float, name: str
) -> dict[str, Any]:
    """Return a site's options, changed so that its topmost switches have ports for its long-haul links.

    Tries the site on its own; as long as ports are lacking, topmost switches are filled less.

    Raises:
        InfeasibleError: there is no such network.
    """
    options, spare = dict(written), 0
    for _ in range(16):
        graph = GraphBuilder()
        graph.hosts = graph.nodes(Kind.HOST, plan.nodes)
        nics = graph.nodes(Kind.NIC, plan.endpoints, parent=np.repeat(graph.hosts, plan.nics))
        try:
            wire(graph, plan, nics.reshape(plan.nodes, plan.nics), dict(options))
        except WeftError:
            if spare:
                break
            raise
        kind, rows = topmost(graph)
        part = graph.part_of(int(rows[0])) if len(rows) else None
        if part is None:
            break
        try:
            ports = switch_ports(part, rate_Bps)
        except ConfigError as error:
            raise ConfigError(error.message, field="long_haul.rate") from None
        used_Bps = float(graph.used_Bps(rows).max())
        each = math.ceil(links / len(rows))
        if used_Bps + each * rate_Bps <= ports * rate_Bps * (1 + 1e-9):
            return options
        tier = _TIERS[kind]
        if not tier or not _takes_radix(written, tier):
            raise InfeasibleError(
                f"long_haul.links: {links} links need {each} ports of each of {len(rows)} {kind.label}s at {name}, "
                f"which use {used_Bps / rate_Bps:.4g} of {ports}; use fewer links, or a larger switch or radix"
            )
        spare = max(spare + 1, each)
        at_rate = switch_ports(part, graph.fastest_Bps(rows) or rate_Bps) or ports
        if at_rate - spare < 2:
            break
        known = written.get("radix")
        options["radix"] = {**(known if isinstance(known, dict) else {}), tier: at_rate - spare}
    raise InfeasibleError(f"long_haul.links: {links} links find no ports at {name}; use fewer, or larger switches")


def _takes_radix(written: dict[str, Any], tier: str) -> bool:
    """True where the topmost switches' ports are not written and can be reserved: in folded Clos networks."""
    if not issubclass(topologies.get(str(written.get("topology"))).Options, ClosOptions):
        return False
    radix = written.get("radix")
    return radix is None or (isinstance(radix, dict) and tier not in radix)


def _ends(
    trunk: Trunk, tops: Sequence[npt.NDArray[np.int32]], networks: Sequence[ScaleOut]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the topmost switches that each link of a trunk joins: plane by plane, in turn."""
    planes = len(networks[trunk.a].tiers[-1].uplink_Bps)
    if planes != len(networks[trunk.b].tiers[-1].uplink_Bps):
        raise ConfigError("the sites have different numbers of planes; give them like networks", field="scale_out")
    if trunk.links % planes:
        raise ConfigError(f"{trunk.links} links do not divide among {planes} planes evenly", field="long_haul.links")
    link = np.arange(trunk.links)
    found = []
    for site in (trunk.a, trunk.b):
        rows = tops[site].reshape(planes, -1)
        found.append(rows[link % planes, link // planes % rows.shape[1]])
    return found[0], found[1]


def _medium(plan: Plan, trunk: Trunk, rate_Bps: float) -> Part:
    haul = plan.cluster.long_haul
    asked = (haul.medium if haul else None) or coherent(plan, rate_Bps, trunk.length_m)
    return choose_medium(plan.catalog, rate_Bps, trunk.length_m, asked, "long_haul.medium")


def _link(plan: Plan, name: str, trunk: Trunk, rate_Bps: float, medium: Part, switch: Part | None) -> LinkClass:
    """Return what the links of a trunk share; each leads to the topmost switch at its other end."""
    catalog = plan.catalog
    protocol = catalog.get("protocols", name)
    device_s = switch_latency_s(switch, protocol) if switch else 0.0
    hop_s = link_latency_s(catalog, medium, protocol, trunk.length_m) + device_s
    return LinkClass(
        "site-site",
        Domain.LONG_HAUL,
        name,
        rate_Bps,
        hop_s,
        hop_s,
        medium.id,
        trunk.length_m,
    )


def coherent(plan: Plan, rate_Bps: float, length_m: float) -> str:
    """Return the cheapest coherent medium that usually reaches.

    Raises:
        InfeasibleError: none does; says what reaches farthest.
    """
    known: list[Part] = [
        part
        for part in plan.catalog.parts("media")
        if part.text("cls") in _COHERENT
        and part.has("price_usd")
        and part.has("reach_m")
        and part.has("rate_gbps_port")
    ]
    fast = [part for part in known if part.si("rate_gbps_port") >= rate_Bps * (1 - 1e-9)]
    fitting = [part for part in fast if part.si("reach_m") >= length_m]
    if fitting:
        return min(fitting, key=lambda part: part.si("price_usd")).id
    if not fast:
        fastest = max(part.si("rate_gbps_port") for part in known)
        raise InfeasibleError(f"long_haul.rate: the fastest coherent medium has {fastest * 8e-9:g} Gb/s")
    best = max(fast, key=lambda part: part.si("reach_m"))
    raise InfeasibleError(
        f"long_haul.distance: {length_m / 1e3:g} km at {rate_Bps * 8e-9:g} Gb/s; {best.id} reaches farthest, "
        f"{format_count(int(best.si('reach_m') / 1e3))} km; name a medium, or lower the rate"
    )
