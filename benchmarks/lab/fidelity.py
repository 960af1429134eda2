"""The fluid engine against real all-reduces, on three labs, whole and with a link broken.

python benchmarks/lab/fidelity.py [--jobs N]

A job's connections have ports of their own, so each job meets other hash collisions; the engine is to predict them all.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from weft.fabric import build_fabric, load_cluster
from weft.lab import Lab, lab_plan
from weft.lab.experiment import Fault
from weft.lab.fidelity import compare
from weft.lab.workloads.gloo import GlooJob
from weft.lab.workloads.ranks import ranks_of
from weft.underlay import build_underlay

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "lab"
LABS = {
    "leaf-spine": Fault(("leaf0", "spine0"), "cut"),
    "dragonfly": Fault(("group0-router0", "group0-router1"), "cut"),
    "rail-only": Fault(("host0:eth0", "leaf0"), "degrade", share=0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, fault in LABS.items():
        path = EXAMPLES / name / "cluster.yaml"
        plan = lab_plan(build_underlay(build_fabric(load_cluster(path))), source=str(path))
        with Lab.up(plan) as lab:
            for _ in range(jobs):
                with GlooJob(lab, ranks_of(plan)) as job:
                    for row in compare(lab, job, "all_reduce", 4e6, 6, fault):
                        print(
                            f"{name:12} {row.state:36} measured {row.measured_s:.4f} s, "
                            f"predicted {row.predicted_s:.4f} s, {row.error:+.1%}"
                        )
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
