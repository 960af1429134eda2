"""`weft.simulate` on the fluid engine from Python: scenarios, routing, the use of links."""

from __future__ import annotations

from pathlib import Path

import pytest

import weft
from weft.engines.scenario import Fault, Scenario
from weft.errors import ConfigError, InfeasibleError
from weft.fabric.routing_options import Routing
from weft.result import Result


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "examples/scenarios"


def run(folder: Path, **options: object) -> Result:
    return weft.simulate(folder / "cluster.yaml", folder / "job.yaml", engine="fluid", **options)  # type: ignore[arg-type]


def test_a_scenario_is_a_file_or_an_object(folder: Path) -> None:
    path = folder / "scenario-slow-host.yaml"
    read = run(folder, scenario=path)
    made = run(folder, scenario=Scenario.model_validate({"slow": [{"node": "host3", "factor": 1.2}]}))
    assert read.step_time_s == made.step_time_s > run(folder).step_time_s
    assert read.provenance() == made.provenance()
    assert read.provenance() != run(folder).provenance()


def test_without_contention_it_is_the_closed_form(folder: Path) -> None:
    closed = weft.simulate(folder / "cluster.yaml", folder / "job.yaml")
    assert run(folder, routing=Routing(policy="adaptive")).step_time_s == pytest.approx(closed.step_time_s, rel=5e-3)


def test_only_a_watched_run_knows_its_links(folder: Path) -> None:
    result = run(folder)
    assert result.links is None
    assert list(result.counters()) == []
    assert "links" not in result.to_dict()
    assert "link_use" not in result.tables()
    with pytest.raises(ConfigError, match="watch=True"):
        _ = result.held_up


def test_watching_changes_nothing(folder: Path) -> None:
    routing = Routing(policy="ecmp")
    watched = run(folder, routing=routing, watch=True)
    assert watched.step_time_s == run(folder, routing=routing).step_time_s
    assert watched.links is not None
    assert watched.links.span_s == pytest.approx(watched.run.execution.span_s)
    times = watched.tables()["link_use"]["time_s"]
    assert 0 <= min(times) <= max(times) < watched.links.span_s


def test_what_helps_is_what_a_run_with_it_takes(folder: Path) -> None:
    held = run(folder, routing=Routing(policy="ecmp"), watch=True).held_up
    tried = {each["change"]: each["time_s"] for each in held["what_would_help"]}
    assert tried["adaptive routing"] == run(folder, routing=Routing(policy="adaptive")).step_time_s
    assert (
        tried["4 queue pairs a connection (now 1)"]
        == run(folder, routing=Routing(policy="ecmp", queue_pairs=4)).step_time_s
    )


def test_a_cut_network_is_infeasible(folder: Path) -> None:
    with pytest.raises(InfeasibleError, match="unreachable"):
        run(folder, scenario=Scenario(faults=[Fault(node="leaf0")]))


def test_progress_counts_operations(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    run(folder, fold=False, progress=lambda done, total: told.append((done, total)))
    assert told
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert all(0 < done <= total for done, total in told)
