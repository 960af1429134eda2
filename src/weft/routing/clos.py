"""Routing in folded Clos networks (leaf-spine, fat tree, rails, planes): up to a tier where both ends meet, and down.

What each policy assumes:

- hashed (``ecmp``, ``flowlet``): every hop takes one live link by a hash of the flow, parallel cables apart (C. Hopps,
  RFC 2992); next hops are weighted by the capacity beyond them (WCMP), or all alike;
- even (``adaptive``, and ``spray`` while shares are weighted): traffic spreads so that no link of a tier is fuller than
  another, whatever has failed: one bundle of all links up from the leaf, up from the pod, down into the pod, down to
  the leaf. An ideal: of two leaves that lost different spines the common ones carry all traffic between the two, and
  the bundles do not know;
- oblivious (``spray`` with ``weighted: false``): leaves deal packets evenly over all live links that lead to the
  destination, though some lead to spines that lost links above; a spine's links to its cores are even. Many entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import IntArray
from weft.routing.clos_tables import ClosTables, Stage
from weft.routing.hashing import Hashing
from weft.routing.paths import Paths, joined, of_matrix
from weft.routing.policy import Policy
from weft.routing.resources import ResourceBuilder
from weft.routing.trunks import Trunks

Switches = npt.NDArray[np.int32]
How = Literal["hashed", "even", "oblivious"]


@dataclass
class Clos:
    """Routes from leaf to leaf by arithmetic.

    What begins or ends at a higher switch takes a shortest path, and so does what is hashed from site to site.

    Attributes:
        name: as users choose it.
        tables: the network's shape.
        hashing: of its switches.
        weighted: next hops share by the capacity beyond them.
        how: see the module's text.
        otherwise: makes the policy for flows whose ends are not both leaves.
        trunks: between sites, where there are several.
        rows: first rows of the bundles, by name.
    """

    name: str
    tables: ClosTables
    hashing: Hashing
    weighted: bool
    how: How
    otherwise: Callable[[], Policy]
    trunks: Trunks
    rows: dict[str, int] = field(default_factory=dict)

    def between(self, src: Switches, dst: Switches, key: npt.NDArray[np.uint64]) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Latencies are left to the router."""
        a, b = self.tables.leaf[src], self.tables.leaf[dst]
        leaves = (a >= 0) & (b >= 0)
        if self.trunks and self.how != "even":  # other sites' leaves are beyond the arithmetic of this one's
            leaves &= self.tables.island[src] == self.tables.island[dst]
        if leaves.all():
            return self._leaves(a, b, key)
        rest = ~leaves
        parts = [
            (np.flatnonzero(leaves), self.between(src[leaves], dst[leaves], key[leaves])),
            (np.flatnonzero(rest), self.otherwise().between(src[rest], dst[rest], key[rest])),
        ]
        return joined(len(src), parts)

    def _leaves(self, a: Switches, b: Switches, key: npt.NDArray[np.uint64]) -> Paths:
        from weft.routing import clos_kernels

        tables = self.tables
        if self.how == "oblivious":
            up, down = self.rows["spine_up"], self.rows["spine_down"]
            indptr, resource, share, reached = clos_kernels.oblivious(tables, a, b, up, down)
            return Paths(indptr, resource, share, np.zeros(len(a)), reached)
        if self.how == "hashed":
            leaf_switch = np.flatnonzero(tables.leaf >= 0).astype(np.int32)
            salt = self.hashing.salts(len(tables.leaf))
            way, reached = clos_kernels.hashed(tables, a, b, key, salt, leaf_switch, self.weighted)
            return of_matrix(way, reached)
        return self._evenly(a, b, clos_kernels.heights(tables, a, b))

    def _evenly(self, a: IntArray, b: IntArray, up: IntArray) -> Paths:
        """Route flows between leaves that meet ``up`` tiers higher, or at another site, over bundles."""
        tables, rows = self.tables, self.rows
        p, q = tables.pod[a], tables.pod[b]
        reached: npt.NDArray[np.bool_] = up >= 0
        down, middle = up, np.empty((len(a), 0), np.int64)
        if self.trunks:
            far = tables.plane[p] != tables.plane[q]
            up, down = np.where(far, self.trunks.top[p], up), np.where(far, self.trunks.top[q], down)
            middle, joined_up = self.trunks.between(p, q)
            reached = np.where(far, joined_up, reached)
        climb = [np.where(up > 0, rows["leaf_up"] + a, -1), np.where(up > 1, rows["pod_up"] + p, -1)]
        descend = [np.where(down > 1, rows["pod_down"] + q, -1), np.where(down > 0, rows["leaf_down"] + b, -1)]
        way = np.concatenate([np.stack(climb, axis=1), middle, np.stack(descend, axis=1)], axis=1)
        return of_matrix(np.where(reached[:, None], way, -1).astype(np.int32), reached)


def add_bundles(tables: ClosTables, how: How, resources: ResourceBuilder) -> dict[str, int]:
    """Add the bundles that a way of routing uses; return the first row of each set, by name.

    Which bundles there are, and of which links, does not depend on what has failed.
    """
    if how == "hashed":
        return {}
    leaf_pairs, spine_pairs = np.diff(tables.spine_stage.first), np.diff(tables.core_stage.first)
    leaf, spine = np.repeat(np.arange(len(leaf_pairs)), leaf_pairs), np.repeat(np.arange(len(spine_pairs)), spine_pairs)
    if how == "oblivious":
        up, down = _bundles(tables.core_stage, spine, len(spine_pairs), resources)
        return {"spine_up": up, "spine_down": down}
    pod = np.repeat(np.arange(len(tables.plane)), np.diff(tables.first_spine))[spine]
    leaf_up, leaf_down = _bundles(tables.spine_stage, leaf, len(leaf_pairs), resources)
    pod_up, pod_down = _bundles(tables.core_stage, pod, len(tables.plane), resources)
    return {"leaf_up": leaf_up, "leaf_down": leaf_down, "pod_up": pod_up, "pod_down": pod_down}


def _bundles(stage: Stage, group_of_pair: IntArray, groups: int, resources: ResourceBuilder) -> tuple[int, int]:
    """Bundle a stage's links, up and down, by a group of each pair."""
    group = np.repeat(group_of_pair, stage.cables)
    return resources.add(group, stage.cable, groups), resources.add(group, stage.cable + 1, groups)
