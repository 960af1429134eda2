"""Nothing is lost or invented: on real runs links carry what flows put on them, switches pass on what comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fluid_cases import bench, cluster, example

from weft.collectives.layout import Layout
from weft.collectives.model import choose
from weft.engines.fluid.bench import FluidBench
from weft.fabric import Fabric
from weft.fabric.tables import Kind

SIZE = 1e8
FABRICS = {
    "thin": cluster(8, radix=24, oversubscription=2),
    "rails": cluster(8, "rail_optimised", unit_nodes=4),
    "torus": example("topologies/torus"),
    "dragonfly": example("topologies/dragonfly"),
}
CASES = [("all_reduce", "ring"), ("all_reduce", "tree"), ("all_reduce", "hierarchical"), ("all_to_all", "direct")]
ROUTINGS: list[dict[str, Any]] = [{}, {"policy": "ecmp", "queue_pairs": 2}]
RANKS = range(64)


def ideal(
    fabric: Fabric, kind: str, algorithm: str, routing: dict[str, Any], ranks: Sequence[int] = RANKS
) -> FluidBench:
    return bench(fabric, kind, ranks, SIZE, algorithm=algorithm, named="ideal", **routing)


def link_bytes(run: FluidBench) -> np.ndarray[Any, Any]:
    """Bytes that each link carried, unfolded; of a bundle, by what each of its links could carry."""
    classes, resources = run.prepared.classes, run.prepared.router.resources
    carried = np.append(run.engine.network.carried_bytes, 0.0)[classes.resource[:-1]]
    links = carried[: resources.links].copy()
    for bundle in np.flatnonzero(carried[resources.links :] > 0) + resources.links:
        members = resources.links_of(int(bundle))
        rate = resources.capacity_Bps[members]
        links[members] += carried[bundle] * rate / rate.sum()
    return links


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize(("kind", "algorithm"), CASES)
@pytest.mark.parametrize("name", sorted(FABRICS))
def test_links_carry_what_flows_put_on_them(name: str, kind: str, algorithm: str, routing: dict[str, Any]) -> None:
    fabric = FABRICS[name]
    run = ideal(fabric, kind, algorithm, routing)
    time_s = run.run(SIZE).time_s
    router, carried = run.prepared.router, run.engine.network.carried_bytes
    expected = np.zeros(len(router.resources))
    how = choose(kind, SIZE, run.group, library=run.library, algorithm=algorithm)
    for flows in how.flows(Layout.of(fabric, RANKS)):
        paths = router.route(flows.src, flows.dst)
        expected += np.bincount(paths.resource, paths.share * flows.bytes_x[paths.flow] * SIZE, minlength=len(expected))
    kinds = run.prepared.classes.resource[:-1]
    assert np.where(kinds >= 0, carried[kinds], 0.0) == pytest.approx(expected, rel=1e-9)
    assert (expected <= router.resources.capacity_Bps * time_s * (1 + 1e-9)).all()


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize(("kind", "algorithm"), CASES)
@pytest.mark.parametrize("name", sorted(FABRICS))
def test_switches_pass_on_what_comes_in(name: str, kind: str, algorithm: str, routing: dict[str, Any]) -> None:
    fabric = FABRICS[name]
    run = ideal(fabric, kind, algorithm, routing)
    run.run(SIZE)
    carried, links, nodes = link_bytes(run), fabric.links, len(fabric.nodes)
    into, out = np.bincount(links.dst, carried, nodes), np.bincount(links.src, carried, nodes)
    passing = ~np.isin(fabric.nodes.kind, [Kind.ACCELERATOR])
    assert into[passing] == pytest.approx(out[passing], rel=1e-9, abs=1.0)
    assert into.sum() == pytest.approx(out.sum())
    assert into[passing].sum() > 0


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize(("kind", "algorithm"), CASES)
def test_no_link_ever_carries_more_than_it_can(kind: str, algorithm: str, routing: dict[str, Any]) -> None:
    run = ideal(FABRICS["thin"], kind, algorithm, routing)
    engine, moments = run.engine, 0
    (communication,) = run.prepared.taking[0][run.communications[SIZE]].communications
    capacity = run.prepared.carriage.states[0].capacity_Bps
    engine.reset()
    engine.start(0, communication, 0.0)
    ended = -1
    while ended < 0:
        _, ended = engine.pop()
        moments += 1
        assert (engine.network.load_Bps <= capacity * (1 + 1e-9)).all()
    assert moments > 1
