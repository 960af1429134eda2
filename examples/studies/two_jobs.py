"""Two training jobs that meet on one leaf's uplinks: fair shares, unequal ones, and one job ahead of the other.

Nine GPUs under three leaves, 3:1 oversubscribed. Each job has four; the middle leaf has ranks of both, and both jobs'
rings pass its one uplink. A step is compute c and then communication m. Side by side in step both take c + 2 m; if
one goes first, it takes c + m, and the other uses the link while the first computes. Run from the repository's root:

    python examples/studies/two_jobs.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flow_rates import single_nic_nodes
from predicted_published import Row, print_rows, times

from weft.api import load_job
from weft.engines.scenario import Scenario
from weft.engines.step import StepRun, run_step
from weft.fabric import Fabric
from weft.report.terminal import Column, table
from weft.units import format_duration

HERE = Path(__file__).resolve().parent
JOB = "neighbour.yaml"
BESIDE: dict[str, dict[str, Any]] = {
    "an equal": {},
    "one with a third of its weight": {"weight": 1 / 3},
    "one that yields": {"priority": 1},
    "one that comes first": {"weight": 1e6},
}


def three_leaves() -> Fabric:
    """Build nine GPUs, three to a leaf, with one uplink a leaf."""
    return single_nic_nodes(9, {"topology": "leaf_spine", "leaf_nodes": 3, "oversubscription": 3})


def step(fabric: Fabric, **other: Any) -> StepRun:
    """Run a step of the job, beside another one of its kind if ``other`` says how that is treated."""
    jobs = [{"job": JOB, "first": 4, **other["other"]}] if "other" in other else []
    scenario = Scenario.model_validate({"jobs": jobs}).placed_in(HERE)
    return run_step(fabric, load_job(HERE / JOB), engine="fluid", scenario=scenario)


def rows() -> list[Row]:
    """Return predicted figures beside the published ones."""
    fabric = three_leaves()
    together = step(fabric, other={}).step_s
    first, second = step(fabric, other={"priority": 1}).step_s, step(fabric, other={"weight": 1e6}).step_s
    return [Row("mean step, fair over one after another", 2 * together / (first + second), "unfair_jobs", times)]


def main() -> None:
    """Print the job's step beside every neighbour, then predicted beside published."""
    fabric = three_leaves()
    alone = step(fabric)
    c, m = alone.breakdown_s["compute"], alone.breakdown_s["exposed_dp"]
    arithmetic = {"an equal": c + 2 * m, "one that yields": c + m}
    lines = [("nobody", format_duration(alone.step_s), format_duration(c + m))]
    for name, other in BESIDE.items():
        expected = format_duration(arithmetic[name]) if name in arithmetic else "-"
        lines.append((name, format_duration(step(fabric, other=other).step_s), expected))
    print(f"alone: compute {format_duration(c)}, communication {format_duration(m)}\n")
    columns = [Column(name, right=True) for name in ("a step takes", "arithmetic")]
    print(table([Column("beside"), *columns], lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
