"""Flow completion times: a batch of transfers, each from its start, run until all have ended."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def completion_times(
    indptr: npt.ArrayLike,
    resource: npt.ArrayLike,
    usage: npt.ArrayLike,
    size_bytes: npt.ArrayLike,
    capacity_Bps: npt.ArrayLike,
    *,
    start_s: npt.ArrayLike = 0.0,
    weight: npt.ArrayLike = 1.0,
    cap_Bps: npt.ArrayLike = np.inf,
    level: npt.ArrayLike = 0,
) -> npt.NDArray[np.float64]:
    """When each transfer ends, float64[transfers], on one clock with the starts; infinity for one that stalls for good.

    All events run inside compiled code. Arguments as `weft.engines.fluid.allocation.max_min`, and

    Args:
        size_bytes: one, or float[transfers].
        start_s: one, or float[transfers], from 0.
    """
    from weft.engines.fluid.event_kernels import drain  # numba, which is slow to import
    from weft.engines.fluid.storage import empty, reals, wholes, with_pool, with_slots

    starts, entries = wholes(indptr), wholes(resource)
    count = len(starts) - 1
    begin_s, end_s = reals(start_s, count), np.full(count, np.inf)
    drain(
        with_pool(with_slots(empty(capacity_Bps), count), len(entries)),
        np.argsort(begin_s, kind="stable"),
        begin_s,
        starts,
        entries,
        reals(usage),
        reals(size_bytes, count),
        reals(weight, count),
        reals(cap_Bps, count),
        wholes(level, count),
        end_s,
    )
    return end_s
