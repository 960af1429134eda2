"""Flows on the paths that a router gives them: without collisions the busiest link needs the closed form's time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from fabrics import fabric_of

from weft.collectives import ALGORITHMS, IDEAL
from weft.collectives.layout import Layout
from weft.collectives.timing import lines
from weft.fabric import Fabric
from weft.routing.router import Router, make_router

FABRICS = {
    "node": lambda: fabric_of(8, 1),
    "rails": lambda: fabric_of(8, 4, topology="rail_optimised"),
    "pods": lambda: fabric_of(8, 16, topology="fat_tree"),
    "mesh": lambda: fabric_of(8, 2, kind="full_mesh"),
    "cube": lambda: fabric_of(64, 1, kind="torus", shape=(4, 4, 4), accelerator="tpu_v5e"),
    "sharp": lambda: fabric_of(8, 4, sharp=True),
}
MOST = ("ring", "tree", "direct", "hierarchical")
CASES = [
    *((place, "all_reduce", name) for place in FABRICS for name in MOST),
    *((place, "all_gather", "ring") for place in FABRICS),
    *((place, "broadcast", "ring") for place in FABRICS),
    *((place, "all_to_all", name) for place in FABRICS for name in ("direct", "two_level")),
    *((place, "all_to_all", "bruck") for place in ("node", "rails", "pods")),
    *((place, "send_recv", "direct") for place in ("node", "rails", "pods", "mesh")),
    *((place, "all_reduce", "halving_doubling") for place in ("node", "rails", "pods")),
    *((place, "all_reduce", "in_network") for place in ("node", "rails", "pods", "sharp")),
    ("cube", "all_reduce", "bucket"),
]


@cache
def router_of(place: str) -> Router:
    return make_router(FABRICS[place]())


def wire_s(fabric: Fabric, router: Router, name: str, kind: str, ranks: Sequence[int]) -> float:
    """Seconds per byte of size, all stages one after another, each as long as its busiest link needs."""
    total = 0.0
    for flows in ALGORITHMS[name].flows(kind, Layout.of(fabric, ranks)):
        paths = router.route(flows.src, flows.dst)
        assert paths.reachable.all()
        load = np.bincount(paths.resource, paths.share * flows.bytes_x[paths.flow], minlength=len(router.resources))
        used = load > 0
        total += float((load[used] / router.resources.capacity_Bps[used]).max())
    return total


@pytest.mark.parametrize(("place", "kind", "name"), CASES)
def test_the_busiest_link_takes_the_closed_forms_time(place: str, kind: str, name: str) -> None:
    fabric, router = FABRICS[place](), router_of(place)
    ranks = range(fabric.accelerators)
    group = fabric.group(ranks)
    (line,) = lines(ALGORITHMS[name].cost(kind, group), group, IDEAL)
    assert wire_s(fabric, router, name, kind, ranks) == pytest.approx(line.wire_s_per_byte, rel=0.005)


def test_ranks_on_one_rail_use_its_nic_only() -> None:
    """One rank in each of 4 nodes: the ring goes from NIC to NIC."""
    fabric, ranks = FABRICS["rails"](), [3, 11, 19, 27]
    found = wire_s(fabric, router_of("rails"), "ring", "all_gather", ranks)
    assert found == pytest.approx(3 / 4 / fabric.network.rate_Bps)
