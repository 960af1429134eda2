"""Lengths and media of cables, chosen after everything is wired and placed.

Each class of links is split by (medium, length): a length bucket is a length that is sold. Lengths follow from places
where there is a floor plan, and stay as the topology gave them where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.cabling.ends import End, host_end, switch_end
from weft.fabric.cabling.options import Option, Request, options
from weft.fabric.cabling.policy import SECTIONS, Policy, choose, policies
from weft.fabric.media import link_latency_s
from weft.fabric.names import name_of
from weft.fabric.placement import Placement, commercial_length_m
from weft.fabric.placement.lengths import SOLD_M, cable_lengths_m
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass, LinkTable, NodeTable


def relink(
    plan: Plan,
    nodes: NodeTable,
    links: LinkTable,
    parts: tuple[Part, ...],
    network: ScaleOut,
    placement: Placement | None,
) -> tuple[LinkTable, ScaleOut]:
    """Return the links with their media chosen, and the network with the latencies that follow.

    Raises:
        ConfigError: lengths are written although there is a floor plan.
        UnknownName: ``media`` names what nobody knows.
        InfeasibleError: nothing reaches; names the link.
    """
    for section in SECTIONS.values() if placement is not None else ():
        if "length" in (getattr(plan.cluster, section) or {}):
            raise ConfigError(
                "cable lengths follow from floor_plan; leave one of the two out", field=f"{section}.length"
            )
    chosen = [i for i, link in enumerate(links.classes) if link.domain in SECTIONS and link.medium]
    rules = policies(plan.cluster, plan.catalog, [links.classes[index] for index in chosen])
    work = _Cables(plan, nodes, links, parts)
    classes: list[LinkClass] = []
    column = np.empty(len(links) // 2, np.int16)
    for index, link in enumerate(links.classes):
        cables = work.of(index)
        if index not in chosen:
            column[cables] = len(classes)
            classes.append(link)
            continue
        for members, made in _split(work, cables, link, rules[link.domain, link.name], placement):
            column[members] = len(classes)
            classes.append(made)
    both = np.repeat(column, 2)
    both.setflags(write=False)
    made_links = LinkTable(links.src, links.dst, both, tuple(classes))
    return made_links, _with_latencies(network, links.classes, made_links.classes)


def _split(
    work: _Cables, cables: IntArray, link: LinkClass, rule: Policy, placement: Placement | None
) -> Iterator[tuple[IntArray, LinkClass]]:
    """Yield the cables of one class in parts, each with one length and one medium."""
    if not len(cables):
        yield cables, link
        return
    a, b = work.devices(cables)
    request = work.request(cables, link, a, b)
    ways = options(work.plan.catalog, request)
    if placement is None:
        bucket, lengths = np.zeros(len(cables), np.int64), [link.length_m]
    else:
        index = np.searchsorted(SOLD_M, commercial_length_m(cable_lengths_m(placement, a, b)))
        used = np.flatnonzero(np.bincount(index))
        bucket, lengths = np.searchsorted(used, index), [float(SOLD_M[i]) for i in used]
    for number, length_m in enumerate(lengths):
        members = cables[bucket == number]
        ends = (int(work.lower[members[0]]), int(work.upper[members[0]]))
        named = (name_of(work.nodes, ends[0]), name_of(work.nodes, ends[1]))
        way = choose(rule, ways, length_m, link.rate_Bps, named, link.name)
        yield members, _made(work.plan.catalog, link, way, length_m, len(members))


def _made(catalog: Catalog, link: LinkClass, way: Option, length_m: float, cables: int) -> LinkClass:
    """Return a class with its medium replaced, and its latencies with it."""
    protocol = catalog.get("protocols", link.protocol)
    before = link_latency_s(catalog, catalog.get("media", link.medium), protocol, link.length_m)
    change = link_latency_s(catalog, way.medium, protocol, length_m) - before
    return replace(
        link,
        medium=way.medium.id,
        upper_medium="" if way.upper.id == way.medium.id else way.upper.id,
        lower_share=way.lower_share,
        upper_share=way.upper_share,
        length_m=length_m,
        latency_up_s=link.latency_up_s + change,
        latency_down_s=link.latency_down_s + change,
        cables=cables,
    )


class _Cables:
    """The cables of a fabric, and what stands at their ends."""

    def __init__(self, plan: Plan, nodes: NodeTable, links: LinkTable, parts: tuple[Part, ...]) -> None:
        self.plan, self.nodes, self.parts = plan, nodes, parts
        self.lower, self.upper = links.src[::2], links.dst[::2]
        self._class = links.link_class[::2]
        self._links = links
        self._order = np.argsort(self._class, kind="stable")
        self._start = np.searchsorted(self._class[self._order], np.arange(len(links.classes) + 1))
        self._degrees: dict[Domain, npt.NDArray[np.int64]] = {}

    def of(self, index: int) -> npt.NDArray[np.int64]:
        """Return the cables of one class, ascending."""
        return self._order[self._start[index] : self._start[index + 1]]

    def devices(self, cables: IntArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the host or switch at each end."""
        return self._device(self.lower[cables]), self._device(self.upper[cables])

    def _device(self, rows: IntArray) -> npt.NDArray[np.int64]:
        inside = np.isin(self.nodes.kind[rows], (Kind.NIC, Kind.ACCELERATOR))
        return np.where(inside, self.nodes.parent[rows], rows).astype(np.int64)

    def request(self, cables: IntArray, link: LinkClass, a: IntArray, b: IntArray) -> Request:
        """Return what kind of link the cables of one class are."""
        pair = np.sort(np.minimum(a, b) * len(self.nodes) + np.maximum(a, b))
        starts = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]]))
        parallel = int(np.gcd.reduce(np.diff(starts, append=len(pair))))
        protocol = self.plan.catalog.get("protocols", link.protocol)
        lane_Bps = protocol.si("lane_gbps") if protocol.has("lane_gbps") else 0.0
        return Request(link.rate_Bps, self._end(a, link), self._end(b, link), parallel, lane_Bps)

    def _end(self, devices: IntArray, link: LinkClass) -> End:
        """Return what a class of links plugs into; a device's links of other networks have cages of their own."""
        row, links = int(devices[0]), int(self._degree(link.domain)[devices].max())
        kind, part = self.nodes.kind[row], int(self.nodes.part[row])
        if kind in (Kind.HOST, Kind.SERVER) and link.domain == Domain.SCALE_OUT:
            return host_end(self.plan, link.rate_Bps, links)
        if kind in (Kind.HOST, Kind.SERVER) or part < 0:
            return End(links, link.rate_Bps, is_host=True)
        return switch_end(self.parts[part], link.rate_Bps, links)

    def _degree(self, domain: Domain) -> npt.NDArray[np.int64]:
        """Return the links of every device in one network; long-haul links plug into the switches of the first."""
        if domain not in self._degrees:
            alike = (domain, Domain.LONG_HAUL) if domain == Domain.SCALE_OUT else (domain,)
            inside = np.array([c.domain in alike for c in self._links.classes], bool)[self._class]
            ends = np.concatenate([self._device(self.lower[inside]), self._device(self.upper[inside])])
            self._degrees[domain] = np.bincount(ends, minlength=len(self.nodes))
        return self._degrees[domain]


def _with_latencies(network: ScaleOut, before: tuple[LinkClass, ...], after: tuple[LinkClass, ...]) -> ScaleOut:
    """Return the network with its tiers' latencies moved by what its links' latencies changed, on average.

    The lowest tier crosses host links only. In a tree every further tier adds the links that lead up to it; in any
    other network the way through it stretches as its links between switches do.
    """
    names = list(dict.fromkeys(link.name for link in before if link.domain == Domain.SCALE_OUT))
    hosts = [name for name in names if name.startswith("nic-")]
    between = [name for name in names if name not in hosts]
    shift = {name: _latency_s(after, [name]) - _latency_s(before, [name]) for name in names}
    moved = sum(shift[name] for name in hosts) / max(1, len(hosts))
    tree = {name.rpartition("-")[2] for name in between} <= {tier.name for tier in network.tiers[1:]}
    stretch = 1.0
    if between and not tree:
        stretch = _latency_s(after, between) / _latency_s(before, between)
    lowest_s = network.tiers[0].latency_s if network.tiers else 0.0
    tiers = []
    for depth, tier in enumerate(network.tiers):
        if tree and depth:
            moved += sum(shift[name] for name in between if name.endswith(f"-{tier.name}"))
        beyond_s = (tier.latency_s - lowest_s) * (stretch - 1.0)
        tiers.append(replace(tier, latency_s=tier.latency_s + moved + beyond_s))
    return replace(network, tiers=tuple(tiers))


def _latency_s(classes: tuple[LinkClass, ...], names: list[str]) -> float:
    """Return up and down latency together, averaged over the cables of some names."""
    alike = [link for link in classes if link.name in names]
    total = sum((link.latency_up_s + link.latency_down_s) * link.cables for link in alike)
    return total / max(1, sum(link.cables for link in alike))
