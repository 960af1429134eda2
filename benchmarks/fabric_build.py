"""How long a fabric takes to build, and how much memory: one process a size, so that peaks are each one's own.

python benchmarks/fabric_build.py                 131,072 GPUs, with places and media
python benchmarks/fabric_build.py 16384 1048576   other sizes
python benchmarks/fabric_build.py --bare 131072   without places and media

Fails where 131,072 GPUs take more than 10 s or 2 GB to build, or 1,048,576 more than 90 s or 12 GB.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

LIMITS = {131_072: (10.0, 2_000.0), 1_048_576: (90.0, 12_000.0)}  # GPUs: seconds, MB


def measure(gpus: int, placed: bool) -> None:
    from weft.economics import bill_of_materials
    from weft.fabric import Cluster, build_fabric

    spec: dict[str, object] = {
        "nodes": gpus // 8,
        "node": {"system": "dgx_h100"},
        # 128-port switches reach 524,288 endpoints in three tiers, 256-port ones four million
        "scale_out": {"topology": "fat_tree", "switch": "nv_sn5600" if gpus <= 524_288 else "bcm_tomahawk6"},
    }
    if placed:
        spec["floor_plan"] = {}
        spec["media"] = "cheapest"
    cluster = Cluster.model_validate(spec)
    start = time.perf_counter()
    fabric = build_fabric(cluster)
    built_s = time.perf_counter() - start
    built_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    group_s = []
    for ranks in (range(8), range(0, gpus, max(1, gpus // 16384)), range(gpus)):
        start = time.perf_counter()
        fabric.group(ranks)
        group_s.append(time.perf_counter() - start)
    start = time.perf_counter()
    bill = bill_of_materials(fabric)
    bill_s = time.perf_counter() - start
    peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    racks = f"{fabric.placement.racks:,} racks  {len(fabric.by_medium)} media" if fabric.placement else "no places"
    print(
        f"{gpus:>10,} GPUs  {len(fabric.nodes):>11,} nodes  {len(fabric.links):>12,} links  {racks}  "
        f"build {built_s:6.2f} s {built_MB:,.0f} MB  "
        f"group of 8/16k/all {group_s[0]:.3f}/{group_s[1]:.4f}/{group_s[2]:.3f} s  bill {bill_s:.2f} s "
        f"({bill.cables:,} cables)  peak {peak_MB:,.0f} MB",
        flush=True,
    )
    most_s, most_MB = LIMITS.get(gpus, (built_s, built_MB))
    if built_s > most_s or built_MB > most_MB:
        raise SystemExit(f"{gpus:,} GPUs: {built_s:.1f} s of {most_s:.0f} s, {built_MB:,.0f} MB of {most_MB:,.0f} MB")


def main() -> None:
    bare = ["--bare"] if "--bare" in sys.argv else []
    sizes = [int(size) for size in sys.argv[1:] if size != "--bare"] or [131_072]
    if len(sizes) == 1:
        measure(sizes[0], placed=not bare)
        return
    for size in sizes:
        subprocess.run([sys.executable, __file__, *bare, str(size)], check=True)


if __name__ == "__main__":
    main()
