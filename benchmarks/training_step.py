"""How long a training step takes to simulate on real paths, and how much memory: one process a size.

python benchmarks/training_step.py               1,024 to 131,072 GPUs
python benchmarks/training_step.py 16384         another size

Llama 3 405B at 8,192 tokens, as in examples/llama3-405b: tensor parallel by 8, 16 stages of 8 chunks, the rest data
parallel with sharded optimizer and gradients, 16 sequences a replica; DGX H100 under a fat-tree of 128-port switches.
`fluid` routes and folds every communication of every rank and runs event by event; its time with the fabric's build
counts. The closed form takes each communication to be alone. Fails where 131,072 GPUs take more than 60 s or 8 GB.
"""

from __future__ import annotations

import resource
import sys
import time

import growth

SIZES = (1024, 8192, 32768, 131_072)
LIMITS = {131_072: (60.0, 8_000.0)}  # GPUs: seconds, MB


def measure(gpus: int) -> dict[str, float]:
    from weft.engines.step import run_step
    from weft.fabric import Cluster, build_fabric
    from weft.workload.spec import Job

    network = {"topology": "fat_tree", "switch": "nv_sn5600"}
    cluster = Cluster.model_validate({"nodes": gpus // 8, "node": {"system": "dgx_h100"}, "scale_out": network})
    dp = gpus // 128
    job = Job.model_validate(
        {
            "model": "llama3-405b",
            "sequence": 8192,
            "global_batch": 16 * dp,
            "micro_batch": 1,
            "parallelism": {"tp": 8, "pp": 16, "dp": dp, "interleave": 8, "zero": 2},
            "stack": "llama3",
        }
    )
    start = time.perf_counter()
    fabric = build_fabric(cluster)
    built = time.perf_counter()
    fluid = run_step(fabric, job, engine="fluid")
    done = time.perf_counter()
    closed = run_step(fabric, job)
    closed_s = time.perf_counter() - done
    found = {"gpus": gpus, "seconds": done - start, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(
        f"{gpus:>8,} GPUs   build {built - start:5.2f} s  fluid {done - built:5.2f} s  all {found['seconds']:5.2f} s  "
        f"peak {found['MB']:,.0f} MB   step {fluid.step_s:.3f} s, {fluid.step_s / closed.step_s:.3f} of the closed "
        f"form, which takes {closed_s:.2f} s",
        file=sys.stderr,
        flush=True,
    )
    return found


if __name__ == "__main__":
    growth.run(measure, SIZES, LIMITS)
