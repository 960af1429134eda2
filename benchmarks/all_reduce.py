"""How long an all-reduce on real paths takes to simulate, and how much memory: one process a size.

python benchmarks/all_reduce.py                  1,024 to 131,072 GPUs
python benchmarks/all_reduce.py 4096             another size

1 GiB, hierarchical (inside nodes, along rails, inside nodes), on nodes of eight GPUs under a rail-optimised fat-tree of
128-port switches: every flow is routed over the links that it crosses, then folded by symmetry, then run event by event
on the fluid engine. Seconds are of everything but imports, with the fabric's build; the exponent is of a fit of
seconds over GPUs. Fails where 131,072 GPUs take more than 10 s or 4 GB.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time

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


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:] if size != "--one"] or list(SIZES)
    if "--one" in sys.argv:
        print(json.dumps(measure(sizes[0])))
        return
    rows = []
    for size in sizes:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(size)], check=True, stdout=subprocess.PIPE, text=True
        )
        rows.append(json.loads(done.stdout))
    if len(rows) > 1:
        print(f"seconds grow with the {exponent(rows):.2f} power of the number of GPUs")
    for row in rows:
        most_s, most_MB = LIMITS.get(row["gpus"], (math.inf, math.inf))
        if row["seconds"] > most_s or row["MB"] > most_MB:
            raise SystemExit(f"{row['gpus']:,} GPUs: more than {most_s:.0f} s or {most_MB:.0f} MB")


def exponent(rows: list[dict[str, float]]) -> float:
    """Least squares of log seconds over log GPUs."""
    points = [(math.log(row["gpus"]), math.log(row["seconds"])) for row in rows]
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points, strict=True))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


if __name__ == "__main__":
    main()
