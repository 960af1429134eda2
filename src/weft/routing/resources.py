"""What flows share: every directed link, and bundles of links that flows use evenly.

A flow that is sprayed over k links would need k entries in its path; a bundle of the k, as wide as all of them, needs
one. Bundles are exact where every flow over them spreads evenly, and an ideal (no link fuller than another) elsewhere.
Memory: linear in links.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError, InternalError
from weft.fabric.fabric import Fabric
from weft.fabric.tables import FloatArray, IntArray, Kind


@dataclass(frozen=True)
class Resources:
    """Links, numbered as the fabric's, and after them bundles.

    The two fibres that an optical circuit joins are one resource, the first fibre's link, with the latency of both.

    Attributes:
        fabric: whose links they are.
        capacity_Bps: float64[resources], one way; 0 for links that are down. Of a bundle: all its live links together.
        latency_s: float64[resources]; of a bundle: the mean of its live links, by rate.
        indptr: int64[bundles + 1]; bundle b has the links ``member[indptr[b]:indptr[b + 1]]``, those that are down too:
            which bundles there are, and of what, is the same in every state of the network.
        member: int32[members], links.
    """

    fabric: Fabric
    capacity_Bps: FloatArray
    latency_s: FloatArray
    indptr: npt.NDArray[np.int64]
    member: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.capacity_Bps)

    @property
    def links(self) -> int:
        """How many of the resources are links: rows from here on are bundles."""
        return len(self.fabric.links)

    def links_of(self, resource: int) -> npt.NDArray[np.int32]:
        """Return the links of a bundle, or the link itself.

        Raises:
            ConfigError: there is no such resource.
        """
        if not 0 <= resource < len(self):
            raise ConfigError(f"there is no resource {resource}; rows are 0 to {len(self) - 1}")
        if resource < self.links:
            return np.array([resource], np.int32)
        bundle = resource - self.links
        return self.member[self.indptr[bundle] : self.indptr[bundle + 1]]

    def link_class(self, resource: int) -> str:
        """Return the name of the link class, such as ``leaf-spine``; the first link's of a bundle."""
        links = self.links_of(resource)
        table = self.fabric.links
        return table.classes[int(table.link_class[links[0]])].name if len(links) else ""

    def name(self, resource: int) -> str:
        """Return a name for people: ``pod0/leaf3 -> pod0/spine7``; of a bundle what its ends have in common."""
        links = self.links_of(resource)
        if not len(links):
            return "nothing"
        return f"{self._end(self.fabric.links.src[links])} -> {self._end(self.fabric.links.dst[links])}"

    def _end(self, rows: IntArray) -> str:
        """Return a row's name, or the kind of several and the place that holds them all."""
        fabric, row = self.fabric, int(rows[0])
        if (rows == row).all():
            return fabric.node_name(row)
        parents = fabric.nodes.parent[rows]
        kind = Kind(int(fabric.nodes.kind[row])).prefix
        same = parents[0] >= 0 and bool((parents == parents[0]).all())
        return f"{fabric.node_name(int(parents[0]))}/{kind}" if same else kind


@dataclass
class ResourceBuilder:
    """Collects bundles beside a fabric's links.

    Attributes:
        fabric: whose links.
        capacity_Bps: float64[links], as they are now.
        latency_s: float64[links].
    """

    fabric: Fabric
    capacity_Bps: FloatArray
    latency_s: FloatArray
    _bundles: list[tuple[IntArray, IntArray]] = field(default_factory=list)
    _rows: int = 0

    def add(self, group: IntArray, member: IntArray, count: int) -> int:
        """Add ``count`` bundles, of which ``group[i]`` has the link ``member[i]``; return the row of the first."""
        order = np.argsort(group, kind="stable")
        size = np.bincount(group, minlength=count)
        if len(size) > count:
            raise InternalError(f"{len(size)} bundles where {count} were announced")
        self._bundles.append((size, member[order]))
        first = len(self.capacity_Bps) + self._rows
        self._rows += count
        return first

    def finish(self) -> Resources:
        """Make the table."""
        indptr = np.zeros(self._rows + 1, np.int64)
        np.cumsum(np.concatenate([np.empty(0, np.int64), *(size for size, _ in self._bundles)]), out=indptr[1:])
        member = np.concatenate([np.empty(0, np.int32), *(member for _, member in self._bundles)]).astype(np.int32)
        bundle = np.repeat(np.arange(self._rows), np.diff(indptr))
        rate_Bps = self.capacity_Bps[member]
        whole_Bps = np.bincount(bundle, rate_Bps, minlength=self._rows)
        moment = np.bincount(bundle, rate_Bps * self.latency_s[member], minlength=self._rows)
        latency_s = np.divide(moment, whole_Bps, out=np.zeros(self._rows), where=whole_Bps > 0)
        return Resources(
            self.fabric,
            np.concatenate([self.capacity_Bps, whole_Bps]),
            np.concatenate([self.latency_s, latency_s]),
            indptr,
            member,
        )


def link_state(
    fabric: Fabric, alive: npt.NDArray[np.bool_] | None, rate_x: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return (capacity_Bps, latency_s) of every link, those that are down at 0; circuits on their first fibre's link.

    Raises:
        ConfigError: an array is not one value a link, or a factor is below 0.
    """
    links = fabric.links
    capacity_Bps = links.rate_Bps.copy()
    for name, column in (("alive", alive), ("rate_x", rate_x)):
        if column is None:
            continue
        if np.shape(column) != (len(links),):
            raise ConfigError(f"{name} has shape {np.shape(column)}; one value a link is ({len(links)},)", field=name)
        factor = np.asarray(column, np.float64)
        if not np.isfinite(factor).all() or (factor < 0).any():
            raise ConfigError("a link's factor is 0 or above, and finite", field=name)
        capacity_Bps *= factor
    latency_s = links.latency_s.copy()
    if fabric.network.circuits is not None:
        first, second = 2 * fabric.network.circuits.astype(np.int64).T
        both = np.minimum(capacity_Bps[first], capacity_Bps[second + 1])
        back = np.minimum(capacity_Bps[second], capacity_Bps[first + 1])
        capacity_Bps[first], capacity_Bps[second] = both, back
        latency_s[first] += latency_s[second + 1]
        latency_s[second] += latency_s[first + 1]
    return capacity_Bps, latency_s
