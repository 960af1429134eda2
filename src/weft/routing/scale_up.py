"""Routes inside a scale-up domain: over its switches, its mesh, its grid or the host.

Switched domains spread all traffic of an accelerator evenly over its switches (NVLink stripes every message over all
links): two bundles, to the switches and from them. A full mesh has a link for each pair, a grid is walked dimension by
dimension, PCIe goes through the host. Where a link on that way is down, the domain's live links find a shortest path.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.fabric.fabric import Fabric
from weft.fabric.scale_up import SWITCHED
from weft.fabric.tables import Domain, FloatArray, IntArray, Kind, csr
from weft.routing.paths import Paths, joined, of_matrix
from weft.routing.policy import Policy
from weft.routing.resources import ResourceBuilder
from weft.routing.switch_graph import SwitchGraph


class ScaleUpRoutes:
    """Routes between accelerators, and scale-up switches, of the same domain.

    Attributes:
        kind: of the scale-up network; ``none`` where there is none.
    """

    def __init__(
        self,
        fabric: Fabric,
        number: npt.NDArray[np.int32],
        resources: ResourceBuilder,
        detours: Callable[[SwitchGraph], Policy],
    ) -> None:
        """Prepare for a fabric.

        Args:
            fabric: the fabric.
            number: int32[nodes], the accelerator number of each node row; -1 for others.
            resources: gets the bundles of switched domains.
            detours: makes the policy that routes around links that are down.
        """
        self.fabric, self.number, self.kind = fabric, number, fabric.plan.scale_up.kind
        self.capacity_Bps, self.latency_s, self._detours = resources.capacity_Bps, resources.latency_s, detours
        links = fabric.links
        inside = np.array([c.domain == Domain.SCALE_UP for c in links.classes], bool)[links.link_class[::2]]
        self._up: npt.NDArray[np.int64] = 2 * np.flatnonzero(inside)
        if self.kind in SWITCHED:
            accelerator = number[links.src[self._up]]
            self._out = resources.add(accelerator, self._up.astype(np.int32), fabric.accelerators)
            self._in = resources.add(accelerator, (self._up + 1).astype(np.int32), fabric.accelerators)

    def between(self, src: npt.NDArray[np.int32], dst: npt.NDArray[np.int32], key: npt.NDArray[np.uint64]) -> Paths:
        """Route flows between node rows of the same domain; a switch stands for all switches of its domain."""
        a, b = self.number[src], self.number[dst]
        if self.kind == "none":
            return of_matrix(np.empty((len(a), 0), np.int32), a == b)
        if self.kind in SWITCHED:
            return self._over_switches(a, b)
        if self.kind == "pcie":
            link = self._host_link
            apart = a != b
            way = np.stack([np.where(apart, link[a], -1), np.where(apart, link[b] + 1, -1)], axis=1)
            up = ~apart | ((self.capacity_Bps[link[a]] > 0) & (self.capacity_Bps[link[b] + 1] > 0))
            return of_matrix(np.where(up[:, None], way, -1).astype(np.int32), up)
        paths = self._over_grid(a, b) if self.fabric.plan.scale_up.grid is not None else self._over_mesh(a, b)
        return self._around(paths, a, b, key)

    def _over_switches(self, a: IntArray, b: IntArray) -> Paths:
        apart = (a >= 0) | (b >= 0)
        apart &= a != b
        up = np.where((a >= 0) & apart, self._out + a, -1)
        down = np.where((b >= 0) & apart, self._in + b, -1)
        way = np.stack([up, down], axis=1)
        ok = np.ones(len(a), bool)
        if self._live is not None:
            outward, inward = self._live
            ok = ~apart | (outward[a] & inward[b]).any(axis=1)
        return of_matrix(np.where(ok[:, None], way, -1).astype(np.int32), ok)

    @cached_property
    def _live(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]] | None:
        """Links that are up, to and from each switch, bool[accelerators + 1, switches]; None if all are.

        The last row, which -1 takes, is of a switch: it stands for all.
        """
        if (self.capacity_Bps[self._up] > 0).all() and (self.capacity_Bps[self._up + 1] > 0).all():
            return None
        links, found = self.fabric.links, []
        accelerator = self.number[links.src[self._up]]
        switch = self.fabric.nodes.ordinal[links.dst[self._up]]
        for link in (self._up, self._up + 1):
            table = np.zeros((self.fabric.accelerators + 1, int(switch.max()) + 1), bool)
            table[accelerator, switch] = self.capacity_Bps[link] > 0
            table[-1] = True
            found.append(table)
        return found[0], found[1]

    @cached_property
    def _host_link(self) -> npt.NDArray[np.int64]:
        """The link from each accelerator to its host, int64[accelerators]."""
        link = np.full(self.fabric.accelerators, -1, np.int64)
        link[self.number[self.fabric.links.src[self._up]]] = self._up
        return link

    @cached_property
    def _pairs(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Links of a full mesh: (source · accelerators + destination, ascending; link rows)."""
        links, count = self.fabric.links, self.fabric.accelerators
        rows = np.concatenate([self._up, self._up + 1])
        pair = self.number[links.src[rows]].astype(np.int64) * count + self.number[links.dst[rows]]
        order = np.argsort(pair)
        return pair[order], rows[order]

    def _over_mesh(self, a: IntArray, b: IntArray) -> Paths:
        pairs, rows = self._pairs
        at = np.searchsorted(pairs, a.astype(np.int64) * self.fabric.accelerators + b)
        way = np.where(a == b, -1, rows[np.minimum(at, len(rows) - 1)] if len(rows) else -1)
        return of_matrix(way[:, None].astype(np.int32), np.ones(len(a), bool))

    @cached_property
    def _next(self) -> npt.NDArray[np.int32]:
        """Links of a grid, int32[accelerators, dimensions, 2]: to the next in each dimension, and to the last."""
        grid, links = self.fabric.plan.scale_up.grid, self.fabric.links
        assert grid is not None
        table = np.full((self.fabric.accelerators, len(grid.shape), 2), -1, np.int32)
        lower, upper = self.number[links.src[self._up]], self.number[links.dst[self._up]]
        size = self.fabric.plan.per_node
        places = (np.stack(np.unravel_index(end % size, grid.shape)) for end in (lower, upper))
        dimension = np.argmax(np.not_equal(*places), axis=0)
        table[lower, dimension, 0] = self._up
        table[upper, dimension, 1] = self._up + 1
        return table

    def _over_grid(self, a: IntArray, b: IntArray) -> Paths:
        from weft.routing.grid_kernels import walk

        grid = self.fabric.plan.scale_up.grid
        assert grid is not None
        shape = np.array(grid.shape, np.int64)
        indptr, resource, share = walk(self._next, shape, grid.wraps, a.astype(np.int64), b.astype(np.int64))
        return Paths(indptr, resource, share, np.zeros(len(a)), np.ones(len(a), bool))

    def _around(self, paths: Paths, a: IntArray, b: IntArray, key: npt.NDArray[np.uint64]) -> Paths:
        """Replace the ways over links that are down by shortest paths over live ones."""
        down = self.capacity_Bps[paths.resource] <= 0
        if not down.any():
            return paths
        cut = np.zeros(len(paths), bool)
        cut[paths.flow[down]] = True
        kept, other = np.flatnonzero(~cut), np.flatnonzero(cut)
        mask = ~cut[paths.flow]
        indptr = np.concatenate([[0], np.cumsum(np.diff(paths.indptr)[kept])])
        whole = Paths(indptr, paths.resource[mask], paths.share[mask], paths.latency_s[kept], paths.reachable[kept])
        detour = self._detour.between(a[other].astype(np.int32), b[other].astype(np.int32), key[other])
        return joined(len(paths), [(kept, whole), (other, detour)])

    @cached_property
    def _detour(self) -> Policy:
        fabric, number = self.fabric, self.number
        rows = np.concatenate([self._up, self._up + 1])
        rows = rows[self.capacity_Bps[rows] > 0]
        indptr, order = csr(number[fabric.links.src[rows]], fabric.accelerators)
        rows = rows[order]
        head = number[fabric.links.dst[rows]].astype(np.int32)
        accelerators = fabric.rows(Kind.ACCELERATOR).astype(np.int32)
        capacity_Bps: FloatArray = self.capacity_Bps[rows]
        graph = SwitchGraph(
            accelerators, number, indptr, head, rows.astype(np.int32), capacity_Bps, self.latency_s[rows]
        )
        return self._detours(graph)
