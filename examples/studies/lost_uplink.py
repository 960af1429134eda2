"""A link that fails in the middle of an all-reduce, and one that is half as fast for good.

Two leaves of eight GPUs, four uplinks each, where an all-reduce of 1 GiB between all is as fast as the uplinks are.
One of four fails: what is left goes at 3/4 of the rate, if packets are spread over live links; hashed flows stall on
the dead one until routing knows. Second: two leaves under two spines, one link of half the rate, and demand of 100
for 160 of uplinks: the figure that global congestion-awareness was argued with. Run from the repository's root:

    python examples/studies/lost_uplink.py
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from flow_rates import RATE_Bps, single_nic_nodes
from predicted_published import Row, percent, print_rows

from weft.collectives import IDEAL
from weft.engines.fluid.allocation import max_min
from weft.engines.fluid.bench import FluidBench
from weft.engines.scenario import Scenario
from weft.errors import InfeasibleError
from weft.fabric import Fabric, Kind
from weft.fabric.routing_options import Routing
from weft.report.terminal import Column, table
from weft.routing.router import make_router
from weft.units import format_duration

SIZE_bytes = float(1 << 30)
UPLINKS = 4
SPREAD, HASHED = Routing(policy="spray"), Routing(policy="ecmp", queue_pairs=32)


def two_leaves() -> Fabric:
    """Build sixteen GPUs on two leaves with four uplinks each."""
    return single_nic_nodes(16, {"topology": "leaf_spine", "leaf_nodes": 8, "oversubscription": 8 // UPLINKS})


def all_reduce_s(fabric: Fabric, routing: Routing, *faults: dict[str, Any]) -> float:
    """Return seconds of an all-reduce between all, all exchanging with all, while faults happen."""
    scenario = Scenario.model_validate({"faults": list(faults)})
    ranks = range(fabric.accelerators)
    bench = FluidBench(
        fabric,
        "all_reduce",
        [SIZE_bytes],
        ranks,
        library=IDEAL,
        algorithm="direct",
        routing=routing,
        scenario=scenario,
    )
    return bench.run(SIZE_bytes).time_s


def cut(at_s: float, reroute: str = "0s") -> dict[str, Any]:
    """Return the fault of one of the first leaf's uplinks."""
    return {"at": f"{1e9 * at_s:.0f}ns", "link": ["leaf0", "spine0"], "cable": 0, "reroute": reroute}


def remaining_s(whole_s: float, at_s: float) -> float:
    """Return when it ends by arithmetic: what is left when the link fails takes 4/3 as long."""
    return at_s + (whole_s - at_s) * UPLINKS / (UPLINKS - 1)


def through_half_a_link(routing: Routing, subflows: int = 1) -> float:
    """Return what of the demand gets through where one of two spines has half its links' rate towards a leaf.

    Thirty-two hosts of a leaf send 100 for every 160 that its uplinks carry, each in so many flows of their own, to
    those of the next leaf. Routing that is not weighted takes no notice of the slow links.
    """
    hosts = 32
    fabric = single_nic_nodes(4 * hosts, {"topology": "leaf_spine", "radix": 2 * hosts})
    spine, leaf = fabric.node("spine0").row, fabric.node("leaf1").row
    left = np.ones(len(fabric.links))
    left[(fabric.links.src == spine) & (fabric.links.dst == leaf)] = 0.5
    router = make_router(fabric, routing, rate_x=left)
    rows = np.repeat(fabric.rows(Kind.ACCELERATOR), subflows)
    half = hosts * subflows
    paths = router.route(rows[:half], rows[half : 2 * half], np.arange(half))
    demand_Bps = 100 / 160 * RATE_Bps
    capacity_Bps = router.resources.capacity_Bps
    done = max_min(paths.indptr, paths.resource, paths.share, capacity_Bps, cap_Bps=demand_Bps / subflows)
    return float(done.rate_Bps.sum()) / (hosts * demand_Bps)


def rows() -> list[Row]:
    """Return predicted figures beside the published ones."""
    even = through_half_a_link(Routing(policy="ecmp", weighted=False), 64)
    spread = through_half_a_link(Routing(policy="spray", weighted=False))
    weighted = through_half_a_link(Routing(policy="spray"))
    return [
        Row("half of all flows by either spine", even, "conga_even", percent),
        Row("half of each flow, which waits for the slower half", spread, "conga_local", percent),
        Row("flows by what is left beyond each spine", weighted, "conga_global", percent),
    ]


def main() -> None:
    """Print the failure at several times, a partition, then predicted beside published."""
    fabric = two_leaves()
    whole_s, hashed_s = all_reduce_s(fabric, SPREAD), all_reduce_s(fabric, HASHED)
    print(f"without a failure: spread {format_duration(whole_s)}, hashed {format_duration(hashed_s)}\n")
    lines = []
    for part in (0.25, 0.5, 0.75):
        at_s = part * whole_s
        times = (
            all_reduce_s(fabric, SPREAD, cut(at_s)),
            remaining_s(whole_s, at_s),
            all_reduce_s(fabric, SPREAD, cut(at_s, "10ms")),
            all_reduce_s(fabric, HASHED, cut(at_s)),
            all_reduce_s(fabric, HASHED, cut(at_s, "10ms")),
        )
        lines.append((f"{100 * part:.0f}% of the way", *(f"{1e3 * time_s:.2f} ms" for time_s in times)))
    names = ("spread", "arithmetic", "spread, 10 ms", "hashed", "hashed, 10 ms")
    print(table([Column("one of 4 uplinks fails"), *(Column(name, right=True) for name in names)], lines))
    try:
        all_reduce_s(fabric, SPREAD, {"at": "1ms", "node": "spine0"})
    except InfeasibleError as error:
        print(textwrap.fill(f"all four: {error}", 98, initial_indent="\n", subsequent_indent="    ") + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
