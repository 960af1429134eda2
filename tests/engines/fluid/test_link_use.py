"""The use of links, unfolded: bytes are conserved, and a single flow fills what it should for as long as it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weft.collectives import load_library
from weft.engines.fluid.bench import FluidBench
from weft.engines.fluid.crossing import crossings
from weft.engines.fluid.link_use import LinkUse
from weft.engines.scenario import Scenario
from weft.engines.what_if import faster, what_ifs
from weft.fabric import Fabric, build_fabric, load_cluster
from weft.fabric.routing_options import Routing

SIZE = 2.0**28


@pytest.fixture(scope="module")
def fabric(root: Path) -> Fabric:
    return build_fabric(load_cluster(root / "examples/scenarios/cluster.yaml"))


def bench(
    fabric: Fabric, routing: Routing, *, kind: str = "all_reduce", scenario: Scenario | None = None
) -> FluidBench:
    ranks = range(fabric.accelerators) if kind == "all_reduce" else [0, fabric.accelerators - 1]
    algorithm = "ring" if kind == "all_reduce" else "auto"
    library = load_library("ideal", fabric.catalog)
    made = FluidBench(
        fabric, kind, [SIZE], ranks, library=library, algorithm=algorithm, routing=routing, scenario=scenario
    )
    made.run(SIZE)
    return made


@pytest.mark.parametrize("policy", ["adaptive", "spray", "ecmp"])
def test_what_goes_up_comes_down(fabric: Fabric, policy: str) -> None:
    use = bench(fabric, Routing(policy=policy)).link_use()  # type: ignore[arg-type]
    carried = dict(zip(use.kinds, use.carried_bytes.tolist(), strict=True))
    for name in ("nic-leaf", "leaf-spine", "gpu-scaleup", "gpu-nic"):
        assert carried[f"{name} up"] == pytest.approx(carried[f"{name} down"])
    assert carried["nic-leaf up"] == pytest.approx(carried["gpu-nic up"])
    # Every rank's ring edge to the next node carries 2 (n - 1) / n of its share of the rings, an eighth.
    ranks = fabric.accelerators
    assert carried["nic-leaf up"] == pytest.approx(ranks * SIZE / 8 * 2 * (ranks - 1) / ranks)


@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_time_adds_up_to_the_whole(fabric: Fabric, policy: str) -> None:
    use = bench(fabric, Routing(policy=policy)).link_use()  # type: ignore[arg-type]
    bins = np.full(use.over_time.shape[1], use.bin_s)
    bins[-1] = use.span_s - bins[:-1].sum()
    assert use.over_time @ bins * use.capacity_Bps == pytest.approx(use.carried_bytes)
    assert (use.deciles.sum(axis=1) == use.links).all()
    assert (use.utilisation <= use.busiest + 1e-12).all()
    assert (use.busiest <= 1 + 1e-9).all()


def test_one_flow_is_limited_by_the_narrowest_link_on_its_way(fabric: Fabric) -> None:
    made = bench(fabric, Routing(policy="ecmp"), kind="send_recv")
    use = made.link_use()
    rates = {each.name: each.rate_Bps for each in fabric.link_classes}
    on_its_way = {name.split()[0] for name in use.kinds}
    narrowest = min(rates[name] for name in on_its_way)
    assert {each.kind.split()[0] for each in use.limits} == {n for n in on_its_way if rates[n] == narrowest}
    for each in use.limits:
        assert each.limiting_s == pytest.approx(SIZE / narrowest)
        assert each.carried_bytes == pytest.approx(SIZE)
    found = crossings(made.prepared.carrier, [use.limits[0].resource])[use.limits[0].resource]
    last = f"host{fabric.plan.nodes - 1}/gpu7"
    assert [(each.flows, each.pairs) for each in found] == [(1, (("host0/gpu0", last),))]


def test_flows_that_cross_a_link_carry_what_it_carried(fabric: Fabric) -> None:
    """All flows of a ring carry alike, so a link's bytes say how many flows are on it."""
    made = bench(fabric, Routing(policy="ecmp"))
    use: LinkUse = made.link_use()
    ranks = fabric.accelerators
    edge = SIZE / 8 * 2 * (ranks - 1) / ranks
    uplinks = [each for each in use.limits if each.kind.startswith("leaf-spine")]
    assert uplinks
    those = crossings(made.prepared.carrier, [each.resource for each in uplinks])
    for each in uplinks:
        assert sum(c.flows for c in those[each.resource]) == round(each.carried_bytes / edge)


def test_links_twice_as_fast_carry_twice_as_much(fabric: Fabric) -> None:
    other = faster(fabric, "leaf-spine")
    before, after = fabric.links.rate_Bps, other.links.rate_Bps
    named = np.array([each.name == "leaf-spine" for each in fabric.link_classes])[fabric.links.link_class]
    assert (after[named] == 2 * before[named]).all()
    assert (after[~named] == before[~named]).all()


def test_only_what_could_help_is_tried(fabric: Fabric) -> None:
    def changes(routing: Routing, link_class: str = "leaf-spine", **fields: object) -> list[str]:
        scenario = Scenario.model_validate(fields)
        return [each.change for each in what_ifs(fabric, routing, scenario, link_class)]

    assert changes(Routing(policy="adaptive")) == ["leaf-spine links twice as fast"]
    assert changes(Routing(policy="adaptive"), "gpu-scaleup") == []
    assert changes(Routing(policy="spray"), "") == ["adaptive routing"]
    assert changes(Routing(policy="ecmp", queue_pairs=2), "") == [
        "8 queue pairs a connection (now 2)",
        "adaptive routing",
    ]
    broken = {"faults": [{"node": "leaf0"}]}
    assert changes(Routing(policy="adaptive"), "", **broken) == ["nothing broken"]
