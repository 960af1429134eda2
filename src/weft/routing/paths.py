"""Where flows go: for each flow, the resources it uses and the share of its rate on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Paths:
    """The routes of a batch of flows, as rows of a sparse matrix.

    Flow ``f`` at rate r puts ``share[e] * r`` on resource ``resource[e]`` for each e in ``indptr[f]:indptr[f + 1]``. A
    single path has shares of 1; spraying over k links has k entries of 1/k. An unreachable flow has no entries.

    Attributes:
        indptr: int64[flows + 1].
        resource: int32[entries], rows of `weft.routing.resources.Resources`; no resource twice in one flow.
        share: float64[entries], above 0.
        latency_s: float64[flows], one way, propagation and devices; the mean over shares where there are several paths.
        reachable: bool[flows].
    """

    indptr: npt.NDArray[np.int64]
    resource: npt.NDArray[np.int32]
    share: npt.NDArray[np.float64]
    latency_s: npt.NDArray[np.float64]
    reachable: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.latency_s)

    @property
    def flow(self) -> npt.NDArray[np.int64]:
        """The flow of every entry, int64[entries]."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))


def of_matrix(way: npt.NDArray[np.int32], reachable: npt.NDArray[np.bool_]) -> Paths:
    """Return single paths from int32[flows, steps] resources, -1 for no step; latencies are left at 0."""
    used = way >= 0
    indptr = np.zeros(len(way) + 1, np.int64)
    np.cumsum(used.sum(axis=1), out=indptr[1:])
    resource = way[used]
    return Paths(indptr, resource, np.ones(len(resource)), np.zeros(len(way)), reachable)


def joined(flows: int, parts: Sequence[tuple[npt.NDArray[np.int64], Paths]]) -> Paths:
    """Return the paths of ``flows`` flows from those of some of them each: (int64[n] flows, their n paths)."""
    size, latency_s, reachable = np.zeros(flows, np.int64), np.zeros(flows), np.zeros(flows, bool)
    for rows, paths in parts:
        size[rows], latency_s[rows], reachable[rows] = np.diff(paths.indptr), paths.latency_s, paths.reachable
    indptr = np.concatenate([[0], np.cumsum(size)])
    resource, share = np.empty(indptr[-1], np.int32), np.empty(indptr[-1])
    for rows, paths in parts:
        at = np.arange(len(paths.resource)) + np.repeat(indptr[rows] - paths.indptr[:-1], np.diff(paths.indptr))
        resource[at], share[at] = paths.resource, paths.share
    return Paths(indptr, resource, share, latency_s, reachable)
