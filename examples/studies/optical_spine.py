"""An electrical or an optical spine? Pods under core switches, or joined directly through optical circuit switches.

Eight pods of 4,096 endpoints, alike in all but what is above them: 400 Gb/s cores, or optical switches that lead the
pods' fibres to each other. Without NICs, at today's prices; then a pod of TPU v4, whose racks are joined the same way.
Run from the repository's root:

    python examples/studies/optical_spine.py
"""

from __future__ import annotations

from typing import Any

from predicted_published import Row, percent, print_rows

from weft import Cluster
from weft.economics import BillOfMaterials, bill_of_materials, cluster_capital_cost, cluster_it_power_w
from weft.fabric import Fabric, build_fabric
from weft.report.terminal import Column, table
from weft.units import format_count, format_money, format_power, format_rate

SHAPE = {
    "protocol": "roce",
    "rate": "400Gb/s",
    "pod_nodes": 512,
    "length": {"leaf": "3m", "spine": "50m", "core": "150m"},
}
SPINES: dict[str, dict[str, Any]] = {
    "cores": {"topology": "fat_tree", **SHAPE},
    "optical switches": {"topology": "ocs", **SHAPE},
}


def build(network: dict[str, Any], catalog: tuple[str, ...] = ()) -> Fabric:
    """Build eight pods of 512 eight-GPU nodes."""
    spec = {"nodes": 4096, "node": {"system": "dgx_h100"}, "scale_out": network, "catalog": list(catalog)}
    return build_fabric(Cluster.model_validate(spec))


def without_nics(bill: BillOfMaterials) -> tuple[float, float]:
    """Return (USD, watts) of the network without NICs."""
    cost = bill.capital_cost.typical - bill.cost_of("nic").typical
    return cost, bill.power_w.typical - bill.power_of("nic").typical


def rows(catalog: tuple[str, ...] = ()) -> list[Row]:
    """Return predicted figures beside the published ones."""
    figures = [without_nics(bill_of_materials(build(network, catalog))) for network in SPINES.values()]
    pod = build_fabric(
        Cluster.model_validate({"nodes": 1, "node": {"system": "tpu_v4_pod", "nics": 0}, "catalog": list(catalog)})
    )
    bill = bill_of_materials(pod)
    ocs_w, pod_w = bill.power_of("ocs").typical, cluster_it_power_w(pod, bill).typical
    ocs_usd, pod_usd = bill.cost_of("ocs").typical, cluster_capital_cost(pod, bill).typical
    count = sum(line.count for line in bill.lines if line.kind == "ocs")
    return [
        Row("power, optical below electrical spine", 1 - figures[1][1] / figures[0][1], "jupiter_power_cut", percent),
        Row("cost, optical below electrical spine", 1 - figures[1][0] / figures[0][0], "jupiter_capex_cut", percent),
        Row("TPU v4 pod, optical switches", float(count), "tpuv4_ocs_count", format_count),
        Row("TPU v4 pod, their share of cost", ocs_usd / pod_usd, "tpuv4_ocs_cost", percent),
        Row("TPU v4 pod, their share of power", ocs_w / pod_w, "tpuv4_ocs_power", percent),
    ]


def main() -> None:
    """Print both spines, then predicted beside published."""
    lines = []
    for name, network in SPINES.items():
        fabric = build(network)
        bill = bill_of_materials(fabric)
        cost, power = without_nics(bill)
        modules = sum(line.count for line in bill.lines if line.kind == "module")
        optical = sum(line.count for line in bill.lines if line.kind == "ocs")
        lines.append(
            (
                name,
                format_count(fabric.switches - optical),
                format_count(optical),
                format_count(modules),
                format_rate(fabric.bisection_Bps),
                format_money(cost),
                format_power(power),
            )
        )
    columns = [Column("above the pods")]
    columns += [Column(name, right=True) for name in ("switches", "optical", "modules", "bisection", "cost", "power")]
    print("32,768 endpoints of 400 Gb/s in eight pods; without NICs\n")
    print(table(columns, lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
