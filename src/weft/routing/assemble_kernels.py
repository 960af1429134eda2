"""Puts the parts of flows' paths together: inside the source's domain, out by a NIC, over the network, in by a NIC."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@kernel
def assemble(
    flow: Longs,
    share: Floats,
    usable: Flags,
    inside: tuple[Longs, Ints, Floats],
    out: Ints,
    network: tuple[Longs, Ints, Floats],
    into: Ints,
    flows: int,
    resources: int,
) -> tuple[Longs, Ints, Floats, Flags]:
    """Return (indptr, resource, share, reachable) of `weft.routing.paths.Paths`.

    What several legs of a flow have in common is added up. A flow's legs that cannot be used leave their share to the
    others. Complexity: entries, and one pass over the resources.

    Args:
        flow: int64[legs], ascending.
        share: float64[legs] of their flow.
        usable: bool[legs].
        inside, network: (indptr[legs + 1], resource, share) of each leg's part inside the domain, and of that between
            switches.
        out, into: int32[legs, steps], links to the first switch and from the last; -1 for none.
        flows: how many.
        resources: how many.
    """
    total = np.zeros(flows)
    most = len(inside[1]) + len(network[1]) + out.size + into.size
    for leg in range(len(flow)):
        if usable[leg]:
            total[flow[leg]] += share[leg]
    indptr = np.zeros(flows + 1, np.int64)
    resource, part = np.empty(most, np.int32), np.empty(most, np.float64)
    seen = np.full(resources, -1, np.int64)  # where this flow has a resource already
    end, leg = 0, 0
    for f in range(flows):
        start = end
        while leg < len(flow) and flow[leg] == f:
            if usable[leg] and total[f] > 0:
                scale = share[leg] / total[f]
                for step in range(4):
                    if step == 0 or step == 2:
                        at, rows, shares = inside if step == 0 else network
                        for e in range(at[leg], at[leg + 1]):
                            end = _add(resource, part, seen, start, end, rows[e], scale * shares[e])
                    else:
                        links = out if step == 1 else into
                        for k in range(links.shape[1]):
                            if links[leg, k] >= 0:
                                end = _add(resource, part, seen, start, end, links[leg, k], scale)
            leg += 1
        indptr[f + 1] = end
    return indptr, resource[:end].copy(), part[:end].copy(), total > 0


@kernel
def _add(resource: Ints, part: Floats, seen: Longs, start: int, end: int, row: int, share: float) -> int:
    """Add a share of a resource to the flow whose entries begin at ``start``; return where they end now."""
    at = seen[row]
    if at >= start:
        part[at] += share
        return end
    seen[row] = end
    resource[end] = row
    part[end] = share
    return end + 1
