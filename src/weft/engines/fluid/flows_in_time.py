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
    from weft.engines.fluid import event_kernels, storage  # numba, which is slow to import

    starts = np.ascontiguousarray(indptr, np.int64)
    count = len(starts) - 1
    resource = np.ascontiguousarray(resource, np.int64)
    net = storage.empty(capacity_Bps)
    net = storage.with_pool(storage.with_slots(net, count), len(resource))
    begin_s = storage.column(start_s, count)
    end_s = np.full(count, np.inf)
    event_kernels.drain(
        net,
        np.argsort(begin_s, kind="stable"),
        begin_s,
        starts,
        resource,
        np.ascontiguousarray(usage, np.float64),
        storage.column(size_bytes, count),
        storage.column(weight, count),
        storage.column(cap_Bps, count),
        storage.whole(level, count),
        end_s,
    )
    return end_s
