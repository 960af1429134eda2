"""How long a lab of the largest size takes to come up and to go down again.

python benchmarks/lab/up_down.py [times]

128 namespaces: 96 hosts, 24 leaves, 8 spines, 288 links, a next-hop group a device and destination. Needs root.
Fails where the median is above 3 s up or 1 s down; building the fabric and importing are not counted.
"""

from __future__ import annotations

import statistics
import sys
import time

from weft.fabric import Cluster, build_fabric
from weft.lab import Lab, lab_plan, namespace
from weft.underlay import build_underlay

UP_s, DOWN_s = 3.0, 1.0
FAMILY = "wbench"


def main(times: int = 5) -> int:
    scale_out = {"topology": "leaf_spine", "leaf_nodes": 4, "radix": {"leaf": 12, "spine": 24}, "oversubscription": 1}
    node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx5", "nics": 1}
    scale_out |= {"protocol": "roce", "switch": "bcm_tomahawk3", "uplink_rate": "50Gb/s"}
    plan = lab_plan(
        build_underlay(build_fabric(Cluster.model_validate({"nodes": 96, "node": node, "scale_out": scale_out})))
    )
    groups = sum(len(one.routes) for one in plan.nodes)
    print(f"{len(plan.hosts)} hosts, {len(plan.switches)} switches, {len(plan.links)} links, {groups} groups")
    ups, downs = [], []
    for _ in range(times):
        began = time.perf_counter()
        lab = Lab.up(plan, family=FAMILY)
        up = time.perf_counter()
        lab.down()
        ups.append(up - began)
        downs.append(time.perf_counter() - up)
        assert namespace.listed(f"{FAMILY}-") == []
        print(f"up {ups[-1]:.2f} s  down {downs[-1]:.2f} s")
    up_s, down_s = statistics.median(ups), statistics.median(downs)
    print(f"median: up {up_s:.2f} s, down {down_s:.2f} s")
    return 0 if len(plan.nodes) == 128 and up_s <= UP_s and down_s <= DOWN_s else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
