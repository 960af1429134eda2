"""The shape of a folded Clos network, found in its wiring: pods of leaves and spines, and groups of cores.

A network is a folded Clos here if each leaf has a link to every spine of its pod, spine j of every pod of a plane has a
link to every core of group j, and nothing else is joined. Then up is one of the pod's spines and one of its cores, down
is given, and no table of pairs of switches is needed: memory is linear in links. Links that are down belong to the
shape as well; long-haul links do not: every site has planes of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from weft.fabric.checks.graph import components
from weft.fabric.fabric import Fabric
from weft.fabric.tables import Domain, FloatArray, IntArray, Kind, csr
from weft.routing.switch_graph import SwitchGraph


class Stage(NamedTuple):
    """The links between two tiers, by pairs of switches that they join.

    Attributes:
        first: int64[lower + 1], the first pair of each lower switch; its k-th pair leads to its k-th upper switch.
        up_at, down_at: int64[pairs + 1]; pair i has the live links ``up[up_at[i]:up_at[i + 1]]`` up, and so on.
        up, down: int32[live links].
        up_Bps, down_Bps: float64[pairs], live.
        wired_Bps: float64[pairs], if all were up.
        cables: int64[pairs], links of each pair, down ones as well.
        cable: int32[links], their rows up, pair by pair; the row down is the next.
    """

    first: npt.NDArray[np.int64]
    up_at: npt.NDArray[np.int64]
    up: npt.NDArray[np.int32]
    down_at: npt.NDArray[np.int64]
    down: npt.NDArray[np.int32]
    up_Bps: FloatArray
    down_Bps: FloatArray
    wired_Bps: FloatArray
    cables: npt.NDArray[np.int64]
    cable: npt.NDArray[np.int32]


class ClosTables(NamedTuple):
    """A folded Clos network; leaves, spines and pods are numbered from 0.

    Attributes:
        leaf: int32[switches], the leaf number of each switch of a `SwitchGraph`; -1 for others.
        pod: int32[leaves].
        plane: int32[pods]; planes do not meet, unless over long-haul links.
        island: int32[switches], the plane each switch belongs to.
        first_spine: int64[pods + 1]; spine j of pod p is number ``first_spine[p] + j``.
        spine_switch: int32[spines], switch numbers.
        core_switch: int32[pairs of the core stage], switch numbers.
        spine_stage: leaves to spines.
        core_stage: spines to cores.
        whole: bool[spines], all links to cores are up at their full rate.
        intact: all links are.
    """

    leaf: npt.NDArray[np.int32]
    pod: npt.NDArray[np.int32]
    plane: npt.NDArray[np.int32]
    island: npt.NDArray[np.int32]
    first_spine: npt.NDArray[np.int64]
    spine_switch: npt.NDArray[np.int32]
    core_switch: npt.NDArray[np.int32]
    spine_stage: Stage
    core_stage: Stage
    whole: npt.NDArray[np.bool_]
    intact: bool


def find_clos(fabric: Fabric, graph: SwitchGraph, capacity_Bps: FloatArray) -> ClosTables | None:
    """Return the network's shape; None if it is no folded Clos.

    Args:
        fabric: the fabric.
        graph: its switches.
        capacity_Bps: float64[links], 0 for those that are down.
    """
    kind, links = fabric.nodes.kind[graph.row], fabric.links
    between = (graph.number[links.src[::2]] >= 0) & (graph.number[links.dst[::2]] >= 0)
    up_link = 2 * np.flatnonzero(between & (links.domain[::2] != Domain.LONG_HAUL))
    lower, upper = graph.number[links.src[up_link]], graph.number[links.dst[up_link]]
    to_spine = (kind[lower] == Kind.LEAF) & (kind[upper] == Kind.SPINE)
    to_core = (kind[lower] == Kind.SPINE) & (kind[upper] == Kind.CORE)
    if (
        fabric.network.circuits is not None
        or np.isin(kind, (Kind.ROUTER, Kind.NIC)).any()
        or not (to_spine | to_core).all()
    ):
        return None
    leaves, cores = np.flatnonzero(kind == Kind.LEAF), np.flatnonzero(kind == Kind.CORE)
    label = components(lower[to_spine], upper[to_spine], len(graph))
    group = components(lower[to_core], upper[to_core], len(graph))
    spines = np.flatnonzero(kind == Kind.SPINE)
    spines = spines[np.lexsort((spines, group[spines], label[spines]))]
    labels, pod_of = np.unique(label[np.concatenate([leaves, spines])], return_inverse=True)
    leaf_pod, spine_pod = pod_of[: len(leaves)], pod_of[len(leaves) :]
    first_spine = _ranges(np.bincount(spine_pod, minlength=len(labels)))
    island = components(lower, upper, len(graph))
    plane = island[labels]
    if not _aligned(first_spine, spine_pod, group[spines], plane, bool(len(cores))):
        return None

    rank = np.zeros(len(graph), np.int64)  # of a switch among those of its pod, or group, that others lead up to
    rank[spines] = np.arange(len(spines)) - first_spine[spine_pod]
    cores = cores[np.lexsort((cores, group[cores]))]
    groups, core_group = np.unique(group[cores], return_inverse=True)
    first_of_group = _ranges(np.bincount(core_group, minlength=len(groups)))
    rank[cores] = np.arange(len(cores)) - first_of_group[core_group]
    below = np.zeros(len(graph), np.int64)
    below[leaves], below[spines] = np.arange(len(leaves)), np.arange(len(spines))

    widths = np.diff(first_spine)[leaf_pod]
    spine_stage = _stage(widths, below[lower[to_spine]], rank[upper[to_spine]], up_link[to_spine], fabric, capacity_Bps)
    at = np.searchsorted(groups, group[spines])
    known = np.isin(group[spines], groups)
    widths = np.zeros(len(spines), np.int64)
    widths[known] = np.diff(first_of_group)[at[known]]
    core_stage = _stage(widths, below[lower[to_core]], rank[upper[to_core]], up_link[to_core], fabric, capacity_Bps)
    if spine_stage is None or core_stage is None:
        return None
    core_switch = np.empty(len(core_stage.up_Bps), np.int32)
    core_switch[core_stage.first[below[lower[to_core]]] + rank[upper[to_core]]] = upper[to_core]
    full = np.ones(len(spines), bool)
    np.logical_and.at(full, np.repeat(np.arange(len(spines)), np.diff(core_stage.first)), _full(core_stage))
    leaf = np.full(len(graph), -1, np.int32)
    leaf[leaves] = np.arange(len(leaves))
    return ClosTables(
        leaf,
        leaf_pod.astype(np.int32),
        plane.astype(np.int32),
        island.astype(np.int32),
        first_spine,
        spines.astype(np.int32),
        core_switch,
        spine_stage,
        core_stage,
        full,
        bool(full.all() and _full(spine_stage).all()),
    )


def _ranges(size: IntArray) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(size)]).astype(np.int64)


def _full(stage: Stage) -> npt.NDArray[np.bool_]:
    """True for pairs whose links are all up at their full rate."""
    full: npt.NDArray[np.bool_] = np.minimum(stage.up_Bps, stage.down_Bps) >= stage.wired_Bps * (1 - 1e-12)
    return full


def _aligned(
    first_spine: npt.NDArray[np.int64], spine_pod: IntArray, group: IntArray, plane: IntArray, cores: bool
) -> bool:
    """True where spine j of every pod of a plane is in the same core group, and no two of a pod are."""
    if not cores:
        return True
    same_pod = spine_pod[1:] == spine_pod[:-1]
    if (group[1:][same_pod] == group[:-1][same_pod]).any():
        return False
    _, model = np.unique(plane, return_index=True)
    like = model[np.searchsorted(np.unique(plane), plane)]  # the first pod of each pod's plane
    spines = np.diff(first_spine)
    if (spines != spines[like]).any():
        return False
    j = np.arange(len(spine_pod)) - first_spine[spine_pod]
    return bool((group == group[first_spine[like[spine_pod]] + j]).all())


def _stage(
    widths: IntArray, lower: IntArray, rank: IntArray, up_link: IntArray, fabric: Fabric, capacity_Bps: FloatArray
) -> Stage | None:
    """Sort the links of a stage by pairs; None if a pair has none."""
    first = _ranges(widths)
    pairs = int(first[-1])
    pair = first[lower] + rank

    def total(weight: FloatArray) -> FloatArray:
        return np.bincount(pair, weight, minlength=pairs).astype(np.float64)

    if not np.bincount(pair, minlength=pairs).all():
        return None
    found: list[npt.NDArray[Any]] = []
    for link in (up_link, up_link + 1):
        live = capacity_Bps[link] > 0
        at, order = csr(pair[live], pairs)
        found += [at, link[live][order]]
    up_at, up, down_at, down = found
    return Stage(
        first,
        up_at,
        up.astype(np.int32),
        down_at,
        down.astype(np.int32),
        total(capacity_Bps[up_link]),
        total(capacity_Bps[up_link + 1]),
        total(fabric.links.rate_Bps[up_link]),
        np.bincount(pair, minlength=pairs),
        up_link[np.argsort(pair, kind="stable")].astype(np.int32),
    )
