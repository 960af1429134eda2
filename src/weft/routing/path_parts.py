"""Flows in parts: each part on a path of its own, legs one after the other, and all put together again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.routing.hashing import Hashing, Keys
from weft.routing.paths import Paths, joined

Rows = npt.NDArray[np.int64]


def parts(hashing: Hashing, key: Keys, count: int) -> tuple[Rows, Keys]:
    """Return ``count`` parts of each flow: (int64[parts] its flow, ascending; uint64[parts] its key)."""
    flow = np.repeat(np.arange(len(key)), count)
    return flow, hashing.queue_pair(key[flow], np.tile(np.arange(count), len(key)))


def shared(flow: Rows, paths: Paths, flows: int) -> Paths:
    """Return the paths of flows whose parts share them evenly; parts that cannot go leave their share to the others.

    Args:
        flow: int64[parts], ascending.
        paths: of the parts.
        flows: how many.
    """
    return _assembled(flow, paths, none(len(paths)), flows)


def chained(first: Paths, second: Paths) -> Paths:
    """Return the paths that go one way and then another; a link on both has both shares."""
    return _assembled(np.arange(len(first)), first, second, len(first))


def either(second_one: npt.NDArray[np.bool_], first: Paths, second: Paths) -> Paths:
    """Return for each flow its first path, or its second where ``second_one`` says so."""
    one, other = np.flatnonzero(~second_one), np.flatnonzero(second_one)
    return joined(len(first), [(one, taken(first, one)), (other, taken(second, other))])


def none(flows: int, *, reachable: bool = True) -> Paths:
    """Return paths that stay where they are, or cannot go."""
    nothing = np.empty(0, np.int32), np.empty(0)
    return Paths(np.zeros(flows + 1, np.int64), *nothing, np.zeros(flows), np.full(flows, reachable))


def taken(paths: Paths, rows: Rows) -> Paths:
    """Return the paths of some flows."""
    size = np.diff(paths.indptr)[rows]
    indptr = np.concatenate([[0], np.cumsum(size)])
    at = np.arange(indptr[-1]) + np.repeat(paths.indptr[rows] - indptr[:-1], size)
    return Paths(indptr, paths.resource[at], paths.share[at], paths.latency_s[rows], paths.reachable[rows])


def _assembled(flow: Rows, first: Paths, second: Paths, flows: int) -> Paths:
    from weft.routing.assemble_kernels import assemble

    resources = 1 + max(int(paths.resource.max(initial=-1)) for paths in (first, second))
    nowhere = np.empty((len(flow), 0), np.int32)
    indptr, resource, share, reached = assemble(
        flow,
        np.ones(len(flow)),
        first.reachable & second.reachable,
        (first.indptr, first.resource, first.share),
        nowhere,
        (second.indptr, second.resource, second.share),
        nowhere,
        flows,
        resources,
    )
    return Paths(indptr, resource, share, np.zeros(flows), reached)
