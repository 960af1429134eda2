"""Colour refinement over columns, groups, transfers and resources, one round at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weft._jit import kernel

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_C = np.uint64(0x9E3779B97F4A7C15)
_S1, _S2, _S3 = np.uint64(30), np.uint64(27), np.uint64(31)


@kernel
def mix(colour: np.uint64, word: np.uint64) -> np.uint64:
    """Mix a word into a colour: the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (colour ^ (word * _C)) + _C
    z = (z ^ (z >> _S1)) * _A
    z = (z ^ (z >> _S2)) * _B
    return z ^ (z >> _S3)


@kernel
def colour_resources(transfer: U64, indptr: I64, resource: I32, usage: U64, colour: U64) -> None:
    """Mix into each resource's colour what uses it, and how much; O(entries).

    Sums of mixed words do not depend on their order, so that a colour stands for a multiset.

    Args:
        transfer: uint64[transfers], colours.
        indptr, resource, usage: entries of each transfer; the usage as bits.
        colour: uint64[resources], changed in place.
    """
    total = np.zeros(len(colour), np.uint64)
    for t in range(len(transfer)):
        for e in range(indptr[t], indptr[t + 1]):
            total[resource[e]] += mix(transfer[t], usage[e])
    for r in range(len(colour)):
        colour[r] = mix(colour[r], total[r])


@kernel
def colour_transfers(resource_colour: U64, indptr: I64, resource: I32, usage: U64, colour: U64) -> None:
    """Mix into each transfer's colour those of the resources that it uses; O(entries)."""
    for t in range(len(colour)):
        total = np.uint64(0)
        for e in range(indptr[t], indptr[t + 1]):
            total += mix(resource_colour[resource[e]], usage[e])
        colour[t] = mix(colour[t], total)


@kernel
def colour_groups(
    transfer: U64, group_of_transfer: I32, group: U64, start: I64, member: I32, column: U64, of_member: I32
) -> None:
    """Mix transfers into their groups, groups into their columns, columns back into groups, groups into transfers.

    Args:
        transfer: uint64[transfers], colours, changed in place.
        group_of_transfer: int32[transfers].
        group: uint64[groups], colours, changed in place.
        start, member: the columns of group g are ``member[start[g]:start[g + 1]]``.
        column: uint64[columns], colours, changed in place.
        of_member: int32[members], what tells one member of a group from another.
    """
    total = np.zeros(len(group), np.uint64)
    for t in range(len(transfer)):
        total[group_of_transfer[t]] += mix(transfer[t], _A)
    seen = np.zeros(len(column), np.uint64)
    for g in range(len(group)):
        group[g] = mix(group[g], total[g])
        for m in range(start[g], start[g + 1]):
            seen[member[m]] += mix(group[g], np.uint64(of_member[m]))
    for c in range(len(column)):
        column[c] = mix(column[c], seen[c])
    for g in range(len(group)):
        within = np.uint64(0)
        for m in range(start[g], start[g + 1]):
            within += mix(column[member[m]], np.uint64(of_member[m]))
        group[g] = mix(group[g], within)
    for t in range(len(transfer)):
        transfer[t] = mix(transfer[t], group[group_of_transfer[t]])
