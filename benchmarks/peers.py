"""The same collectives and steps as ASTRA-sim's analytical backends: whose answers, and how much CPU.

python benchmarks/peers.py

The peer's figures were measured on 2 cores (endpoint delay 10 ns, one active chunk, 4 splits, memory at 1,600 GB/s):
its simulated times are exact, its CPU times good to a factor of 2 or 3. One dimension of links of 50 GiB/s and 500 ns.
Weft runs on nodes of the same bandwidth, without a library's overheads, over every link, event by event. CPU seconds
are of this process, for building the network, routing, folding and running; what Python takes to import and to load
compiled kernels is paid once and printed by itself. Fails where CPU times differ by less than a factor of 100.

Why answers differ: ASTRA-sim finishes a step before the next begins. Each step of a reduce-scatter (N - 1 in a ring,
one where all send to all) then waits for three accesses of memory by a whole chunk of S / N, and these steps and those
of the all-gather for the delay of 4 splits: `explained` adds steps x (3 S / N / 1,600 GB/s + 2 x 4 x 510 ns) to Weft's
time on the wire, and is their answer to 0.01 %. In Weft chunks stream, so memory is used while the wire is, and what
is left is the wire's time and the latency of the links it crosses (here NVLink's). Its congestion-aware switch stores
whole messages before it forwards them, which about doubles their time; Weft's, like real ones, does not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.fabric import Fabric

GIB = float(1 << 30)
RATE_Bps = 50 * GIB
MEMORY_Bps = 1600e9
FACTOR = 100


@dataclass(frozen=True)
class Case:
    """An all-reduce of 1 GiB, and what the peer said: ns (congestion-unaware; and aware where that differs), CPU s."""

    npus: int
    algorithm: str
    simulated_ns: int | None = None
    aware_ns: int | None = None
    cpu_s: float | None = None


COLLECTIVES = (
    Case(8, "ring", 36_790_164),
    Case(16, "ring", 39_448_540),
    Case(64, "ring", 41_613_556),
    Case(8, "direct", 5_255_772),
    Case(16, "direct", 2_629_940),
    Case(64, "direct", 660_572),
    Case(8, "halving_doubling", 35_779_248, 70_779_248),
    Case(16, "halving_doubling", 38_413_148, 75_913_148),
    Case(64, "halving_doubling", 40_398_664, 79_773_664),
    Case(256, "ring", cpu_s=1.0),
    Case(1024, "ring", cpu_s=76.0),
    Case(4096, "halving_doubling", cpu_s=41.0),
)
STEPS = {64: 16.0, 256: 36.0, 1024: 89.0}  # NPUs: the peer's CPU s for a step of an 80-layer model, 8 micro-batches


def network(case: Case) -> Fabric:
    """One domain: a switch that gives each its rate, or a link of that rate between any two."""
    from weft.fabric import Cluster, build_fabric

    mesh = case.algorithm == "direct"
    rate_Bps = RATE_Bps * (case.npus - 1 if mesh else 1)
    scale_up = {"kind": "full_mesh" if mesh else "nvswitch", "rate": f"{8 * rate_Bps / 1e9!r}Gb/s"}
    node = {"accelerator": "h100_sxm", "accelerators": case.npus, "nics": 0}
    spec: dict[str, Any] = {"nodes": 1, "node": {**node, "scale_up": {**scale_up, "in_network_reduction": False}}}
    return build_fabric(Cluster.model_validate(spec))


def explained_s(case: Case, wire_s: float) -> float:
    """The peer's time of a ring or a direct exchange, from the time on the wire."""
    steps = case.npus - 1 if case.algorithm == "ring" else 1
    return wire_s + steps * (3 * GIB / case.npus / MEMORY_Bps + 2 * 4 * 510e-9)


def collective(case: Case) -> float:
    """Run one, print it, return CPU seconds."""
    from weft.collectives import IDEAL
    from weft.engines.fluid.bench import FluidBench

    start = time.process_time()
    bench = FluidBench(network(case), "all_reduce", [GIB], range(case.npus), library=IDEAL, algorithm=case.algorithm)
    row = bench.run(GIB)
    cpu_s = time.process_time() - start
    text = f"{case.npus:>5} NPUs  {case.algorithm:16}  Weft {1e3 * row.time_s:8.3f} ms"
    if case.simulated_ns is not None:
        theirs = case.simulated_ns / 1e9
        text += f"  ASTRA-sim {1e3 * theirs:8.3f} ms ({100 * (theirs / row.time_s - 1):+5.1f}%)"
        if case.algorithm != "halving_doubling":
            text += f"  explained {1e3 * explained_s(case, row.bandwidth_s):8.3f} ms"
        if case.aware_ns is not None:
            text += f"  aware {case.aware_ns / 1e6:8.3f} ms ({case.aware_ns / 1e9 / row.time_s:.2f} times)"
    print(text + _cpu(cpu_s, case.cpu_s), flush=True)
    return cpu_s


def step(npus: int) -> float:
    """Run a step of Llama 3 70B (80 layers), 8 micro-batches, tensor parallel by 8; return CPU seconds."""
    from weft.engines.step import run_step
    from weft.fabric import Cluster, build_fabric
    from weft.workload.spec import Job

    start = time.process_time()
    network = {"topology": "rail_optimised", "protocol": "infiniband"}
    cluster = {"nodes": npus // 8, "node": {"system": "dgx_h100"}, "scale_out": network}
    dp = npus // 8
    job = {
        "model": "llama3-70b",
        "sequence": 4096,
        "global_batch": 8 * dp,
        "micro_batch": 1,
        "parallelism": {"tp": 8, "dp": dp, "zero": 1},
        "stack": "megatron-core",
    }
    run = run_step(build_fabric(Cluster.model_validate(cluster)), Job.model_validate(job), engine="fluid")
    cpu_s = time.process_time() - start
    print(f"{npus:>5} NPUs  step of 80 layers  Weft {run.step_s:8.3f} s " + _cpu(cpu_s, STEPS[npus]), flush=True)
    return cpu_s


def _cpu(ours_s: float, theirs_s: float | None) -> str:
    said = "" if theirs_s is None else f", ASTRA-sim {theirs_s:g} s: {theirs_s / ours_s:,.0f} times"
    return f"   CPU {ours_s:.4f} s{said}"


def main() -> None:
    collective(COLLECTIVES[0])
    step(64)
    print(f"ready after {time.process_time():.2f} CPU s: imports and compiled kernels\n")
    ratios = []
    for case in COLLECTIVES:
        cpu_s = collective(case)
        if case.cpu_s is not None:
            ratios.append(case.cpu_s / cpu_s)
    for npus, theirs_s in STEPS.items():
        ratios.append(theirs_s / step(npus))
    if min(ratios) < FACTOR:
        raise SystemExit(f"only {min(ratios):.0f} times less CPU than the peer, not {FACTOR}")


if __name__ == "__main__":
    main()
