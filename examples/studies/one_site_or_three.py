"""One site, or two or three joined by long-haul links: what does distance cost a training step?

Nemotron-4 340B on 3,072 H100, the network's pods being the sites: coherent links lead from each site to core switches
half way. Ranks are laid out as Megatron does by default, the pipeline over the sites. Run from the repository's root:

    python examples/studies/one_site_or_three.py
"""

from __future__ import annotations

from typing import Any

from predicted_published import Row, percent, print_rows

from weft import Cluster, Job, Parallelism, simulate
from weft.report.terminal import Column, table
from weft.result import Result
from weft.units import format_count, format_duration, format_money, format_power

NODES = 384
JOB = Job(
    name="nemotron-4-340b",
    model="nemotron4-340b",
    sequence=4096,
    global_batch=1536,
    parallelism=Parallelism(tp=8, pp=8, interleave=12, zero=1),
    stack="megatron-core",
)
# sites, kilometres between them, site bandwidth over long-haul bandwidth
CASES = ((1, 0, 1), (2, 100, 1), (2, 1000, 1), (2, 1000, 8), (3, 100, 1), (3, 1000, 1), (3, 1000, 8))


def run(sites: int, distance_km: float, oversubscription: float, catalog: tuple[str, ...] = ()) -> Result:
    """Simulate a step on ``sites`` equal sites."""
    network: dict[str, Any] = {"topology": "fat_tree", "protocol": "roce", "leaf_nodes": 8, "pod_nodes": NODES // sites}
    if sites > 1:
        network |= {
            "length": {"leaf": "3m", "spine": "50m", "core": f"{distance_km / 2}km"},
            "medium": {"core": "coh_400zrplus"},
            "oversubscription": {"spine": oversubscription},
        }
    spec = {"nodes": NODES, "node": {"system": "dgx_h100"}, "scale_out": network, "catalog": list(catalog)}
    return simulate(Cluster.model_validate(spec), JOB)


def rows(catalog: tuple[str, ...] = ()) -> list[Row]:
    """Return predicted figures beside the published ones."""
    one = run(1, 0, 1, catalog).step_time_s
    return [
        Row(f"two sites, 1,000 km, {over}:1", one / run(2, 1000, over, catalog).step_time_s, "nemo_two_sites", percent)
        for over in (1, 8)
    ]


def main() -> None:
    """Print every case, then predicted beside published."""
    lines = []
    first = 0.0
    for sites, distance_km, over in CASES:
        result = run(sites, distance_km, over)
        first = first or result.step_time_s
        far = result.fabric.locality.levels()[-1].latency_s if sites > 1 else 0.0
        bill = result.bill
        lines.append(
            (
                str(sites),
                f"{distance_km:,} km" if sites > 1 else "",
                f"{over}:1" if sites > 1 else "",
                format_duration(far) if sites > 1 else "",
                format_duration(result.step_time_s),
                percent(first / result.step_time_s),
                format_count(sum(line.count for line in bill.lines if line.kind == "transponder")),
                format_money(bill.capital_cost.typical),
                format_power(bill.network_power_w),
            )
        )
    columns = [Column("sites", right=True), Column("apart", right=True), Column("thinner", right=True)]
    columns += [Column(name, right=True) for name in ("one way", "step", "of one site", "transponders")]
    columns += [Column(name, right=True) for name in ("network cost", "power")]
    print(f"Nemotron-4 340B on {8 * NODES:,} H100\n")
    print(table(columns, lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
