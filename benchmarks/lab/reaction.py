"""What a broken link costs an all-reduce: eight gloo ranks, four leaves, two spines, 100 Mbit/s; who reacts, how fast.

    python benchmarks/lab/reaction.py [--repeat N]

Prints one line a case: the worst step's stall over the median step before the fault, the worst of N runs, and when the
first groups were acknowledged. The victim is the link that carries most just before. Needs a quiet machine: a stall of
less than a scheduler's delay means nothing.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from weft.fabric import build_fabric, load_cluster
from weft.lab import BACKENDS, Lab, lab_plan
from weft.lab.backend import backend_of
from weft.lab.experiment import Fault, How, Outcome, experiment
from weft.lab.workloads.gloo import GlooJob
from weft.lab.workloads.ranks import ranks_of
from weft.underlay import build_underlay

CLUSTER = Path(__file__).resolve().parents[2] / "examples" / "lab" / "leaf-spine" / "cluster.yaml"
SIZE_BYTES, STEPS = 1e6, 30


def measured(lab: Lab, how: How, react: bool, repeat: int) -> list[Outcome]:
    """So many runs, with one job as long as it lives."""
    found: list[Outcome] = []
    while len(found) < repeat:
        with GlooJob(lab, ranks_of(lab.plan), timeout_s=20) as job:
            for _ in range(repeat - len(found)):
                fault = Fault(None, how, at_s=1.5)
                found.append(experiment(lab, job, "all_reduce", SIZE_BYTES, STEPS, react=react, fault=fault))
                if found[-1].steps.error:
                    break
    return found


def line(name: str, found: list[Outcome]) -> str:
    """One case in words."""
    failed = sum(bool(outcome.steps.error) for outcome in found)
    stalls_ms = sorted(1e3 * outcome.stall_s() for outcome in found if not outcome.steps.error)
    acted_ms = [
        1e3 * (reaction["acknowledged_s"] - outcome.struck.time_s)
        for outcome in found
        if outcome.struck is not None
        for reaction in outcome.reactions
        if reaction["groups_replaced"]
    ][:1]
    stall = f"worst stall {stalls_ms[-1]:7.1f} ms, best {stalls_ms[0]:7.1f} ms" if stalls_ms else "no run survived"
    acted = f"; acted after {acted_ms[0]:6.1f} ms" if acted_ms else ""
    return f"{name:32} {len(found) - failed} of {len(found)} jobs survived; {stall}{acted}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    plan = lab_plan(build_underlay(build_fabric(load_cluster(CLUSTER))), source=str(CLUSTER))
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with Lab.up(plan) as lab:
        with GlooJob(lab, ranks_of(plan)) as job:
            for size in (1e6, 8e6):
                steps = job.run("all_reduce", size, 8)
                share = steps.busbw_Bps / job.ranks[0].rate_Bps
                print(f"{'all-reduce of ' + f'{size / 1e6:g} MB':32} {share:.1%} of the ideal bus bandwidth")
        cases: list[tuple[How, bool]] = [("cut", True), ("silent", True), ("cut", False)]
        for how, react in cases:
            name = f"{how}, {'reaction loop' if react else 'nobody reacts'}"
            print(line(name, measured(lab, how, react, repeat if react else 1)))
    if "frr" in BACKENDS and not backend_of("frr").missing():
        with Lab.up(plan, "frr") as lab:
            for how in ("cut", "silent"):
                print(line(f"{how}, FRR with BFD", measured(lab, how, False, repeat)))
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
