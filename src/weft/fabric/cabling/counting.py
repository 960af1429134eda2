"""What links are made of: cables, modules and fibre, and the cages they take; one may serve several links.

from weft.fabric.cabling import link_parts
for part in link_parts(fabric): part.kind, part.medium, part.count, part.links, part.use
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.fabric.cabling.options import CABLED
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass, NodeTable

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric


@dataclass(frozen=True, slots=True)
class LinkPart:
    """Some parts of the links of one class, all alike.

    Attributes:
        kind: ``cable`` (both ends in one), ``module`` (at one end) or ``fibre`` (between modules).
        medium: catalog id; of fibre, that of the modules at its lower end.
        count: how many.
        links: how many links these serve, as the fabric counts them (ports that are split count once); those of a
            module serve at one end only.
        use: class of links, such as ``leaf-spine``.
        domain: which network.
        length_m: of a cable or fibre; 0 for modules.
        share: links that one module serves, of fibre those of the module at its lower end.
    """

    kind: str
    medium: str
    count: int
    links: int
    use: str
    domain: Domain
    length_m: float = 0.0
    share: int = 1


def link_parts(fabric: Fabric) -> tuple[LinkPart, ...]:
    """Count cables, modules and fibre of all links outside the nodes.

    A straight cable serves ``lower_share`` links between two devices, a splitter those of one cage at its trunk end. A
    module serves up to its share of one device's links of the same name and medium, whatever their lengths.
    """
    found: list[LinkPart] = []
    modules: dict[tuple[str, str, Domain, int], list[npt.NDArray[np.int64]]] = {}
    for link, lower, upper in networked(fabric):
        medium = fabric.catalog.get("media", link.medium)
        if is_cable(medium):
            count = cable_count(link, lower, upper, len(fabric.nodes))
            found.append(LinkPart("cable", medium.id, count, link.whole_cables, link.name, link.domain, link.length_m))
            continue
        for rows, name, share in (
            (lower, link.medium, link.lower_share),
            (upper, link.upper_medium or link.medium, link.upper_share),
        ):
            modules.setdefault((name, link.name, link.domain, share), []).append(rows[has_cages(fabric, rows)])
        found.append(
            LinkPart(
                "fibre",
                medium.id,
                len(lower),
                link.whole_cables,
                link.name,
                link.domain,
                link.length_m,
                link.lower_share,
            )
        )
    for (name, use, domain, share), parts in modules.items():
        rows = np.concatenate(parts)
        count = int((-(-np.unique(rows, return_counts=True)[1] // share)).sum())
        if count:
            found.append(LinkPart("module", name, count, len(rows), use, domain, share=share))
    return tuple(found)


def is_cable(medium: Part) -> bool:
    """True where one assembly is both ends."""
    return medium.text("cls") in CABLED


def cable_count(link: LinkClass, lower: IntArray, upper: IntArray, rows: int) -> int:
    """Return how many cables a class of links takes, given the devices at its ends (of ``rows`` node rows)."""
    if link.lower_share == link.upper_share:
        together, share = np.minimum(lower, upper) * rows + np.maximum(lower, upper), link.lower_share
    elif link.upper_share > link.lower_share:
        together, share = upper, link.upper_share
    else:
        together, share = lower, link.lower_share
    return int((-(-np.unique(together, return_counts=True)[1] // share)).sum())


def networked(fabric: Fabric) -> list[tuple[LinkClass, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return every class of links outside the nodes with the devices (hosts, switches) at its cables' ends."""
    lower, upper = fabric.links.src[::2], fabric.links.dst[::2]
    index = fabric.links.link_class[::2]
    order = np.argsort(index, kind="stable")
    start = np.searchsorted(index[order], np.arange(len(fabric.link_classes) + 1))
    found = []
    for number, link in enumerate(fabric.link_classes):
        cables = order[start[number] : start[number + 1]]
        if link.domain >= Domain.SCALE_OUT and link.medium and len(cables):
            found.append((link, device_of(fabric.nodes, lower[cables]), device_of(fabric.nodes, upper[cables])))
    return found


def device_of(nodes: NodeTable, rows: IntArray) -> npt.NDArray[np.int64]:
    """Return the box each node row is in: the host of a NIC or accelerator, else the row itself."""
    inside = np.isin(nodes.kind[rows], (Kind.NIC, Kind.ACCELERATOR))
    return np.where(inside, nodes.parent[rows], rows).astype(np.int64)


def has_cages(fabric: Fabric, rows: IntArray) -> npt.NDArray[np.bool_]:
    """False where light passes through without a module: at optical circuit switches."""
    clear: npt.NDArray[np.bool_] = fabric.nodes.kind[rows] != Kind.OCS
    return clear


def cages_used(fabric: Fabric, domains: Sequence[Domain] = tuple(Domain)) -> npt.NDArray[np.int64]:
    """Return the cages that cables and modules of some networks take, int64[node rows].

    Co-packaged engines take none. Networks do not share cages.
    """
    used = np.zeros(len(fabric.nodes), np.int64)
    modules: dict[tuple[str, str, Domain, int], list[npt.NDArray[np.int64]]] = {}
    for link, lower, upper in networked(fabric):
        if link.domain not in domains:
            continue
        medium = fabric.catalog.get("media", link.medium)
        if is_cable(medium):
            for rows, other, share in ((lower, upper, link.lower_share), (upper, lower, link.upper_share)):
                pairs = rows * len(used) + (other if link.lower_share == link.upper_share else 0)
                ends, counts = np.unique(pairs, return_counts=True)
                np.add.at(used, ends // len(used), -(-counts // share))
            continue
        for rows, name, share in (
            (lower, link.medium, link.lower_share),
            (upper, link.upper_medium or link.medium, link.upper_share),
        ):
            if fabric.catalog.get("media", name).text("cls") != "cpo":
                modules.setdefault((name, link.name, link.domain, share), []).append(rows[has_cages(fabric, rows)])
    for (_, _, _, share), parts in modules.items():
        rows, counts = np.unique(np.concatenate(parts), return_counts=True)
        used[rows] += -(-counts // share)
    return used
