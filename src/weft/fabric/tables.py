"""The columns of a fabric: one row a node, one row a directed link.

Cable ``i`` is the two directed links ``2i`` (from its lower end up) and ``2i + 1`` (back down). What many links share
(rate, latency, medium, length) is kept once, as a link class; the per-link columns are looked up on demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]


class Kind(IntEnum):
    """What a node row is. Pods, units, groups, hosts, sites and networks are places: they hold other rows and have no
    link of their own.

    A router is a switch of a direct network: host ports and links to its equals on every one. A host has links only
    where its accelerators talk through it (PCIe). An optical circuit switch joins its fibres in pairs, as
    ``ScaleOut.circuits`` says: light that comes in by one leaves by the other. Switches and NICs of the front-end and
    storage networks stand inside the place of that network; servers are hosts of these networks without accelerators.
    """

    POD = 0
    UNIT = 1
    GROUP = 2
    HOST = 3
    ACCELERATOR = 4
    NIC = 5
    SCALE_UP_SWITCH = 6
    LEAF = 7
    SPINE = 8
    CORE = 9
    ROUTER = 10
    OCS = 11
    SITE = 12
    FRONT_END = 13
    STORAGE = 14
    SERVER = 15

    @property
    def label(self) -> str:
        """As tables and JSON have it, such as ``scale_up_switch``."""
        return self.name.lower()

    @property
    def prefix(self) -> str:
        """As names have it, such as ``gpu`` in ``host7/gpu2``."""
        return _PREFIX.get(self, self.label)


_PREFIX = {Kind.ACCELERATOR: "gpu", Kind.SCALE_UP_SWITCH: "scaleup", Kind.FRONT_END: "frontend"}
SWITCHES = (Kind.LEAF, Kind.SPINE, Kind.CORE, Kind.ROUTER, Kind.OCS)


class Domain(IntEnum):
    """Which network a link belongs to."""

    SCALE_UP = 0
    HOST = 1
    SCALE_OUT = 2
    FRONT_END = 3
    STORAGE = 4
    LONG_HAUL = 5

    @property
    def label(self) -> str:
        """As tables have it: ``scale-up``, ``host``, ``scale-out``, ``front-end``, ``storage``, ``long-haul``."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class LinkClass:
    """What the links between two kinds of node have in common.

    Attributes:
        name: the two ends, lower first, such as ``nic-leaf``.
        domain: which network.
        protocol: catalog protocol id.
        rate_Bps: one direction.
        latency_up_s: from the lower end: propagation, medium, error correction, and the device at the upper end.
        latency_down_s: the same the other way.
        medium: catalog medium id; empty inside a box.
        length_m: of the cable.
        cables: how many links there are.
        breakout: links that share one cable, split at one end: two of 400 Gb/s in an 800 Gb/s port.
        ends: ends that hold a module: 2, or 1 where the other end is a mirror.
        upper_medium: the module at the upper end, where it is another than ``medium``.
        lower_share, upper_share: links that one module, or one end of a cable, serves; see `weft.fabric.cabling`.
    """

    name: str
    domain: Domain
    protocol: str
    rate_Bps: float
    latency_up_s: float
    latency_down_s: float
    medium: str = ""
    length_m: float = 0.0
    cables: int = 0
    breakout: int = 1
    ends: int = 2
    upper_medium: str = ""
    lower_share: int = 1
    upper_share: int = 1

    @property
    def whole_cables(self) -> int:
        """Cables as they are bought: those that share a port's breakout count once."""
        return -(-self.cables // self.breakout)


@dataclass(frozen=True, slots=True)
class NodeTable:
    """One row a node.

    Attributes:
        kind: uint8, a `Kind`.
        part: int16, index into ``Fabric.parts``; -1 for places.
        parent: int32, row of the place that holds it; -1 at the top.
        ordinal: int32, number among its parent's nodes of the same kind (or rail-wise, for NICs and accelerators).
        rail: int16, the NIC number that reaches it; -1 where rails mean nothing.
    """

    kind: npt.NDArray[np.uint8]
    part: npt.NDArray[np.int16]
    parent: npt.NDArray[np.int32]
    ordinal: npt.NDArray[np.int32]
    rail: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class LinkTable:
    """One row a directed link.

    Attributes:
        src, dst: int32 node rows.
        link_class: int16, index into ``classes``.
        classes: what the links share.
    """

    src: npt.NDArray[np.int32]
    dst: npt.NDArray[np.int32]
    link_class: npt.NDArray[np.int16]
    classes: tuple[LinkClass, ...]

    def __len__(self) -> int:
        return len(self.src)

    @cached_property
    def rate_Bps(self) -> FloatArray:
        """Rate of each directed link."""
        return np.array([c.rate_Bps for c in self.classes], dtype=np.float64)[self.link_class]

    @cached_property
    def latency_s(self) -> FloatArray:
        """One-way latency of each directed link, with the device it leads to."""
        both = np.array([[c.latency_up_s, c.latency_down_s] for c in self.classes], dtype=np.float64).reshape(-1, 2)
        latency_s: FloatArray = both[self.link_class, np.arange(len(self)) & 1]
        return latency_s

    @cached_property
    def length_m(self) -> FloatArray:
        """Cable length of each directed link."""
        return np.array([c.length_m for c in self.classes], dtype=np.float64)[self.link_class]

    @cached_property
    def domain(self) -> npt.NDArray[np.uint8]:
        """Each directed link's `Domain`."""
        return np.array([c.domain for c in self.classes], dtype=np.uint8)[self.link_class]

    @cached_property
    def media(self) -> tuple[str, ...]:
        """The media in use: what ``medium`` indexes."""
        return tuple(sorted({c.medium for c in self.classes}))

    @cached_property
    def medium(self) -> npt.NDArray[np.int16]:
        """Each directed link's index into ``media``."""
        return np.array([self.media.index(c.medium) for c in self.classes], dtype=np.int16)[self.link_class]


def csr(src: IntArray, nodes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return ``(indptr[nodes + 1], links[len(src)])``: link rows sorted by the node they leave."""
    indptr = np.zeros(nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(src, minlength=nodes), out=indptr[1:])
    return indptr, np.argsort(src, kind="stable")
