"""The cable schedule: what to pull from where to where, every cable once.

A row is a straight cable (with the links it carries), one leg of a splitter, or one fibre between modules. Labels are
the lower end's name and the number of the cable among those that lead up from it (``unit0/leaf3:7``): a cluster that
grows keeps the labels of the cables it had. Ports are written cage.port, from 1; splitter legs share their cage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from weft.fabric.cabling.counting import device_of, is_cable
from weft.fabric.names import names_of
from weft.fabric.tables import Domain, IntArray, LinkClass

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric

COLUMNS = (
    "label",
    "from_rack",
    "from_unit",
    "from_device",
    "from_port",
    "to_rack",
    "to_unit",
    "to_device",
    "to_port",
    "links",
    "link_class",
    "rate_Bps",
    "medium",
    "to_medium",
    "length_m",
)


@dataclass(frozen=True)
class Schedule:
    """A cable schedule as columns, one row a cable, leg or fibre.

    Attributes:
        cable: int64, the first of the fabric's cables (links ``2i`` and ``2i + 1``) that each row carries.
        links: int64, how many links it carries.
        columns: lists by the names in `COLUMNS`.
    """

    cable: npt.NDArray[np.int64]
    links: npt.NDArray[np.int64]
    columns: dict[str, list[str | int | float]]

    def __len__(self) -> int:
        return len(self.cable)


def cable_schedule(fabric: Fabric) -> Schedule:
    """Return the schedule of all cables outside the nodes, by class and cable number."""
    work = _Wiring(fabric)
    carried, links = work.pieces()
    lower, upper = work.lower[carried], work.upper[carried]
    a, b = device_of(fabric.nodes, lower), device_of(fabric.nodes, upper)
    index = work.index[carried]
    classes = fabric.link_classes
    lower_port, upper_port = work.ports()
    columns: dict[str, list[str | int | float]] = {
        "label": _labels(fabric, work, carried),
        "from_rack": _racks(fabric, a),
        "from_unit": _units(fabric, a),
        "from_device": names_of(fabric.nodes, lower),
        "from_port": lower_port[carried].tolist(),
        "to_rack": _racks(fabric, b),
        "to_unit": _units(fabric, b),
        "to_device": names_of(fabric.nodes, upper),
        "to_port": upper_port[carried].tolist(),
        "links": links.tolist(),
        "link_class": _of(index, [c.name for c in classes]),
        "rate_Bps": _of(index, [c.rate_Bps for c in classes]),
        "medium": _of(index, [c.medium for c in classes]),
        "to_medium": _of(index, [c.upper_medium or c.medium for c in classes]),
        "length_m": _of(index, [c.length_m for c in classes]),
    }
    return Schedule(work.cables[carried], links, columns)


def port_names(fabric: Fabric) -> tuple[IntArray, npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    """Return the cables outside the nodes, and the ports of each at its two ends, as the schedule has them."""
    work = _Wiring(fabric)
    return (work.cables, *work.ports())


def _of(index: IntArray, values: list[str] | list[float]) -> list[str | int | float]:
    listed: list[str | int | float] = [values[i] for i in index.tolist()]
    return listed


def _racks(fabric: Fabric, devices: IntArray) -> list[str | int | float]:
    placement = fabric.placement
    if placement is None:
        return [""] * len(devices)
    names = [placement.rack_name(rack) for rack in range(placement.racks)]
    return [names[rack] for rack in placement.rack[devices].tolist()]


def _units(fabric: Fabric, devices: IntArray) -> list[str | int | float]:
    return [""] * len(devices) if fabric.placement is None else fabric.placement.unit[devices].tolist()


def _labels(fabric: Fabric, work: _Wiring, carried: IntArray) -> list[str | int | float]:
    """Number the cables that lead up from each node row, in cable order."""
    number = number_in(work.lower)
    names = names_of(fabric.nodes, work.lower[carried])
    return [f"{name}:{n}" for name, n in zip(names, number[carried].tolist(), strict=True)]


def number_in(group: IntArray) -> npt.NDArray[np.int64]:
    """Return the number of each element among those of its group, in order."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    number = np.empty(len(group), np.int64)
    number[order] = np.arange(len(group)) - np.searchsorted(ordered, ordered, side="left")
    return number


class _Wiring:
    """The cables outside the nodes, and where each is plugged in."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        column = fabric.links.link_class[::2]
        outside = np.array([c.domain >= Domain.SCALE_OUT and bool(c.medium) for c in fabric.link_classes], bool)
        self.cables = np.flatnonzero(outside[column])
        self.lower, self.upper = fabric.links.src[::2][self.cables], fabric.links.dst[::2][self.cables]
        self.index = column[self.cables].astype(np.int64)
        self.a, self.b = device_of(fabric.nodes, self.lower), device_of(fabric.nodes, self.upper)
        self._straight = np.array([self._is_straight(c) for c in fabric.link_classes], bool)

    def _is_straight(self, link: LinkClass) -> bool:
        if not link.medium or link.lower_share != link.upper_share:
            return False
        return is_cable(self.fabric.catalog.get("media", link.medium))

    def pieces(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the first link of every straight cable, and every other link, with the links each row stands for."""
        share = np.array([c.lower_share for c in self.fabric.link_classes])[self.index]
        share = np.where(self._straight[self.index], share, 1)
        pair = (self.index * len(self.fabric.nodes) + self.a) * len(self.fabric.nodes) + self.b
        number = number_in(pair)
        _, group, size = np.unique(pair, return_inverse=True, return_counts=True)
        first = np.flatnonzero(number % share == 0)
        return first, np.minimum(share[first], size[group[first]] - number[first])

    def ports(self) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]]:
        """Return the port of both ends of each link: ``cage.port``, or ``cage`` where a cage has one link."""
        classes = self.fabric.link_classes
        keys: dict[tuple[object, ...], int] = {}
        group, share = np.zeros((2, len(classes)), np.int64), np.ones((2, len(classes)), np.int64)
        for i, link in enumerate(classes):
            whole = bool(link.medium) and is_cable(self.fabric.catalog.get("media", link.medium))
            ends = ((link.medium, link.lower_share), (link.upper_medium or link.medium, link.upper_share))
            for end, (medium, links) in enumerate(ends):
                key = (
                    link.domain,
                    link.name,
                    medium,
                    links,
                    i if whole else -1,
                )  # cables do not share a cage, modules may
                group[end, i], share[end, i] = keys.setdefault(key, len(keys)), links
        device = np.concatenate([self.a, self.b])
        kind = np.concatenate([group[0][self.index], group[1][self.index]])
        served = np.concatenate([share[0][self.index], share[1][self.index]])
        peer = np.concatenate([np.where(self._straight[self.index], other, 0) for other in (self.b, self.a)])
        cable = np.tile(np.arange(len(self.index)), 2)
        order = np.lexsort((cable, peer, kind, device))
        text = _cage_names(device[order], kind[order], peer[order], served[order])
        port = np.empty(len(order), text.dtype)
        port[order] = text
        return port[: len(self.a)], port[len(self.a) :]


def _cage_names(device: IntArray, kind: IntArray, peer: IntArray, share: IntArray) -> npt.NDArray[np.str_]:
    """Fill cages, link after link; a new device, kind or peer begins a new cage. All sorted by device, kind, peer."""
    new_device = np.concatenate([[True], device[1:] != device[:-1]])
    new_run = new_device | np.concatenate([[True], (kind[1:] != kind[:-1]) | (peer[1:] != peer[:-1])])
    place = np.arange(len(device))
    in_run = place - np.maximum.accumulate(np.where(new_run, place, 0))
    new_cage = np.cumsum(in_run % share == 0)
    before = np.maximum.accumulate(np.where(new_device, new_cage - 1, 0))
    cage = (new_cage - before).astype("U7")
    port = (in_run % share + 1).astype("U4")
    text: npt.NDArray[np.str_] = np.where(share > 1, np.char.add(np.char.add(cage, "."), port), cage)
    return text
