"""The tables of a fluid network: made, and made longer."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from weft.engines.fluid.state_kernels import CLOCKS, ENTRY, ROW, SLOT, SLOTS_FREE, TALLIES, Network

_T = TypeVar("_T", bound=np.generic)
_SLOTS = 64  # at first
_ENTRIES = 1024
_BINS = 1024  # of the timeline; they double in width when time runs out of them


def empty(capacity_Bps: npt.ArrayLike, group: npt.ArrayLike | None = None) -> Network:
    """A network at time 0 with nothing in flight.

    Args:
        capacity_Bps: float[resources].
        group: int[resources], the row of the timeline each resource counts in, -1 for none.
    """
    capacity = np.asarray(capacity_Bps, np.float64)
    rows = np.zeros(len(capacity), ROW)
    rows["capacity"] = capacity
    rows["head"] = rows["local"] = -1
    rows["group"] = -1 if group is None else np.asarray(group, np.int64)
    groups = int(rows["group"].max(initial=-1)) + 1
    bins, clock, tally = np.zeros((groups, _BINS)), np.zeros(CLOCKS), np.zeros(TALLIES, np.int64)
    return with_slots(Network(np.zeros(0, SLOT), np.zeros(_ENTRIES, ENTRY), rows, bins, clock, tally), _SLOTS)


def with_slots(net: Network, more: int) -> Network:
    """The same network with free slots added."""
    before, free = len(net.slots), int(net.tally[SLOTS_FREE])
    slots = np.concatenate([net.slots, np.zeros(more, SLOT)])
    # The lowest number is taken first
    slots["free"][free : free + more] = np.arange(before + more - 1, before - 1, -1)
    net.tally[SLOTS_FREE] += more
    return net._replace(slots=slots)


def with_pool(net: Network, entries: int) -> Network:
    """The same network with an empty pool for so many entries."""
    return net._replace(pool=np.zeros(entries, ENTRY))


def reals(values: npt.ArrayLike, count: int | None = None) -> npt.NDArray[np.float64]:
    """An array as kernels take it: contiguous, and writable though they only read it.

    Numba compiles anew for any other layout. With a count, one value stands for that many.
    """
    return _plain(np.asarray(values, np.float64), count)


def wholes(values: npt.ArrayLike, count: int | None = None) -> npt.NDArray[np.int64]:
    """The same for whole numbers."""
    return _plain(np.asarray(values, np.int64), count)


def _plain(array: npt.NDArray[_T], count: int | None) -> npt.NDArray[_T]:
    if count is not None and array.ndim == 0:
        array = np.full(count, array)
    return array if array.flags.writeable and array.flags.c_contiguous else array.copy()
