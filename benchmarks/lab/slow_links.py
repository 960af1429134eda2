"""A spine link that keeps a fifth of its rate: steps while nobody reacts, after weights follow, and as predicted.

python benchmarks/lab/slow_links.py [--jobs N] [--kind all_reduce] [--size 1e6] [--share 0.2]

A job's connections have ports of their own, so each job has other flows on the slow link. The engine is told which.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from statistics import mean

from weft.fabric import build_fabric, load_cluster
from weft.lab import Lab, lab_plan
from weft.lab.experiment import Fault
from weft.lab.fidelity import compare
from weft.lab.workloads.gloo import GlooJob
from weft.lab.workloads.ranks import ranks_of
from weft.underlay import build_underlay

CLUSTER = Path(__file__).resolve().parents[2] / "examples" / "lab" / "leaf-spine" / "cluster.yaml"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--kind", default="all_reduce")
    parser.add_argument("--size", type=float, default=1e6)
    parser.add_argument("--share", type=float, default=0.2)
    parsed = parser.parse_args()
    fault = Fault(("leaf0", "spine0"), "degrade", share=parsed.share)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    plan = lab_plan(build_underlay(build_fabric(load_cluster(CLUSTER))), source=str(CLUSTER))
    medians: dict[str, list[float]] = {}
    with Lab.up(plan) as lab:
        for _ in range(parsed.jobs):
            with GlooJob(lab, ranks_of(plan)) as job:
                for row in compare(lab, job, parsed.kind, parsed.size, 8, fault):
                    over = sum({"leaf0", "spine0"} <= set(way) for way in row.ways.values())
                    medians.setdefault(row.state, []).append(row.steps.median_s)
                    print(
                        f"{row.state:38} {over:2} flows over it, median {row.steps.median_s * 1e3:5.0f} ms, "
                        f"fastest {row.measured_s * 1e3:5.0f} ms, predicted {row.predicted_s * 1e3:5.0f} ms, "
                        f"{row.error:+.1%}",
                        flush=True,
                    )
    for state, times_s in medians.items():
        print(f"{state:38} mean of medians {mean(times_s) * 1e3:.0f} ms")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
