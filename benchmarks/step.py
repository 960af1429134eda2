"""How long simulating a training step takes, and how much memory: one process a case, so that peaks are each one's own.

python benchmarks/step.py              every case
python benchmarks/step.py gpt-1t       one

Seconds are the best of a few runs and leave out imports and building the fabric. `unfolded` runs every micro-batch;
its span against the folded one is how exact folding is.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.engines.step import StepRun
    from weft.fabric import Fabric
    from weft.workload.spec import Job

_EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "llama3-405b"
_GPT = {"vocab": 51200, "dropout": True, "bias": True, "learned_positions": True}
_JOBS: dict[str, dict[str, Any]] = {
    # The largest model of Narayanan et al. (arXiv 2104.04473): 64 stages, 512 micro-batches, one replica.
    "gpt-1t": {
        "model": {"layers": 128, "hidden": 25600, "heads": 160, **_GPT},
        "sequence": 2048,
        "global_batch": 512,
        "parallelism": {"tp": 8, "pp": 64, "dp": 1},
        "stack": "megatron-lm-2022",
        "recompute": "selective",
    },
    # Parameters gathered layer by layer, in every one of 64 micro-batches.
    "fsdp-70b": {
        "model": "llama3-70b",
        "sequence": 4096,
        "global_batch": 32768,
        "parallelism": {"dp": 512, "zero": 3},
        "stack": "torchtitan",
        "recompute": "full",
    },
}


def case(name: str) -> tuple[Fabric, Job]:
    """The fabric and the job of a case."""
    from weft.api import load_job
    from weft.fabric import Cluster, Node, build_fabric, load_cluster
    from weft.workload.spec import Job

    if name == "llama3-405b":
        return build_fabric(load_cluster(_EXAMPLE / "cluster.yaml")), load_job(_EXAMPLE / "job.yaml")
    node = Node(accelerator="a100_sxm_80", accelerators=8, nics=8)
    network = {"topology": "fat_tree", "protocol": "infiniband", "rate": "200Gb/s"}
    return build_fabric(Cluster(nodes=64, node=node, scale_out=network)), Job.model_validate(_JOBS[name])


def timed(fabric: Fabric, job: Job, *, fold: bool, times: int) -> tuple[StepRun, float]:
    """A run and its best time in seconds."""
    from weft.engines.step import run_step

    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run = run_step(fabric, job, fold=fold)
        best = min(best, time.perf_counter() - start)
    return run, best


def measure(name: str) -> None:
    fabric, job = case(name)
    run, folded_s = timed(fabric, job, fold=True, times=5)
    peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    operations = len(run.execution.program)
    whole, whole_s = timed(fabric, job, fold=False, times=1)
    whole_operations = len(whole.execution.program)
    print(
        f"{name:12} {run.plan.micro_batches:4} micro-batches, {run.plan.mapping.pp:2} stages   "
        f"folded {operations:>7,} operations {folded_s:6.3f} s  peak {peak_MB:,.0f} MB   "
        f"unfolded {whole_operations:>7,} operations {whole_s:6.3f} s ({whole_operations / whole_s:,.0f}/s)   "
        f"folding: {whole_s / folded_s:.1f} times faster, off by {abs(run.step_s / whole.step_s - 1):.0e}",
        flush=True,
    )


def main() -> None:
    names = sys.argv[1:] or ["llama3-405b", *_JOBS]
    if len(names) == 1:
        measure(names[0])
        return
    for name in names:
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
