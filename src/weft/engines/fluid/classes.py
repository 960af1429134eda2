"""Which columns, transfers and links the network treats alike: the coarsest exact folding of a job's traffic.

Colour refinement on the graph of columns (a job's ranks, one for each position in a pipeline stage), groups (the
communicators they form), transfers and resources: start with what is known to differ, mix every neighbour's colour in,
and repeat until no class splits any more. The classes are then an equitable partition: every member of a class uses as
much of each class of resources, and is in as many groups of each class, as any other. Max-min rates are unique, and
permuting members of a class changes nothing that they depend on, so all members of a class have one rate; what runs one
member of each class gives the same times as what runs all. A failed link, a collision of two paths or a slow host
splits just the classes that it touches. O(rounds · (entries + columns)); in a network a few rounds suffice.
Source: Grohe et al., Dimension reduction via colour refinement, ESA 2014 (for linear programs, of which max-min
fairness is a sequence).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Entries:
    """The resources of transfers, as rows of a sparse matrix.

    Attributes:
        indptr: int64[transfers + 1].
        resource: int32[entries].
        usage: float64[entries], bytes on the resource for each byte of the collective's size.
    """

    indptr: NDArray[np.int64]
    resource: NDArray[np.int32]
    usage: NDArray[np.float64]


@dataclass(frozen=True)
class Traffic:
    """All transfers that a program's communications make, and who takes part.

    Attributes:
        pattern: int32[groups], which kind of communication each group is for.
        start: int64[groups + 1]; the columns of group g are ``member[start[g]:start[g + 1]]``.
        member: int32[members], columns.
        columns: how many columns there are.
        group: int32[transfers], ascending.
        stage: int32[transfers], the stage of the collective that it belongs to.
        weight: float64[transfers], share of a contended resource relative to others'.
        routed: the entries in every state of the network, one after another in time.
    """

    pattern: NDArray[np.int32]
    start: NDArray[np.int64]
    member: NDArray[np.int32]
    columns: int
    group: NDArray[np.int32]
    stage: NDArray[np.int32]
    weight: NDArray[np.float64]
    routed: tuple[Entries, ...]


@dataclass(frozen=True)
class Classes:
    """A partition of columns, groups, transfers and resources; classes are numbered by their first member.

    Attributes:
        column, group, transfer: int64, the class of each.
        resource: int64[resources], the class of each; -1 for those that nothing uses.
        exact: members of a class behave alike; False where classes were joined by force.
    """

    column: NDArray[np.int64]
    group: NDArray[np.int64]
    transfer: NDArray[np.int64]
    resource: NDArray[np.int64]
    exact: bool = True
    firsts: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False)

    @classmethod
    def none(cls, traffic: Traffic, resources: int) -> Classes:
        """Everything in a class of its own."""
        each = (traffic.columns, len(traffic.pattern), len(traffic.group))
        column, group, transfer = (np.arange(count) for count in each)
        return cls(column, group, transfer, _used(traffic, np.arange(resources).astype(np.uint64)))

    @property
    def columns(self) -> int:
        """How many classes of columns."""
        return int(self.column.max()) + 1

    def first(self, what: str) -> NDArray[np.int64]:
        """The first member of every class of ``column``, ``group``, ``transfer`` or ``resource``."""
        if what not in self.firsts:
            numbers, found = np.unique(getattr(self, what), return_index=True)
            self.firsts[what] = found[numbers >= 0]
        return self.firsts[what]


def refine(
    traffic: Traffic, column: NDArray[np.uint64], resource: NDArray[np.uint64], most: int | None = None
) -> Classes | None:
    """Return the coarsest equitable partition in which members of a class start with one colour.

    Args:
        traffic: what runs.
        column: uint64[columns], what tells columns apart to begin with (how fast their hosts are).
        resource: uint64[resources], what tells resources apart (capacity, in every state of the network).
        most: give up, and return None, once there are more classes of columns.
    """
    from weft.engines.fluid import class_kernels as kernels

    column, resource = column.copy(), resource.copy()
    group = traffic.pattern.astype(np.uint64)
    transfer = traffic.stage.astype(np.uint64) + _bits(traffic.weight)
    bits = [_bits(entries.usage) for entries in traffic.routed]
    # Columns are not told apart by where in a group they are: what that means for them, their transfers say.
    alike = np.zeros(len(traffic.member), np.int32)
    counts: tuple[int, ...] = ()
    while True:
        for entries, usage in zip(traffic.routed, bits, strict=True):
            kernels.colour_resources(transfer, entries.indptr, entries.resource, usage, resource)
        for entries, usage in zip(traffic.routed, bits, strict=True):
            kernels.colour_transfers(resource, entries.indptr, entries.resource, usage, transfer)
        kernels.colour_groups(transfer, traffic.group, group, traffic.start, traffic.member, column, alike)
        found = tuple(len(np.unique(each)) for each in (column, group, transfer, resource))
        if most is not None and found[0] > most:
            return None
        if found == counts:
            break
        counts = found
    return Classes(_numbered(column), _numbered(group), _numbered(transfer), _used(traffic, resource))


def coupled(traffic: Traffic, column: NDArray[np.uint64], resource: NDArray[np.uint64]) -> Classes:
    """Return classes in which everything that does the same at the same time advances together, as fast as its slowest.

    For traffic without symmetry on a scale where members cannot run one by one: a column stands for all that start with
    its colour. An upper bound on time, since in each communication the slowest member decides, though it need not be
    the same each time.
    """
    from weft.engines.fluid import class_kernels as kernels

    resource = resource.copy()
    together = _numbered(traffic.pattern[traffic.group].astype(np.int64) * (1 << 32) + traffic.stage)
    colour = together.astype(np.uint64)
    for entries in traffic.routed:
        bits = _bits(entries.usage)
        kernels.colour_resources(colour, entries.indptr, entries.resource, bits, resource)
    return Classes(_numbered(column), _numbered(traffic.pattern), together, _used(traffic, resource), exact=False)


def _bits(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Floats as words, equal for values that differ by rounding only."""
    mantissa, exponent = np.frexp(values)
    rounded: NDArray[np.float64] = np.ldexp(np.round(mantissa, 9), exponent)
    return rounded.view(np.uint64)


def _used(traffic: Traffic, resource: NDArray[np.uint64]) -> NDArray[np.int64]:
    used = np.zeros(len(resource), bool)
    for entries in traffic.routed:
        used[entries.resource] = True
    found = np.full(len(resource), -1, np.int64)
    found[used] = _numbered(resource[used])
    return found


def _numbered(colour: NDArray[np.generic]) -> NDArray[np.int64]:
    """Classes numbered in order of their first member."""
    _, first, inverse = np.unique(colour, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
