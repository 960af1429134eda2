"""How long an all-reduce on real paths takes to simulate, and how much memory: one process a size.

python benchmarks/all_reduce.py                  1,024 to 131,072 GPUs
python benchmarks/all_reduce.py 4096             another size

1 GiB, hierarchical (inside nodes, along rails, inside nodes), on nodes of eight GPUs under a rail-optimised fat-tree of
128-port switches: every flow is routed over the links that it crosses, then folded by symmetry, then run event by event
on the fluid engine. Seconds are of everything but imports, with the fabric's build; the exponent is of a fit of
seconds over GPUs. Fails where 131,072 GPUs take more than 10 s or 4 GB.
"""

from __future__ import annotations

import resource
import sys
import time

import growth

SIZE_bytes = float(1 << 30)
SIZES = (1024, 8192, 32768, 131_072)
LIMITS = {131_072: (10.0, 4_000.0)}  # GPUs: seconds, MB


def measure(gpus: int) -> dict[str, float]:
    from weft.collectives import library_for, load_library
    from weft.engines.fluid.bench import FluidBench
    from weft.fabric import Cluster, build_fabric

    spec = {
        "nodes": gpus // 8,
        "node": {"system": "dgx_h100"},
        "scale_out": {"topology": "fat_tree", "switch": "nv_sn5600"},
    }
    cluster = Cluster.model_validate(spec)
    start = time.perf_counter()
    fabric = build_fabric(cluster)
    built = time.perf_counter()
    library = load_library(library_for(fabric.accelerator), fabric.catalog)
    bench = FluidBench(fabric, "all_reduce", [SIZE_bytes], range(gpus), library=library, algorithm="hierarchical")
    ready = time.perf_counter()
    row = bench.run(SIZE_bytes)
    done = time.perf_counter()
    closed_s = bench.closed_form(SIZE_bytes).time_s
    found = {"gpus": gpus, "seconds": done - start, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(
        f"{gpus:>8,} GPUs  {len(fabric.links):>9,} links   build {built - start:5.2f} s  route and fold "
        f"{ready - built:5.2f} s  run {done - ready:5.3f} s  all {done - start:5.2f} s  peak {found['MB']:,.0f} MB   "
        f"simulated {1e3 * row.time_s:.2f} ms, {row.time_s / closed_s:.4f} of the closed form",
        file=sys.stderr,
        flush=True,
    )
    return found


if __name__ == "__main__":
    growth.run(measure, SIZES, LIMITS)
