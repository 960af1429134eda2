"""How long a fabric takes to build, and how much memory: one process a size, so that peaks are each one's own.

python benchmarks/fabric_build.py                 131,072 GPUs
python benchmarks/fabric_build.py 16384 1048576   other sizes
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time


def measure(gpus: int) -> None:
    from weft.economics import bill_of_materials
    from weft.fabric import Cluster, build_fabric

    spec = {
        "nodes": gpus // 8,
        "node": {"system": "dgx_h100"},
        # 128-port switches reach 524,288 endpoints in three tiers, 256-port ones four million
        "scale_out": {"topology": "fat_tree", "switch": "nv_sn5600" if gpus <= 524_288 else "bcm_tomahawk6"},
    }
    cluster = Cluster.model_validate(spec)
    start = time.perf_counter()
    fabric = build_fabric(cluster)
    built_s = time.perf_counter() - start
    group_s = []
    for ranks in (range(8), range(0, gpus, max(1, gpus // 16384)), range(gpus)):
        start = time.perf_counter()
        fabric.group(ranks)
        group_s.append(time.perf_counter() - start)
    start = time.perf_counter()
    bill = bill_of_materials(fabric)
    bill_s = time.perf_counter() - start
    peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{gpus:>10,} GPUs  {len(fabric.nodes):>11,} nodes  {len(fabric.links):>12,} links  build {built_s:6.2f} s  "
        f"group of 8/16k/all {group_s[0]:.3f}/{group_s[1]:.4f}/{group_s[2]:.3f} s  bill {bill_s:.2f} s "
        f"({bill.cables:,} cables)  peak {peak_MB:,.0f} MB",
        flush=True,
    )


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [131_072]
    if len(sizes) == 1:
        measure(sizes[0])
        return
    for size in sizes:
        subprocess.run([sys.executable, __file__, str(size)], check=True)


if __name__ == "__main__":
    main()
