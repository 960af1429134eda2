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
Floats = npt.NDArray[np.float64]


@kernel
def _core_fraction(up_Bps: Floats, down_Bps: Floats, wired_Bps: Floats, up: int, down: int, cores: int) -> float:
    """Return what is left of the core links between two spines of a group, given their first pairs."""
    left, wired = 0.0, 0.0
    for c in range(cores):
        left += min(up_Bps[up + c], down_Bps[down + c])
        wired += min(wired_Bps[up + c], wired_Bps[down + c])
    return left / wired if wired > 0 else 0.0


@kernel
def _weigh(t: ClosTables, a: int, b: int, weighted: bool, weights: Floats) -> float:
    """Write the weight of each spine for traffic from leaf a to leaf b of the same plane; return their sum."""
    stage, core, p, q = t.spine_stage, t.core_stage, t.pod[a], t.pod[b]
    first_up, first_down, s, d = stage.first[a], stage.first[b], t.first_spine[p], t.first_spine[q]
    up_Bps, down_Bps, wired_Bps, at = stage.up_Bps, stage.down_Bps, stage.wired_Bps, stage.up_at
    total = 0.0
    for j in range(t.first_spine[p + 1] - s):
        up, down = first_up + j, first_down + j
        left = min(up_Bps[up] / wired_Bps[up], down_Bps[down] / wired_Bps[down])
        if p != q and not (t.whole[s + j] and t.whole[d + j]):
            c, e = core.first[s + j], core.first[d + j]
            cores = core.first[s + j + 1] - c
            left = min(left, _core_fraction(core.up_Bps, core.down_Bps, core.wired_Bps, c, e, cores))
        weights[j] = left * wired_Bps[up] if weighted else (at[up + 1] - at[up] if left > 0 else 0.0)
        total += weights[j]
    return float(total)


@kernel
def _room(t: ClosTables) -> Floats:
    """Return room for the weights of the spines of any pod."""
    most = 1
    for p in range(len(t.plane)):
        most = max(most, t.first_spine[p + 1] - t.first_spine[p])
    return np.zeros(most)


@kernel
def _joined(t: ClosTables, a: int, b: int) -> bool:
    """True where some spine still leads from leaf a to leaf b of the same plane."""
    stage, core, p, q = t.spine_stage, t.core_stage, t.pod[a], t.pod[b]
    first_up, first_down, s, d = stage.first[a], stage.first[b], t.first_spine[p], t.first_spine[q]
    up_Bps, down_Bps = core.up_Bps, core.down_Bps
    for j in range(t.first_spine[p + 1] - s):
        if stage.up_Bps[first_up + j] <= 0 or stage.down_Bps[first_down + j] <= 0:
            continue
        if p == q or (t.whole[s + j] and t.whole[d + j] and core.first[s + j + 1] > core.first[s + j]):
            return True
        up, down = core.first[s + j], core.first[d + j]
        for c in range(core.first[s + j + 1] - up):
            if up_Bps[up + c] > 0 and down_Bps[down + c] > 0:
                return True
    return False


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
        elif t.plane[p] == t.plane[q] and (t.intact or _joined(t, a, b)):
            found[f] = 1 if p == q else 2
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
    weights, room = _room(t), np.zeros(1 + (np.max(np.diff(core.first)) if len(core.first) > 1 else 0))
    for f in range(len(src)):
        a, b = src[f], dst[f]
        if a == b:
            reached[f] = True
            continue
        p, q = t.pod[a], t.pod[b]
        if t.plane[p] != t.plane[q]:
            continue
        total = _weigh(t, a, b, weighted, weights)
        if total <= 0:
            continue
        reached[f] = True
        width = t.first_spine[p + 1] - t.first_spine[p]
        j, rest = _pick(weights, width, unit(key[f], salt[leaf_switch[a]]) * total)
        up, down = spine.first[a] + j, spine.first[b] + j
        way[f, 0] = _nth(spine.up_at, spine.up, up, rest)
        d = t.first_spine[q] + j
        way[f, 3] = _nth(spine.down_at, spine.down, down, unit(key[f], salt[t.spine_switch[d]]))
        if p == q:
            continue
        s = t.first_spine[p] + j
        cup, cdown = core.first[s], core.first[d]
        cores = core.first[s + 1] - cup
        total = _weigh_cores(core.up_Bps, core.down_Bps, core.up_at, cup, cdown, cores, weighted, room)
        k, rest = _pick(room, cores, unit(key[f], salt[t.spine_switch[s]]) * total)
        way[f, 1] = _nth(core.up_at, core.up, cup + k, rest)
        way[f, 2] = _nth(core.down_at, core.down, cdown + k, unit(key[f], salt[t.core_switch[cup + k]]))
    return way, reached


@kernel
def _pick(weights: Floats, count: int, rest: float) -> tuple[int, float]:
    """Return the choice that ``rest``, from 0 to the sum of the weights, falls into, and how far into it, from 0."""
    chosen = -1
    for i in range(count):
        if weights[i] > 0:
            if chosen >= 0:
                rest -= weights[chosen]
            chosen = i
            if rest < weights[i]:
                break
    return chosen, rest / weights[chosen]


@kernel
def _weigh_cores(
    up_Bps: Floats,
    down_Bps: Floats,
    at: npt.NDArray[np.int64],
    up: int,
    down: int,
    cores: int,
    weighted: bool,
    weights: Floats,
) -> float:
    """Write the weight of each core, from its pairs with the spines on both sides; return their sum."""
    total = 0.0
    for c in range(cores):
        left = min(up_Bps[up + c], down_Bps[down + c])
        if left > 0 and not weighted:
            left = float(at[up + c + 1] - at[up + c])
        weights[c] = left
        total += left
    return total


@kernel
def oblivious(
    t: ClosTables, src: npt.NDArray[np.int32], dst: npt.NDArray[np.int32], spine_up: int, spine_down: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], Floats, npt.NDArray[np.bool_]]:
    """Split each flow evenly over the live links to spines with a way, whatever lies beyond them.

    Args:
        t: the network.
        src, dst: int32[flows], leaf numbers.
        spine_up, spine_down: rows of the first spine's bundles of links up and down.

    Returns:
        (indptr, resource, share, reachable) of `weft.routing.paths.Paths`.
    """
    stage, weights = t.spine_stage, _room(t)
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
                total = _weigh(t, a, b, False, weights)
            if total > 0:
                reached[f] = True
                for j in range(t.first_spine[p + 1] - t.first_spine[p]):
                    part = weights[j] / total
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
