"""Whose flows cross a link: flows are made and routed once more, and those that pass are kept.

Complexity: that of routing everything once; nothing is held between runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weft.engines.fluid.carrying import Carrier
from weft.workload.program import Communication


@dataclass(frozen=True)
class Crossing:
    """The flows of one pattern of traffic that cross a link.

    Attributes:
        pattern: which of the carrier's.
        communications: that go this way; empty for traffic of others.
        flows: how many cross the link.
        pairs: a few of them, (from, to) by name.
    """

    pattern: int
    communications: tuple[Communication, ...]
    flows: int
    pairs: tuple[tuple[str, str], ...]


def crossings(carrier: Carrier, resources: Sequence[int], *, examples: int = 4) -> dict[int, list[Crossing]]:
    """Return for each resource the patterns that have flows on it, most flows first.

    Routing as it is at first decides; for what it leaves idle, the routings that faults lead to.

    Args:
        carrier: what routed everything.
        resources: rows of the router's table.
        examples: flows to name of each pattern.
    """
    found: dict[int, list[Crossing]] = {row: [] for row in resources}
    for router in carrier.routers:
        missing = [row for row, those in found.items() if not those]
        if not missing:
            break
        fabric = carrier.fabric
        for number, (family, make) in enumerate(carrier.sources):
            flows = make()
            src, dst = (np.concatenate([getattr(each, end) for each in flows]) for end in ("src", "dst"))
            paths = router.route(src, dst, np.full(len(src), family.key, np.uint64))
            for row in missing:
                entries = np.flatnonzero(paths.resource == row)
                passing = np.unique(np.searchsorted(paths.indptr, entries, side="right") - 1)
                if not len(passing):
                    continue
                ends = list(dict.fromkeys(zip(src[passing].tolist(), dst[passing].tolist(), strict=True)))
                pairs = tuple((fabric.node_name(a), fabric.node_name(b)) for a, b in ends[:examples])
                found[row].append(Crossing(number, tuple(carrier.users.get(number, ())), len(ends), pairs))
    for those in found.values():
        those.sort(key=lambda each: (-each.flows, each.pattern))
    return found
