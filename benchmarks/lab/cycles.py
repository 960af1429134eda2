"""Kills labs with SIGKILL at random points of coming up, over and over, clears up, and looks for anything left.

python benchmarks/lab/cycles.py [cycles]

Needs root. Fails where a namespace, a process or a file is left after any of the cycles.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from weft.fabric import build_fabric, load_cluster
from weft.lab import Lab, clean, lab_plan, namespace
from weft.lab import state as states
from weft.underlay import build_underlay

FAMILY = "wcycle"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "lab" / "fat-tree" / "cluster.yaml"


def main(cycles: int = 50) -> int:
    plan = lab_plan(build_underlay(build_fabric(load_cluster(EXAMPLE))))
    began = time.perf_counter()
    Lab.up(plan, family=FAMILY).down()
    typical_s = time.perf_counter() - began
    chance, found, left = random.Random(1), 0, 0
    for _ in range(cycles):
        pid = os.fork()
        if not pid:
            try:
                lab = Lab.up(plan, family=FAMILY)
                for host in lab.plan.hosts[:4]:
                    lab.spawn(host.name, ["sleep", "60"])
                time.sleep(60)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0, 1.2 * typical_s))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        before = namespace.listed(f"{FAMILY}-")
        inside = set(namespace.processes(before))
        found += len(before)
        clean(FAMILY)
        left += len(namespace.listed(f"{FAMILY}-")) + len(states.runs(FAMILY))
        left += sum(_lives(pid) for pid in inside)
    print(f"{cycles} cycles: {found} namespaces found after kills; {left} namespaces, processes, files left over")
    return 1 if left else 0


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/net").exists()


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
