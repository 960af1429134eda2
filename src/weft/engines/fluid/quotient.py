"""Traffic folded by its classes: one transfer and one resource stand for all of their class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.engines.fluid.classes import Classes, Entries, Traffic


@dataclass(frozen=True)
class Quotient:
    """A small network that behaves as the whole does.

    Attributes:
        routed: for every state of the network, the entries of each class of transfers on the classes of resources: what
            all its members together put on one resource of the class.
        weight: float64[transfer classes].
        resource: int64[resource classes], the first resource of each.
        members: int64[resource classes], how many resources each stands for.
        group_of: int64[transfer classes], the class of groups that makes each.
        stage: int32[transfer classes].
    """

    routed: tuple[Entries, ...]
    weight: NDArray[np.float64]
    resource: NDArray[np.int64]
    members: NDArray[np.int64]
    group_of: NDArray[np.int64]
    stage: NDArray[np.int32]

    def stages_of(self, group: int, stages: int) -> list[NDArray[np.int64]]:
        """The classes of transfers of one class of groups, stage by stage; none where nothing moves in a stage."""
        own = np.flatnonzero(self.group_of == group)
        return [own[self.stage[own] == stage] for stage in range(stages)]


def fold(traffic: Traffic, classes: Classes) -> Quotient:
    """Fold traffic; O(entries)."""
    first = classes.first("transfer")
    resource = classes.first("resource")
    used = classes.resource[classes.resource >= 0]
    return Quotient(
        tuple(_fold(entries, classes, resource) for entries in traffic.routed),
        traffic.weight[first],
        resource,
        np.bincount(used, minlength=len(resource)),
        classes.group[traffic.group[first]],
        traffic.stage[first],
    )


def _fold(entries: Entries, classes: Classes, first: NDArray[np.int64]) -> Entries:
    """Sum the entries on the first resource of each class by the class of their transfer."""
    kind = classes.resource[entries.resource]
    kept = np.flatnonzero(first[kind] == entries.resource)
    transfer = np.searchsorted(entries.indptr, kept, side="right") - 1
    width = len(first)
    key = classes.transfer[transfer] * width + kind[kept]
    cells, inverse = np.unique(key, return_inverse=True)
    usage = np.bincount(inverse, entries.usage[kept], minlength=len(cells)).astype(np.float64)
    indptr = np.searchsorted(cells, np.arange(int(classes.transfer.max()) + 2) * width)
    return Entries(indptr.astype(np.int64), (cells % width).astype(np.int32), usage)
