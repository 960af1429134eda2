"""Lengths and media of cables, chosen after everything is wired and placed.

Each class of links is split by (medium, length): a length bucket is a length that is sold. Lengths follow from places
where there is a floor plan, and stay as the topology gave them where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.cabling.latencies import with_latencies
from weft.fabric.cabling.options import Option, options
from weft.fabric.cabling.policy import SECTIONS, Policy, choose, policies
from weft.fabric.cabling.settling import Pick, settle
from weft.fabric.cabling.wired import WiredCables
from weft.fabric.media import link_latency_s
from weft.fabric.names import name_of
from weft.fabric.placement import Placement, commercial_length_m
from weft.fabric.placement.lengths import SOLD_M, cable_lengths_m
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Domain, IntArray, LinkClass, LinkTable, NodeTable


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
    wired = WiredCables(plan, nodes, links, parts)
    picks = {
        index: _pick(wired, wired.of(index), links.classes[index], rules, placement)
        for index in chosen
        if len(wired.of(index))
    }
    for domain in SECTIONS:
        settle([pick for pick in picks.values() if pick.link.domain == domain], wired.other_links(domain))
    classes: list[LinkClass] = []
    column = np.empty(len(links) // 2, np.int16)
    for index, link in enumerate(links.classes):
        made = _split(plan.catalog, picks[index]) if index in picks else [(wired.of(index), link)]
        for members, part in made:
            column[members] = len(classes)
            classes.append(part)
    both = np.repeat(column, 2)
    both.setflags(write=False)
    made_links = LinkTable(links.src, links.dst, both, tuple(classes))
    return made_links, with_latencies(network, links.classes, made_links.classes)


def _pick(
    wired: WiredCables,
    cables: IntArray,
    link: LinkClass,
    rules: dict[tuple[Domain, str], Policy],
    placement: Placement | None,
) -> Pick:
    """Choose a way for every length of one class."""
    a, b = wired.devices(cables)
    request = wired.request(cables, link, a, b)
    ways = options(wired.plan.catalog, request)
    rule = rules[link.domain, link.name]
    if placement is None:
        bucket, lengths = np.zeros(len(cables), np.int64), [link.length_m]
    else:
        index = np.searchsorted(SOLD_M, commercial_length_m(cable_lengths_m(placement, a, b)))
        used = np.flatnonzero(np.bincount(index))
        bucket, lengths = np.searchsorted(used, index), [float(SOLD_M[i]) for i in used]
    taken: list[Option] = []
    for number, length_m in enumerate(lengths):
        first = cables[int(np.argmax(bucket == number))]
        ends = (name_of(wired.nodes, int(wired.lower[first])), name_of(wired.nodes, int(wired.upper[first])))
        taken.append(choose(rule, ways, length_m, link.rate_Bps, ends, link.name))
    everywhere = rule.best([way for way in ways if rule.allows(way) and not way.is_cable], max(lengths))
    return Pick(link, request, cables, a, b, bucket, lengths, taken, everywhere)


def _split(catalog: Catalog, pick: Pick) -> Iterator[tuple[IntArray, LinkClass]]:
    """Yield the cables of one class in parts, each with one length and one medium."""
    code = pick.bucket * len(pick.ways) + pick.way
    for value in np.flatnonzero(np.bincount(code)).tolist():
        number, way = divmod(value, len(pick.ways))
        members = pick.cables[code == value]
        yield members, _made(catalog, pick.link, pick.ways[way], pick.lengths[number], len(members))


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
