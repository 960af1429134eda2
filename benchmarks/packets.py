"""How many packet-hops a second the packet engine simulates: a 2 MB permutation on leaf-spine networks of 400 Gb/s.

python benchmarks/packets.py            128, 1,024 and 8,192 hosts, one process each
python benchmarks/packets.py 2048       another number
python benchmarks/packets.py --cold     an empty cache of compiled kernels first, to see what compiling takes

Complete with transport: NSCC, paths by feedback (mixed), trimming, marks, acknowledgements, timers. A packet-hop is any
packet (data, acknowledgement, trimmed header) crossing one link. Seconds are of CPU, best of three runs in a process
that has the kernels loaded; the first event is counted from the start of the process. Fails below 5 M/s at 1,024 hosts
and 3 M/s at 8,192, above 3 GB there, or where the first event takes more than 1.5 s.

htsim_uec, the reference simulator of Ultra Ethernet, did 0.289 M packet-hops a second at 128 hosts, 0.156 M at 1,024,
measured as a whole process on a machine of the same kind (two cores, November 2026).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time

SIZE_bytes, RATE_Bps = 2_000_000, 50e9
LEAF = {128: 16, 1024: 32, 8192: 64}  # hosts a leaf
FLOOR_Mhops, MOST_GB, FIRST_s = {1024: 5.0, 8192: 3.0}, 3.0, 1.5
PEER_Mhops = {128: 0.289, 1024: 0.156}
_STARTED = "WEFT_BENCHMARK_STARTED"


def measure(hosts: int) -> bool:
    from weft.engines.packet.fat_tree import FatTree, Tier
    from weft.engines.packet.flows import permutation
    from weft.engines.packet.simulation import Simulation
    from weft.engines.packet.transport import Transport

    leaf = LEAF.get(hosts) or max(n for n in (8, 16, 32, 64) if hosts % n == 0 and n * n <= 2 * hosts)
    tree = FatTree(hosts, hosts, (Tier(RATE_Bps, 1e-6, leaf, leaf), Tier(RATE_Bps, 1e-6, hosts // leaf)))
    network, flows = tree.network(), permutation(hosts, SIZE_bytes)
    best, first_s, simulation = 0.0, 0.0, None
    for _ in range(3):
        simulation = Simulation(network, Transport(), flows)
        simulation.run(0.0)
        first_s = first_s or time.time() - float(os.environ[_STARTED])
        start = time.process_time()
        simulation.run()
        best = max(best, int(simulation.world.hops) / (time.process_time() - start) / 1e6)
    assert simulation is not None
    peak_GB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    senders = simulation.tables["senders"]
    fct_us = (senders.end_ps - senders.start_ps) / 1e6
    peer = f", {best / PEER_Mhops[hosts]:.0f} times htsim_uec" if hosts in PEER_Mhops else ""
    print(
        f"{hosts:6,} hosts  {int(simulation.world.hops):12,} packet-hops  {best:5.2f} M/s{peer}  "
        f"first event {first_s:.2f} s  peak {peak_GB:.2f} GB  FCT {fct_us.mean():.1f} us, last {fct_us.max():.1f} us",
        flush=True,
    )
    return best >= FLOOR_Mhops.get(hosts, 0.0) and peak_GB <= MOST_GB and first_s <= FIRST_s


def main(arguments: list[str]) -> int:
    if "--child" in arguments:
        return 0 if measure(int(arguments[-1])) else 1
    cold = "--cold" in arguments
    sizes = [int(each) for each in arguments if each.isdigit()] or list(LEAF)
    failed = 0
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, **({"XDG_CACHE_HOME": cache} if cold else {}))
        if not cold:  # compile once, outside of what is measured
            child = [sys.executable, __file__, "--child", "32"]
            subprocess.run(
                child, env={**environment, _STARTED: str(time.time())}, stdout=subprocess.DEVNULL, check=False
            )
        for hosts in sizes:
            environment[_STARTED] = str(time.time())
            failed += subprocess.run(
                [sys.executable, __file__, "--child", str(hosts)], env=environment, check=False
            ).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
