"""The studies of traffic give what arithmetic gives, in small cases."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from weft.collectives.patterns import group_shift, permutation, uniform
from weft.errors import InfeasibleError
from weft.fabric.routing_options import Routing

STUDIES = Path(__file__).resolve().parents[2] / "examples" / "studies"
Study = Callable[[str], ModuleType]


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """Import a study as when it is run: its folder is on the path."""
    monkeypatch.syspath_prepend(str(STUDIES))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (STUDIES / f"{name}.py").exists():
            del sys.modules[name]


def test_spraying_serves_any_permutation_and_entropy_only_helps(study: Study) -> None:
    rates = study("flow_rates")
    fabric = rates.single_nic_nodes(128, {"topology": "fat_tree", "radix": 8})
    pairs = permutation(128, 3)
    mean = [rates.fair_rates(fabric, Routing(policy="ecmp", queue_pairs=n), pairs).mean() for n in (1, 4, 16, 64)]
    assert mean == sorted(mean)
    assert 0.35 < mean[0] < 0.65
    assert rates.fair_rates(fabric, Routing(policy="spray"), pairs) == pytest.approx(np.ones(128))
    assert rates.fair_rates(fabric, Routing(policy="ecmp", polarised=True), pairs).mean() < mean[0]


@pytest.mark.parametrize(("p", "a", "h"), [(1, 2, 1), (2, 4, 2)])
def test_all_hosts_of_a_group_share_one_link_to_the_next(study: Study, p: int, a: int, h: int) -> None:
    rates = study("flow_rates")
    hosts = p * a * (a * h + 1)
    fabric = rates.single_nic_nodes(hosts, {"topology": "dragonfly", "p": p, "a": a, "h": h})
    got = rates.fair_rates(fabric, Routing(policy="minimal"), group_shift(hosts, p * a))
    assert got == pytest.approx(np.full(hosts, 1 / (a * p)))


@pytest.mark.parametrize(("dims", "wrap"), [([16], True), ([4, 12], True), ([8], False), ([4, 16], False)])
def test_the_middle_limits_an_all_to_all(study: Study, dims: list[int], wrap: bool) -> None:
    rates = study("flow_rates")
    nodes = int(np.prod(dims))
    fabric = rates.single_nic_nodes(nodes, {"topology": "torus", "dims": dims, "wrap": wrap})
    bound = (8 if wrap else 4) / max(dims) * (nodes - 1) / nodes
    got = rates.batch_rate(fabric, Routing(policy="minimal"), uniform(nodes))
    assert got == pytest.approx(min(1.0, bound), rel=1e-6)


@pytest.mark.parametrize("nodes", [4, 8])
def test_rails_alone_cost_nvlinks_time_or_nothing(study: Study, nodes: int) -> None:
    rails = study("rails_or_spines")
    after, beside = rails.overheads(nodes)
    assert after == pytest.approx(7 / 8 / 450 / ((nodes - 1) / nodes / 50), rel=1e-3)
    assert abs(beside) < 1e-3
    assert rails.dense_difference(nodes) < 1e-3


@pytest.mark.parametrize("part", [0.1, 0.6])
def test_a_lost_uplink_slows_what_is_left(study: Study, part: float) -> None:
    lost = study("lost_uplink")
    fabric = lost.two_leaves()
    whole_s = lost.all_reduce_s(fabric, lost.SPREAD)
    at_s = part * whole_s
    assert lost.all_reduce_s(fabric, lost.SPREAD, lost.cut(at_s)) == pytest.approx(
        lost.remaining_s(whole_s, at_s), rel=1e-4
    )
    stalled_s = lost.all_reduce_s(fabric, lost.HASHED, lost.cut(at_s, "10ms"))
    assert stalled_s - lost.all_reduce_s(fabric, lost.HASHED, lost.cut(at_s)) == pytest.approx(0.01, rel=1e-3)


def test_no_uplinks_left_is_said(study: Study) -> None:
    lost = study("lost_uplink")
    with pytest.raises(InfeasibleError, match="unreachable"):
        lost.all_reduce_s(lost.two_leaves(), lost.SPREAD, {"at": "1ms", "node": "spine0"})


def test_slow_links_are_weighed_or_not(study: Study) -> None:
    lost = study("lost_uplink")
    assert lost.through_half_a_link(Routing(policy="spray", weighted=False)) == pytest.approx(0.8)
    assert lost.through_half_a_link(Routing(policy="spray")) == pytest.approx(1.0)


def test_equal_jobs_in_step_share_and_one_ahead_is_not_disturbed(study: Study) -> None:
    jobs = study("two_jobs")
    fabric = jobs.three_leaves()
    alone = jobs.step(fabric)
    wait_s = alone.breakdown_s["exposed_dp"]
    assert jobs.step(fabric, other={}).step_s == pytest.approx(alone.step_s + wait_s, rel=2e-3)
    assert jobs.step(fabric, other={"priority": 1}).step_s == pytest.approx(alone.step_s, rel=1e-9)
