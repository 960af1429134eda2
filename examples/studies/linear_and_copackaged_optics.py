"""What linear (LPO), half-retimed (LRO) and co-packaged optics (CPO) save in a whole cluster.

200,000 GB300 in NVL72 racks under three tiers of 800 Gb/s InfiniBand, the optics exchanged and nothing else; then one
switch full of each, as operators have measured it. Run from the repository's root:

    python examples/studies/linear_and_copackaged_optics.py
"""

from __future__ import annotations

from pathlib import Path

from predicted_published import HERE, Row, percent, print_rows

from weft import Cluster
from weft.catalog import load_catalog
from weft.economics import BillOfMaterials, bill_of_materials, cluster_capital_cost, cluster_it_power_w
from weft.fabric import Fabric, build_fabric
from weft.report.terminal import Column, table
from weft.units import format_money, format_power

RACKS = 2778
LENGTHS = {"leaf": "20m", "spine": "60m", "core": "200m"}
# optics, and the switch that takes them
OPTICS = {
    "retimed": ("optic_1600g_dr8_dsp", "nv_q3400"),
    "half-retimed (LRO)": ("lro_1600g", "nv_q3400"),
    "linear (LPO)": ("lpo_1600g_dr8", "nv_q3400"),
    "co-packaged (CPO)": ("cpo_nvidia_quantum_x_q3450", "nv_q3450_cpo"),
}


def cluster(optics: str, racks: int = RACKS, catalog: tuple[str, ...] = ()) -> Fabric:
    """Build the cluster with one kind of optics."""
    medium, switch = OPTICS[optics]
    network = {"topology": "fat_tree", "protocol": "infiniband", "switch": switch, "length": LENGTHS}
    spec = {
        "nodes": racks,
        "node": {"system": "gb300_nvl72_rack"},
        "scale_out": network,
        "media": [medium],
        "catalog": ["parts.yaml", *catalog],
    }
    return build_fabric(Cluster.model_validate(spec).placed_in(Path(HERE)))


def optics_w(bill: BillOfMaterials) -> float:
    """Return watts of modules and engines."""
    return bill.power_of("module").typical


def rows(racks: int = RACKS, catalog: tuple[str, ...] = ()) -> list[Row]:
    """Return predicted figures beside the published ones."""
    fabrics = {name: cluster(name, racks, catalog) for name in ("retimed", "co-packaged (CPO)")}
    bills = {name: bill_of_materials(fabric) for name, fabric in fabrics.items()}
    power = [cluster_it_power_w(fabrics[name], bills[name]).typical for name in fabrics]
    cost = [cluster_capital_cost(fabrics[name], bills[name]).typical for name in fabrics]
    parts = load_catalog(*catalog)
    media = {name: parts.get("media", name).si("power_w_per_end") for name in _MODULES}
    switch = parts.get("switches", "generic_64x800g_measured")
    ports = int(switch.si("ports_count"))
    retimed_w = switch.si("power_w_all_fro")
    half = media["optic_800g_dr8_dsp"] - (media["lpo_800g_dr8"] + media["lro_800g"]) / 2
    return [
        Row("power of the transceivers", optics_w(bills["retimed"]), "gb300_transceivers_w", format_power),
        Row("cluster's power, CPO for retimed", 1 - power[1] / power[0], "gb300_cpo_power_cut", percent),
        Row("cluster's cost, CPO for retimed", 1 - cost[1] / cost[0], "gb300_cpo_cost_cut", percent),
        Row(
            "a 400G module, LPO for retimed",
            1 - media["lpo_400g_dr4"] / media["optic_400g_dr4_dsp"],
            "lpo_module_cut",
            percent,
        ),
        Row("a 64 x 800G switch, half LPO half LRO", ports * half / retimed_w, "lpo_lro_box_cut", percent),
        Row(
            "an 800G port, CPO for 2xFR4",
            1 - media["cpo_broadcom_bailly_51t"] / media["optic_800g_2xfr4_dsp"],
            "cpo_optics_cut",
            percent,
        ),
    ]


_MODULES = (
    "optic_400g_dr4_dsp",
    "lpo_400g_dr4",
    "optic_800g_dr8_dsp",
    "optic_800g_2xfr4_dsp",
    "lpo_800g_dr8",
    "lro_800g",
    "cpo_broadcom_bailly_51t",
)


def main() -> None:
    """Print each kind of optics, then predicted beside published."""
    lines = []
    first: tuple[float, float] | None = None
    for name in OPTICS:
        fabric = cluster(name)
        bill = bill_of_materials(fabric)
        power, cost = cluster_it_power_w(fabric, bill).typical, cluster_capital_cost(fabric, bill).typical
        first = first or (power, cost)
        lines.append(
            (
                name,
                format_power(optics_w(bill)),
                format_power(bill.network_power_w),
                format_power(power),
                f"{100 * (power / first[0] - 1):+.1f}%",
                format_money(bill.capital_cost.typical),
                f"{100 * (cost / first[1] - 1):+.1f}%",
            )
        )
    columns = [Column("optics")]
    columns += [
        Column(name, right=True)
        for name in ("modules", "network", "cluster", "against first", "network cost", "cluster cost")
    ]
    print(f"{72 * RACKS:,} GB300, three tiers of 800 Gb/s InfiniBand\n")
    print(table(columns, lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
