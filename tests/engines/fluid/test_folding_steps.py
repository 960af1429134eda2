"""A step in which one stands for all that the network treats alike takes as long as one in which everybody runs.

Symmetric jobs to the last digits; and jobs whose symmetry something breaks: a dead link, hash collisions, a slow host,
traffic of others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fluid_cases import cluster
from handmade_jobs import LLAMA_SHAPE, TINY, job

from weft.engines.scenario import Scenario
from weft.engines.step import StepRun, run_step
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing

FABRICS: dict[str, Fabric] = {
    "rails": cluster(8, "rail_optimised", unit_nodes=4),
    "thin": cluster(8, radix=24, oversubscription=2),
}
JOBS: dict[str, dict[str, Any]] = {
    "dp": {"accelerators": 16, "batch": 32},
    "fsdp": {"accelerators": 64, "batch": 128, "zero": 3, "stack": "torchtitan"},
    "tp": {"accelerators": 32, "tp": 8, "batch": 16},
    "tp-pp": {"accelerators": 32, "tp": 4, "pp": 2, "batch": 32},
    "pp-interleaved": {"accelerators": 32, "tp": 8, "pp": 2, "interleave": 2, "batch": 12},
    "cp-dp": {"accelerators": 32, "cp": 2, "tp": 4, "batch": 16, "model": LLAMA_SHAPE},
    "all": {"accelerators": 64, "tp": 4, "cp": 2, "pp": 2, "batch": 16, "zero": 1, "model": LLAMA_SHAPE},
}
BROKEN: dict[str, tuple[dict[str, Any], Routing]] = {
    "dead uplink": ({"faults": [{"link": ["leaf0", "spine0"], "reroute": "0s"}]}, Routing()),
    "half a cable, later": (
        {"faults": [{"link": ["leaf0", "spine0"], "cable": 0, "rate": 0.5, "at": "1ms", "until": "9ms"}]},
        Routing(),
    ),
    "collisions": ({}, Routing(policy="ecmp")),
    "slow host": ({"slow": [{"node": "host1", "factor": 1.5}]}, Routing()),
    "others": ({"background": [{"pattern": "permutation", "seed": 3, "rate": "200Gb/s"}]}, Routing(policy="ecmp")),
}


def both(fabric: Fabric, more: dict[str, Any], **how: Any) -> tuple[StepRun, StepRun]:
    """(folded, whole)"""
    asked = job(**{"model": TINY, **more})
    folded, whole = (run_step(fabric, asked, engine="fluid", fold=fold, **how) for fold in (True, False))
    return folded, whole


def columns(run: StepRun) -> int:
    assert run.fluid is not None
    return run.fluid.prepared.classes.columns


@pytest.mark.parametrize("layout", sorted(JOBS))
@pytest.mark.parametrize("name", sorted(FABRICS))
def test_symmetric_jobs_fold_to_the_last_digits(name: str, layout: str) -> None:
    folded, whole = both(FABRICS[name], JOBS[layout])
    assert folded.step_s == pytest.approx(whole.step_s, rel=1e-9)
    for part, seconds in whole.breakdown_s.items():
        assert folded.breakdown_s[part] == pytest.approx(seconds, abs=1e-9 * whole.step_s), part
    assert columns(folded) < columns(whole) == whole.plan.mapping.columns


@pytest.mark.parametrize("broken", sorted(BROKEN))
@pytest.mark.parametrize("layout", ["fsdp", "tp-pp", "all"])
def test_broken_symmetry_is_kept_apart(layout: str, broken: str) -> None:
    events, routing = BROKEN[broken]
    folded, whole = both(FABRICS["thin"], JOBS[layout], scenario=Scenario.model_validate(events), routing=routing)
    assert folded.step_s == pytest.approx(whole.step_s, rel=1e-9)


def test_the_same_run_twice_is_the_same_to_the_last_bit() -> None:
    events = {**BROKEN["dead uplink"][0], **BROKEN["others"][0], **BROKEN["slow host"][0]}
    runs = [
        run_step(
            FABRICS["thin"],
            job(**JOBS["all"]),
            engine="fluid",
            scenario=Scenario.model_validate(events),
            routing=Routing(policy="ecmp", seed=5),
            watch=True,
        )
        for _ in range(2)
    ]
    first, second = (run.execution for run in runs)
    assert np.array_equal(first.start_s, second.start_s)
    assert np.array_equal(first.end_s, second.end_s)
    uses = [run.links for run in runs]
    assert uses[0] is not None
    assert uses[1] is not None
    assert np.array_equal(uses[0].carried_bytes, uses[1].carried_bytes)
    assert np.array_equal(uses[0].over_time, uses[1].over_time)
