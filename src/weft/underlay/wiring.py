"""The links of a compute network as columns: which ports of which devices they join, and in which order.

Shapes below: L links, 2L ends; the end ``e`` (0 lower, 1 upper) of link ``i`` is number ``2 * i + e``. A device's ends
are ordered: those to hosts first, each in the order of links. Complexity: L log L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric import Fabric
from weft.fabric.cabling.counting import device_of
from weft.fabric.cabling.schedule import number_in, port_names
from weft.fabric.tables import Domain, IntArray, Kind

SWITCHES = (Kind.LEAF, Kind.ROUTER, Kind.SPINE, Kind.CORE)


@dataclass(frozen=True)
class Links:
    """Links of the compute network; where an optical circuit joins two fibres, they are one.

    Attributes:
        rows: int64[L, 2], node rows of the ends: NICs for hosts.
        cables: int64[L, 2], the fabric's cable at each end.
        texts: list of 2L ports as the cable schedule has them; empty where it has none.
        rate_Bps: float64[L], one way.
    """

    rows: IntArray
    cables: IntArray
    texts: list[str]
    rate_Bps: npt.NDArray[np.float64]


def links_of(fabric: Fabric) -> Links:
    """Return the links of the compute network."""
    cables, lower, upper = port_names(fabric)
    classes, kinds = fabric.links.classes, fabric.nodes.kind
    mine = np.array([c.domain in (Domain.SCALE_OUT, Domain.LONG_HAUL) for c in classes], bool)
    src, dst = fabric.links.src[::2].astype(np.int64), fabric.links.dst[::2].astype(np.int64)
    index = fabric.links.link_class[::2]
    rate_Bps = np.array([c.rate_Bps for c in classes])[index]
    straight = np.flatnonzero(mine[index] & (kinds[src] != Kind.OCS) & (kinds[dst] != Kind.OCS))
    circuits = np.zeros((0, 2), np.int64)
    if fabric.network.circuits is not None:
        circuits = fabric.network.circuits.astype(np.int64).reshape(-1, 2)
    both = np.concatenate([np.column_stack([straight, straight]), circuits])
    joined = np.arange(len(both)) >= len(straight)
    rows = np.column_stack([src[both[:, 0]], np.where(joined, src[both[:, 1]], dst[both[:, 1]])])
    width = np.promote_types(lower.dtype, upper.dtype)
    text = np.zeros((2, len(src)), width)
    text[0, cables], text[1, cables] = lower, upper
    texts = np.column_stack([text[0, both[:, 0]], np.where(joined, text[0, both[:, 1]], text[1, both[:, 1]])])
    return Links(rows, both, texts.ravel().tolist(), np.minimum(rate_Bps[both[:, 0]], rate_Bps[both[:, 1]]))


@dataclass(frozen=True)
class Wiring:
    """Who is joined to whom.

    Attributes:
        links: as `links_of` gives them.
        rows: int64[devices], node rows: switches first, in order, then hosts.
        switches: how many of them are switches.
        device: int64[2L], number of the device at each end.
        order: int64[2L], ends by device, and in the order of its ports.
        first: int64[devices + 1], where each device's ends begin in ``order``.
        place: int64[2L], place of each end among the ports of its device.
        to_host: bool[2L], the other end is a host's.
        number: int64[L], place among the ports that lead to switches, at the lower end.
    """

    links: Links
    rows: IntArray
    switches: int
    device: IntArray
    order: IntArray
    first: IntArray
    place: IntArray
    to_host: npt.NDArray[np.bool_]
    number: IntArray


def wiring_of(fabric: Fabric) -> Wiring:
    """Return devices and the order of their ports."""
    links, nodes = links_of(fabric), fabric.nodes
    found, inverse = np.unique(device_of(nodes, links.rows.ravel()), return_inverse=True)
    host = ~np.isin(nodes.kind[found], SWITCHES)
    renamed = np.empty(len(found), np.int64)
    sorted_rows = np.argsort(host, kind="stable")
    renamed[sorted_rows] = np.arange(len(found))
    device, switches = renamed[inverse.ravel()], int((~host).sum())
    peer = device.reshape(-1, 2)[:, ::-1].ravel()
    to_host = peer >= switches
    order = np.lexsort((np.arange(len(device)), ~to_host, device))
    first = np.searchsorted(device[order], np.arange(len(found) + 1))
    place = np.empty(len(device), np.int64)
    place[order] = number_in(device[order])
    hosted = np.bincount(device, weights=to_host, minlength=len(found)).astype(np.int64)
    number = (place - hosted[device])[::2]
    return Wiring(links, found[sorted_rows].astype(np.int64), switches, device, order, first, place, to_host, number)
