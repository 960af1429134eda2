"""How long fair rates take: a permutation of flows on a k-ary fat-tree, each hashed to one path; one process a size.

python benchmarks/max_min.py            k = 16, 32 and 64 (65,536 flows)
python benchmarks/max_min.py 48         another
python benchmarks/max_min.py --cold     an empty cache of compiled kernels, to see what compiling takes

Every host has one GPU and one NIC; paths are the router's. Milliseconds are the median of several allocations of all
flows at once. Then all flows run until their ends: with equal sizes; with sizes drawn from half to one and a half
times that; and started at random times. Fails where 65,536 flows take more than 150 ms at once at best, or 10 s to
run.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

RATE_Bps = 50e9
SIZE_bytes = 1e9
LIMITS = {64: (150.0, 10.0)}  # k: ms, s


def permutation(k: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Paths (indptr, resource) and capacities: hosts with one GPU and NIC each, routed by ECMP."""
    from weft.collectives.patterns import permutation as drawn
    from weft.fabric import Cluster, Kind, build_fabric
    from weft.fabric.routing_options import Routing
    from weft.routing.router import make_router

    hosts = k**3 // 4
    node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx7", "nics": 1}
    network = {"topology": "fat_tree", "protocol": "roce", "radix": k}
    fabric = build_fabric(Cluster.model_validate({"nodes": hosts, "node": node, "scale_out": network}))
    router = make_router(fabric, Routing(policy="ecmp"))
    rows = fabric.rows(Kind.ACCELERATOR)
    src, dst = drawn(hosts)
    paths = router.route(rows[src], rows[dst])
    return paths.indptr, paths.resource, router.resources.capacity_Bps


def measure(k: int) -> None:
    from weft.engines.fluid.allocation import max_min
    from weft.engines.fluid.flows_in_time import completion_times

    paths = permutation(4)
    start = time.perf_counter()
    max_min(paths[0], paths[1], np.ones(len(paths[1])), paths[2])
    ready_s = time.perf_counter() - start
    completion_times(paths[0], paths[1], np.ones(len(paths[1])), SIZE_bytes, paths[2])
    all_ready_s = time.perf_counter() - start

    indptr, entry, capacity_Bps = permutation(k)
    flows, usage = len(indptr) - 1, np.ones(len(entry))
    taken_ms = []
    for _ in range(9):
        start = time.perf_counter()
        done = max_min(indptr, entry, usage, capacity_Bps)
        taken_ms.append(1e3 * (time.perf_counter() - start))
    share = done.rate_Bps / RATE_Bps
    print(
        f"k={k}  {flows:,} flows  {len(entry):,} entries  {len(capacity_Bps):,} resources  kernels ready in "
        f"{ready_s:.1f} s, {all_ready_s:.1f} s with events\n"
        f"  at once       {statistics.median(taken_ms):7.1f} ms  {done.water_levels} levels  "
        f"rate of a NIC's: least {share.min():.3f}, mean {share.mean():.3f}",
        flush=True,
    )
    draw = np.random.default_rng(1)
    spread = SIZE_bytes * draw.uniform(0.5, 1.5, flows)
    late_s = draw.uniform(0.0, 2.0 * SIZE_bytes / RATE_Bps, flows)
    slowest_s = 0.0
    for name, size, start_s in (
        ("equal sizes", SIZE_bytes, 0.0),
        ("sizes", spread, 0.0),
        ("and starts", spread, late_s),
    ):
        start = time.perf_counter()
        end_s = completion_times(indptr, entry, usage, size, capacity_Bps, start_s=start_s)
        run_s = time.perf_counter() - start
        slowest_s = max(slowest_s, run_s)
        slowdown = (end_s - start_s) / (size / RATE_Bps)
        print(
            f"  {name:12s}  {run_s:7.2f} s   {len(np.unique(end_s)):,} ends  "
            f"slowdown: mean {slowdown.mean():.2f}, p99 {np.quantile(slowdown, 0.99):.2f}, most {slowdown.max():.2f}",
            flush=True,
        )
    print(f"  peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB", flush=True)
    most_ms, most_s = LIMITS.get(k, (np.inf, np.inf))
    if min(taken_ms) > most_ms or slowest_s > most_s:
        raise SystemExit(f"k={k}: {min(taken_ms):.0f} ms of {most_ms:.0f}, {slowest_s:.1f} s of {most_s:.0f}")


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:] if size != "--cold"] or [16, 32, 64]
    if len(sizes) == 1 and "--cold" not in sys.argv:
        measure(sizes[0])
        return
    with tempfile.TemporaryDirectory() as empty:
        fresh = {"NUMBA_CACHE_DIR": empty} if "--cold" in sys.argv else {}
        for size in sizes:
            subprocess.run([sys.executable, __file__, str(size)], check=True, env={**os.environ, **fresh})


if __name__ == "__main__":
    main()
