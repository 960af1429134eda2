"""Dimension order through tori and meshes of accelerators: dimension by dimension, the short way round.

Where both ways round a ring are equally long, half goes each way. Source: W. J. Dally and B. Towles, Principles and
Practices of Interconnection Networks (2004), chapter 8. Complexity: flows x hops.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel


@kernel
def walk(
    link: npt.NDArray[np.int32],
    shape: npt.NDArray[np.int64],
    wraps: bool,
    src: npt.NDArray[np.int64],
    dst: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return (indptr, resource, share) of `weft.routing.paths.Paths`.

    Args:
        link: int32[accelerators, dimensions, 2], the link to the next accelerator in each dimension, and to the last.
        shape: int64[dimensions], accelerators along each; the last dimension is counted fastest.
        wraps: rings, not lines.
        src, dst: int64[flows], accelerators; both of a flow in the same domain.
    """
    dimensions = len(shape)
    size = 1
    for d in range(dimensions):
        size *= shape[d]
    indptr = np.zeros(len(src) + 1, np.int64)
    resource, share = np.empty(0, np.int32), np.empty(0, np.float64)
    for fill in range(2):
        if fill:
            resource, share = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float64)
        for f in range(len(src)):
            e, at, stride = indptr[f], src[f], size
            here, there = src[f] % size, dst[f] % size
            for d in range(dimensions):
                k = shape[d]
                stride //= k
                place, goal = here // stride % k, there // stride % k
                ahead, back = goal - place, place - goal
                if wraps:
                    ahead, back = ahead % k, back % k
                line = at - place * stride  # the first of this line of the grid
                both = wraps and ahead == back and ahead > 0
                for way in range(2):
                    hops = ahead if way == 0 else back
                    other = back if way == 0 else ahead
                    if hops <= 0 or (wraps and other < hops):
                        continue
                    if fill:
                        for h in range(hops):
                            on = (place + h) % k if way == 0 else (place - h) % k
                            resource[e + h] = link[line + on * stride, d, way]
                            share[e + h] = 0.5 if both else 1.0
                    e += hops
                at = line + goal * stride
            if not fill:
                indptr[f + 1] = e
    return indptr, resource, share
