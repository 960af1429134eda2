"""Others on the network: background traffic, priorities, weights, and jobs beside the one that is asked about."""

from __future__ import annotations

from typing import Any

import pytest
from fluid_cases import bench, cluster
from handmade_jobs import TINY, job

from weft.engines.scenario import Scenario
from weft.engines.step import StepRun, run_step
from weft.errors import ConfigError

SIZE = 1e9
RATE_BPS = 50e9
#: Four leaves of two nodes; eight uplinks each.
FABRIC = cluster(8, radix=24, oversubscription=2)


def flow_s(*others: dict[str, Any]) -> float:
    """Seconds of a flow between leaves, all hops and launches aside, with others beside it."""
    scenario = {"background": list(others)} if others else None
    run = bench(FABRIC, "send_recv", (0, 63), SIZE, algorithm="direct", scenario=scenario, named="ideal").run(SIZE)
    return run.time_s - run.latency_s


def to_the_same(**more: Any) -> dict[str, Any]:
    """Someone else's flow into the same accelerator, from another leaf."""
    return {"pairs": [["host2/gpu0", "host7/gpu7"]], **more}


def test_alone_it_has_its_nics_rate() -> None:
    assert flow_s() == pytest.approx(SIZE / RATE_BPS)


@pytest.mark.parametrize(("weight", "share"), [(1.0, 1 / 2), (3.0, 1 / 4), (0.25, 4 / 5)])
def test_shares_go_by_weight(weight: float, share: float) -> None:
    assert flow_s(to_the_same(weight=weight)) == pytest.approx(SIZE / RATE_BPS / share)


def test_what_is_limited_leaves_the_rest() -> None:
    assert flow_s(to_the_same(rate="100Gb/s")) == pytest.approx(SIZE / (RATE_BPS - 12.5e9))


def test_what_comes_after_does_not_disturb() -> None:
    assert flow_s(to_the_same(priority=1, weight=1000.0)) == pytest.approx(SIZE / RATE_BPS, rel=1e-6)


def test_what_comes_and_goes_takes_its_share_meanwhile() -> None:
    """For 10 of the 20 ms that it takes alone, half the rate: 5 ms more."""
    found = flow_s(to_the_same(start="5ms", until="15ms"))
    assert found == pytest.approx(SIZE / RATE_BPS + 0.005, rel=1e-6)


def test_traffic_elsewhere_does_not_disturb() -> None:
    elsewhere = [["host2/gpu0", "host5/gpu3"], ["host3/gpu1", "host2/gpu2"]]
    assert flow_s({"pairs": elsewhere}) == pytest.approx(SIZE / RATE_BPS, rel=1e-9)


@pytest.mark.parametrize("senders", [2, 5])
def test_incast_shares_the_last_link(senders: int) -> None:
    """Many on leaves of their own send to accelerator 0, to which one rank sends too."""
    pairs = [[f"host{2 + i}/gpu{i}", "host7/gpu7"] for i in range(senders)]
    assert flow_s({"pairs": pairs}) == pytest.approx(SIZE / RATE_BPS * (senders + 1))


@pytest.mark.parametrize(
    ("scenario", "field"),
    [
        ({"background": [{"pairs": [["host0/gpu0", "host99/gpu0"]]}]}, "background[0].pairs"),
        ({"background": [{"pairs": [["host0/gpu0", "host0/gpu0"]]}]}, "background[0].pairs"),
        ({"background": [{"pairs": [["host0/gpu0", "leaf0"]]}]}, "background[0].pairs"),
        ({"background": [{"pattern": "shift", "count": 65}]}, "background[0].count"),
        ({"background": [{"pattern": "incast", "first": 64}]}, "background[0].first"),
        ({"slow": [{"node": "host9", "factor": 2}]}, "slow[0].node"),
        ({"slow": [{"node": "spine0", "factor": 2}]}, "slow[0].node"),
        ({"first": 60}, "first"),
    ],
)
def test_what_is_not_there_is_said(scenario: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        step(Scenario.model_validate(scenario))
    assert caught.value.field == field


def small_job(**more: Any) -> Any:
    """Data parallel, small enough that the network counts."""
    return job(model=TINY, accelerators=16, batch=16, **more)


def step(scenario: Scenario | None = None) -> StepRun:
    return run_step(FABRIC, small_job(), engine="fluid", scenario=scenario)


@pytest.fixture
def beside(tmp_path: Any) -> Any:
    """Make a scenario of the same job once more, at some accelerator, beside ours at another."""
    (tmp_path / "other.yaml").write_text(small_job().model_dump_json(exclude_defaults=True))

    def make(first: int, at: int, **more: Any) -> Scenario:
        whole = {"first": first, "jobs": [{"job": "other.yaml", "first": at, **more}]}
        return Scenario.model_validate(whole).placed_in(tmp_path)

    return make


def test_jobs_under_leaves_of_their_own_do_not_meet(beside: Any) -> None:
    alone = step()
    assert step(beside(0, 16)).step_s == pytest.approx(alone.step_s, rel=1e-9)


def test_two_equal_jobs_have_half_of_a_shared_leafs_uplinks_each(beside: Any) -> None:
    """Both have one node under leaf 1, and keep in step: as alone with its uplinks at half their rate."""
    half = [{"link": ["leaf1", spine], "rate": 0.5, "reroute": "0s"} for spine in ("spine0", "spine1")]
    alone = step(Scenario.model_validate({"first": 8, "faults": half}))
    assert step(beside(8, 24)).step_s == pytest.approx(alone.step_s, rel=1e-9)
    assert alone.step_s > step(Scenario(first=8)).step_s * 1.001


def test_jobs_that_share_uplinks_do_and_priority_saves_one(beside: Any) -> None:
    """Both lie across leaves 0 and 1, each with a node under either."""
    alone = step(Scenario(first=8)).step_s
    disturbed, first, last = (step(beside(8, 24, **more)).step_s for more in ({}, {"priority": 1}, {"weight": 1e-3}))
    assert disturbed >= first * (1 - 1e-9)
    assert first == pytest.approx(alone, rel=1e-6)
    assert last <= disturbed * (1 + 1e-9)


def test_jobs_on_the_same_accelerators_are_refused(beside: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        step(beside(0, 8))
    assert caught.value.field == "jobs[0].first"


def test_another_job_has_to_fit(beside: Any) -> None:
    with pytest.raises(ConfigError, match="does not fit"):
        step(beside(0, 56))
