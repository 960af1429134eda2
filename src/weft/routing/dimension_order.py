"""Dimension order: through a torus, mesh or HyperX one dimension after the other, the short way round.

Deterministic and, with enough virtual channels, free of deadlock. On a line of a HyperX every goal is one hop away, on
a ring at most half the line; an even ring has two ways of the same length, which share evenly or are chosen by a hash.
Uniform traffic that one host a router injects loads the links of a ring of even k by k / 8. With all rotations of the
order (1-2-3, 2-3-1, 3-1-2), each for an equal share, traffic that one order crowds, such as a transpose, spreads over
several: O1TURN for two dimensions. Flows that would cross a link that is down take shortest paths instead.
Sources: W. Dally and B. Towles, Principles and practices of interconnection networks (2004), chapter 8; D. Seo, A. Ali,
W. Lim and N. Rafique, Near-optimal worst-case throughput routing for two-dimensional mesh networks, ISCA 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.fabric.fabric import Fabric
from weft.fabric.tables import IntArray
from weft.routing.hashing import Keys
from weft.routing.path_parts import either, shared
from weft.routing.paths import Paths
from weft.routing.shortest import ShortestPaths, Switches
from weft.routing.switch_graph import SwitchGraph

COMPLETE = ("hyperx", "flattened_butterfly", "full_mesh")
GRIDS = ("torus", *COMPLETE)


@dataclass(frozen=True)
class Grid:
    """Where switches stand.

    Attributes:
        coordinates: int32[switches, dimensions].
        rings: bool[dimensions], lines that close.
        complete: every two switches of a line are joined.
    """

    coordinates: npt.NDArray[np.int32]
    rings: npt.NDArray[np.bool_]
    complete: bool

    @classmethod
    def of(cls, fabric: Fabric, graph: SwitchGraph) -> Grid:
        """Return the grid of a network of one of the topologies in `GRIDS`, as it was built."""
        places = fabric.network.coordinates
        assert places is not None
        links = fabric.links
        a, b = graph.number[links.src[::2]], graph.number[links.dst[::2]]
        inside = (a >= 0) & (b >= 0)
        last = places.max(axis=0)
        closing = np.abs(places[a[inside]] - places[b[inside]]) == last
        return cls(places, closing.any(axis=0) & (last > 1), fabric.network.topology in COMPLETE)


@dataclass
class DimensionOrder:
    """Routes through a grid.

    Attributes:
        name: as users choose it.
        shortest: takes flows whose way is broken; hashed or even, as this is.
        grid: where its switches stand.
        rotations: share evenly over all rotations of the order of dimensions.
    """

    name: str
    shortest: ShortestPaths
    grid: Grid
    rotations: bool = False

    def between(self, src: Switches, dst: Switches, key: Keys) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Latencies are left to the router."""
        from weft.routing import dimension_order_kernels as kernels

        at, cell, shape = self._cells
        first = np.arange(len(shape))
        orders = (first[:, None] + first) % len(shape) if self.rotations else first[None, :]
        kind = np.where(self.grid.complete, kernels.COMPLETE, np.where(self.grid.rings, kernels.RING, kernels.OPEN))
        shortest = self.shortest
        salt = shortest.hashing.salts(len(cell))
        even = shortest.how == "even"
        indptr, resource, share, whole = kernels.walk(
            shortest.links, at, cell, shape, kind, orders, src, dst, key, salt, even
        )
        paths = Paths(indptr, resource, share, np.zeros(len(whole)), whole)
        if len(orders) > 1:
            paths = shared(np.repeat(np.arange(len(src)), len(orders)), paths, len(src))
        if paths.reachable.all():
            return paths
        broken = ~paths.reachable
        return either(broken, paths, shortest.between(src, dst, key))

    @cached_property
    def _cells(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (the switch of each place, the place of each switch, the shape)."""
        places: IntArray = self.grid.coordinates.astype(np.int64)
        shape = places.max(axis=0) + 1
        cell = np.ravel_multi_index(tuple(places.T), tuple(shape))
        at = np.empty(len(cell), np.int64)
        at[cell] = np.arange(len(cell))
        return at, cell, shape
