"""Up and down a folded Clos network, flow by flow.

Spine j carries traffic from leaf a to leaf b in proportion to its weight: 0 where no live way leads through it, else
the rate of a's links to it as wired, times the least fraction that is still there of the stages it passes (a's links
up, the core links between the two pods, the links down to b). That is weighted cost multipathing (J. Zhou et al., WCMP:
weighted cost multipathing for improved fairness in data centers, EuroSys 2014): next hops share by the capacity beyond
them. Unweighted, every live link to a spine with a way counts the same. Complexity: flows x spines of a pod while the
core links are whole; x cores of a group as well for pods that lost some.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft._jit import kernel
from weft.routing.clos_tables import ClosTables
from weft.routing.hash_kernels import unit

Keys = npt.NDArray[np.uint64]


@kernel
def _core_fraction(t: ClosTables, s: int, d: int) -> float:
    """Return what is left of the core links from spine s to spine d of the same group in another pod."""
    if t.whole[s] and t.whole[d]:
        return 1.0
    stage, left, wired = t.core_stage, 0.0, 0.0
    up, down = stage.first[s], stage.first[d]
    for c in range(stage.first[s + 1] - up):
        left += min(stage.up_Bps[up + c], stage.down_Bps[down + c])
        wired += min(stage.wired_Bps[up + c], stage.wired_Bps[down + c])
    return left / wired if wired > 0 else 0.0


@kernel
def weight(t: ClosTables, a: int, b: int, j: int, weighted: bool) -> float:
    """Return the weight of spine j for traffic from leaf a to leaf b of the same plane."""
    stage = t.spine_stage
    up, down = stage.first[a] + j, stage.first[b] + j
    if stage.up_Bps[up] <= 0 or stage.down_Bps[down] <= 0:
        return 0.0
    p, q = t.pod[a], t.pod[b]
    core = 1.0 if p == q else _core_fraction(t, t.first_spine[p] + j, t.first_spine[q] + j)
    if core <= 0:
        return 0.0
    if not weighted:
        return float(stage.up_at[up + 1] - stage.up_at[up])
    here, there = stage.up_Bps[up] / stage.wired_Bps[up], stage.down_Bps[down] / stage.wired_Bps[down]
    return float(stage.wired_Bps[up] * min(here, there, core))


@kernel
def heights(t: ClosTables, src: npt.NDArray[np.int32], dst: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
    """Return how many tiers above the leaves flows turn round: 0, 1 or 2; -1 where no live way is left.

    Args:
        t: the network.
        src, dst: int32[flows], leaf numbers.
    """
    found = np.empty(len(src), np.int8)
    for f in range(len(src)):
        a, b = src[f], dst[f]
        p, q = t.pod[a], t.pod[b]
        found[f] = -1
        if a == b:
            found[f] = 0
        elif t.plane[p] == t.plane[q]:
            for j in range(t.first_spine[p + 1] - t.first_spine[p]):
                if weight(t, a, b, j, True) > 0:
                    found[f] = 1 if p == q else 2
                    break
    return found


@kernel
def _nth(at: npt.NDArray[np.int64], links: npt.NDArray[np.int32], pair: int, fraction: float) -> int:
    """Return one of a pair's live links."""
    count = at[pair + 1] - at[pair]
    return int(links[at[pair] + min(count - 1, int(fraction * count))])


@kernel
def hashed(
    t: ClosTables,
    src: npt.NDArray[np.int32],
    dst: npt.NDArray[np.int32],
    key: Keys,
    salt: Keys,
    leaf_switch: npt.NDArray[np.int32],
    weighted: bool,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Route each flow over one link at every hop, each chosen by a hash.

    Args:
        t: the network.
        src, dst: int32[flows], leaf numbers.
        key: uint64[flows].
        salt: uint64[switches].
        leaf_switch: int32[leaves], switch numbers.
        weighted: next hops share by capacity.

    Returns:
        (int32[flows, 4] links, -1 for none; bool[flows] reachable).
    """
    way = np.full((len(src), 4), -1, np.int32)
    reached = np.zeros(len(src), np.bool_)
    spine, core = t.spine_stage, t.core_stage
    weights = np.empty(max(1, np.max(np.diff(t.first_spine)) if len(t.first_spine) > 1 else 1))
    for f in range(len(src)):
        a, b = src[f], dst[f]
        if a == b:
            reached[f] = True
            continue
        p, q = t.pod[a], t.pod[b]
        if t.plane[p] != t.plane[q]:
            continue
        width, total = t.first_spine[p + 1] - t.first_spine[p], 0.0
        for j in range(width):
            weights[j] = weight(t, a, b, j, weighted)
            total += weights[j]
        if total <= 0:
            continue
        reached[f] = True
        rest, j = unit(key[f], salt[leaf_switch[a]]) * total, -1
        for i in range(width):
            if weights[i] > 0:
                if j >= 0:
                    rest -= weights[j]
                j = i
                if rest < weights[i]:
                    break
        up, down = spine.first[a] + j, spine.first[b] + j
        way[f, 0] = _nth(spine.up_at, spine.up, up, rest / weights[j])
        d = t.first_spine[q] + j
        way[f, 3] = _nth(spine.down_at, spine.down, down, unit(key[f], salt[t.spine_switch[d]]))
        if p == q:
            continue
        s = t.first_spine[p] + j
        cup, cdown = core.first[s], core.first[d]
        total = 0.0
        for c in range(core.first[s + 1] - cup):
            total += _core_weight(t, cup + c, cdown + c, weighted)
        rest, k, last = unit(key[f], salt[t.spine_switch[s]]) * total, -1, 1.0
        for c in range(core.first[s + 1] - cup):
            here = _core_weight(t, cup + c, cdown + c, weighted)
            if here > 0:
                if k >= 0:
                    rest -= last
                k, last = c, here
                if rest < here:
                    break
        way[f, 1] = _nth(core.up_at, core.up, cup + k, rest / last)
        way[f, 2] = _nth(core.down_at, core.down, cdown + k, unit(key[f], salt[t.core_switch[cup + k]]))
    return way, reached


@kernel
def _core_weight(t: ClosTables, up: int, down: int, weighted: bool) -> float:
    """Return the weight of a core, from its pair with the spine below and that with the spine it leads to."""
    stage = t.core_stage
    left = min(stage.up_Bps[up], stage.down_Bps[down])
    if left > 0 and not weighted:
        return float(stage.up_at[up + 1] - stage.up_at[up])
    return float(left)


@kernel
def oblivious(
    t: ClosTables, src: npt.NDArray[np.int32], dst: npt.NDArray[np.int32], spine_up: int, spine_down: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Split each flow evenly over the live links to spines with a way, whatever lies beyond them.

    Args:
        t: the network.
        src, dst: int32[flows], leaf numbers.
        spine_up, spine_down: rows of the first spine's bundles of links up and down.

    Returns:
        (indptr, resource, share, reachable) of `weft.routing.paths.Paths`.
    """
    stage = t.spine_stage
    indptr = np.zeros(len(src) + 1, np.int64)
    reached = np.zeros(len(src), np.bool_)
    resource, share = np.empty(0, np.int32), np.empty(0, np.float64)
    for fill in range(2):
        if fill:
            resource, share = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float64)
        for f in range(len(src)):
            a, b, e = src[f], dst[f], indptr[f]
            p, q = t.pod[a], t.pod[b]
            total = 0.0
            reached[f] = a == b
            if a != b and t.plane[p] == t.plane[q]:
                for j in range(t.first_spine[p + 1] - t.first_spine[p]):
                    total += weight(t, a, b, j, False)
            if total > 0:
                reached[f] = True
                for j in range(t.first_spine[p + 1] - t.first_spine[p]):
                    part = weight(t, a, b, j, False) / total
                    if part <= 0:
                        continue
                    up, down = stage.first[a] + j, stage.first[b] + j
                    ups, downs = stage.up_at[up + 1] - stage.up_at[up], stage.down_at[down + 1] - stage.down_at[down]
                    if fill:
                        resource[e : e + ups] = stage.up[stage.up_at[up] : stage.up_at[up + 1]]
                        share[e : e + ups] = part / ups
                    e += ups
                    if p != q:
                        if fill:
                            resource[e] = spine_up + t.first_spine[p] + j
                            resource[e + 1] = spine_down + t.first_spine[q] + j
                            share[e : e + 2] = part
                        e += 2
                    if fill:
                        resource[e : e + downs] = stage.down[stage.down_at[down] : stage.down_at[down + 1]]
                        share[e : e + downs] = part / downs
                    e += downs
            if not fill:
                indptr[f + 1] = e
    return indptr, resource, share, reached
