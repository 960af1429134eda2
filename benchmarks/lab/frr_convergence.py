"""How long FRR takes, from no lab at all to every route as the design predicts: 4 spines, 8 leaves by default.

    python benchmarks/lab/frr_convergence.py [--leaves 8] [--spines 4] [--bgp numbered]

Needs root and FRR. Exit code 1 if it takes more than --most seconds.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from weft.fabric import Cluster, build_fabric
from weft.lab import Lab, lab_plan
from weft.lab.frr_backend import FrrBackend, designed_sets, wait_converged
from weft.underlay import Underlay, build_underlay


def underlay_of(leaves: int, spines: int, bgp: str) -> Underlay:
    node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx5", "nics": spines}
    scale_out: dict[str, Any] = {"topology": "leaf_spine", "protocol": "roce", "switch": "bcm_tomahawk3"}
    scale_out |= {"leaf_nodes": 1, "bundle": 1}
    return build_underlay(build_fabric(Cluster(nodes=leaves, node=node, scale_out=scale_out, underlay={"bgp": bgp})))


def main() -> int:
    read = argparse.ArgumentParser()
    read.add_argument("--leaves", type=int, default=8)
    read.add_argument("--spines", type=int, default=4)
    read.add_argument("--bgp", default="unnumbered")
    read.add_argument("--most", type=float, default=10.0, help="seconds")
    asked = read.parse_args()
    underlay = underlay_of(asked.leaves, asked.spines, asked.bgp)
    begun = time.perf_counter()
    with Lab.up(lab_plan(underlay), FrrBackend(0), family="wbench") as lab:
        up_s = time.perf_counter() - begun
        wait_converged(lab, 60)
        took_s = time.perf_counter() - begun
        print(
            f"{len(underlay.switches)} switches, {len(designed_sets(lab))} routes, BGP {asked.bgp}: up {up_s:.1f} s, "
            f"converged {took_s:.1f} s, load {os.getloadavg()[0]:.1f}"
        )
    return int(took_s > asked.most)


if __name__ == "__main__":
    raise SystemExit(main())
