"""The cables of a wired fabric, class by class, and what stands at their ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.fabric.cabling.ends import End, host_end, switch_end
from weft.fabric.cabling.options import Request
from weft.fabric.plan import Plan
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass, LinkTable, NodeTable


class WiredCables:
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

    def other_links(self, domain: Domain) -> npt.NDArray[np.int64]:
        """Return the links of every device that take its cages too, though their media are not chosen: long-haul."""
        if domain != Domain.SCALE_OUT:
            return np.zeros(len(self.nodes), np.int64)
        inside = np.array([c.domain == Domain.LONG_HAUL for c in self._links.classes], bool)[self._class]
        ends = np.concatenate([self._device(self.lower[inside]), self._device(self.upper[inside])])
        return np.bincount(ends, minlength=len(self.nodes))
