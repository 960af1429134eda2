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

Switches = npt.NDArray[np.int32]
How = Literal["hashed", "even", "oblivious"]


@dataclass
class Clos:
    """Routes from leaf to leaf by arithmetic; what begins or ends at a higher switch takes a shortest path.

    Attributes:
        name: as users choose it.
        tables: the network's shape.
        hashing: of its switches.
        weighted: next hops share by the capacity beyond them.
        how: see the module's text.
        otherwise: makes the policy for flows whose ends are not both leaves.
        rows: first rows of the bundles, by name.
    """

    name: str
    tables: ClosTables
    hashing: Hashing
    weighted: bool
    how: How
    otherwise: Callable[[], Policy]
    rows: dict[str, int] = field(default_factory=dict)

    def between(self, src: Switches, dst: Switches, key: npt.NDArray[np.uint64]) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`. Latencies are left to the router."""
        a, b = self.tables.leaf[src], self.tables.leaf[dst]
        apart = src != dst
        leaves = ~apart | ((a >= 0) & (b >= 0))
        if leaves.all():
            return self._leaves(np.where(apart, a, 0), np.where(apart, b, 0), key)
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
        height = clos_kernels.heights(tables, a, b)
        p, q = tables.pod[a], tables.pod[b]
        rows = self.rows
        way = np.stack(
            [
                np.where(height > 0, rows["leaf_up"] + a, -1),
                np.where(height > 1, rows["pod_up"] + p, -1),
                np.where(height > 1, rows["pod_down"] + q, -1),
                np.where(height > 0, rows["leaf_down"] + b, -1),
            ],
            axis=1,
        )
        return of_matrix(way.astype(np.int32), height >= 0)


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
