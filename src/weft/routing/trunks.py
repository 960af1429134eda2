"""Between the folded Clos networks of several sites: bundles of long-haul links, from plane to plane.

All long-haul links from one plane of one site to that of another are one bundle, used evenly. Planes that no link joins
are reached through others, by as few bundles as can be and then the shortest fibre; a site that traffic only passes is
taken to pass it on from switch to switch freely. Memory and time: planes squared and cubed; there are as many as sites
times planes of a site.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.fabric.fabric import Fabric
from weft.fabric.tables import Domain, IntArray
from weft.routing.clos_tables import ClosTables
from weft.routing.resources import ResourceBuilder
from weft.routing.switch_graph import SwitchGraph


class Trunks:
    """Ways from plane to plane.

    Attributes:
        top: int64[pods], tiers above the leaves that traffic climbs to leave the site: 0, 1 or 2.
    """

    def __init__(self, fabric: Fabric, graph: SwitchGraph, tables: ClosTables, resources: ResourceBuilder) -> None:
        """Add the bundles."""
        spines, cores = np.diff(tables.first_spine), np.diff(tables.core_stage.first)
        self.top = (spines > 0).astype(np.int64)
        self.top[spines > 0] += cores[tables.first_spine[:-1][spines > 0]] > 0
        self._pod_plane = tables.plane
        self._planes, plane = np.unique(tables.island, return_inverse=True)
        links, count = fabric.links, len(self._planes)
        link = np.flatnonzero(links.domain == Domain.LONG_HAUL)
        link = link[(graph.number[links.src[link]] >= 0) & (graph.number[links.dst[link]] >= 0)]
        pair = plane[graph.number[links.src[link]]] * count + plane[graph.number[links.dst[link]]]
        pairs, bundle = np.unique(pair, return_inverse=True)
        first = resources.add(bundle, link.astype(np.int32), len(pairs))
        cost = np.full(count * count, np.inf)
        live = resources.capacity_Bps[link] > 0
        np.minimum.at(cost, pair[live], 1.0 + resources.latency_s[link[live]])  # hops first: fibre adds less than one
        rows = np.full(count * count, -1, np.int64)
        rows[pairs] = first + np.arange(len(pairs))
        self._bundle: npt.NDArray[np.int64] = rows.reshape(count, count)
        self._next = _first_hops(cost.reshape(count, count))

    def __bool__(self) -> bool:
        return bool((self._bundle >= 0).any())

    def between(self, src: IntArray, dst: IntArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return (int64[flows, hops] bundles in order, -1 for none; bool[flows] reachable) from pod to pod."""
        here, goal = (np.searchsorted(self._planes, self._pod_plane[pods]) for pods in (src, dst))
        reachable = (here == goal) | (self._next[here, goal] >= 0)
        steps = [np.full(len(src), -1, np.int64)]
        while (moving := reachable & (here != goal)).any():
            onward = np.where(moving, self._next[here, goal], here)
            steps.append(np.where(moving, self._bundle[here, onward], -1))
            here = onward
        return np.stack(steps, axis=1), reachable


def _first_hops(cost: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return where each way to each plane leads first, int64[planes, planes]; -1 for no way (R. Floyd, 1962)."""
    onward = np.where(np.isfinite(cost), np.arange(len(cost))[None, :], -1)
    for middle in range(len(cost)):
        through = cost[:, middle, None] + cost[None, middle, :]
        better = through < cost
        cost = np.where(better, through, cost)
        onward = np.where(better, onward[:, middle, None], onward)
    return onward
