"""Dragonfly or fat tree, from ten thousand to a quarter of a million endpoints.

Every network of 64-port 400 Gb/s switches that holds the endpoints, priced without NICs at today's prices: a full fat
tree, a Dragonfly (p = 16, a = 32, h = 16), a Slim Fly. The published
ratios are of 2008 and of other price lists; what remains is the shape. Run from the repository's root:

    python examples/studies/dragonfly_or_fat_tree.py
"""

from __future__ import annotations

from typing import Any

from predicted_published import Row, percent, print_rows

from weft import Cluster
from weft.economics import BillOfMaterials, bill_of_materials
from weft.errors import InfeasibleError
from weft.fabric import Fabric, build_fabric
from weft.report.terminal import Column, table
from weft.units import format_count, format_money

SWITCH = "nv_qm9700"
SIZES = (10_240, 16_384, 32_768, 65_536, 131_072, 261_632)
FLY = {"p": 16, "a": 32, "h": 16}  # all 64 ports: 16 hosts, 31 in the group, 16 to other groups
PLANES = {"topology": "multi_plane", "planes": 8}
TOPOLOGIES: dict[str, dict[str, Any]] = {
    "fat tree": {"topology": "fat_tree"},
    "Dragonfly": {"topology": "dragonfly", **FLY},
    "Slim Fly": {"topology": "slim_fly"},
}


def build(endpoints: int, network: dict[str, Any], catalog: tuple[str, ...] = ()) -> Fabric:
    """Build a network of single-NIC nodes in groups of eight."""
    node = {"accelerator": "h100_sxm", "accelerators": 8, "nic": "cx7", "nics": 8}
    scale_out = {"protocol": "infiniband", "switch": SWITCH, **network}
    spec = {"nodes": endpoints // 8, "node": node, "scale_out": scale_out, "catalog": list(catalog)}
    return build_fabric(Cluster.model_validate(spec))


def per_endpoint(fabric: Fabric, bill: BillOfMaterials | None = None) -> float:
    """Return USD of network without NICs for each endpoint."""
    bill = bill or bill_of_materials(fabric)
    return (bill.capital_cost.typical - bill.cost_of("nic").typical) / fabric.endpoints


def rows(catalog: tuple[str, ...] = ()) -> list[Row]:
    """Return predicted figures beside the published ones."""
    tree = per_endpoint(build(65_536, {"topology": "fat_tree"}, catalog))
    fly = {"topology": "dragonfly", **FLY, "g": 511}
    dragonfly = per_endpoint(build(261_632, fly, catalog))
    large = per_endpoint(build(65_536, TOPOLOGIES["Dragonfly"], catalog))
    medium = per_endpoint(build(16_384, TOPOLOGIES["Dragonfly"], catalog))
    same = per_endpoint(build(16_384, {"topology": "fat_tree"}, catalog))
    return [
        Row(
            "two-tier fat tree, 2,048",
            per_endpoint(build(2048, {"topology": "leaf_spine"}, catalog)),
            "isca25_ft2_usd",
            format_money,
        ),
        Row(
            "eight planes of fat trees, 16,384",
            per_endpoint(build(16_384, PLANES, catalog)),
            "isca25_mpft_usd",
            format_money,
        ),
        Row("three-tier fat tree, 65,536", tree, "isca25_ft3_usd", format_money),
        Row("Slim Fly, 35,320 for 32,928", _slim_fly(catalog), "isca25_sf_usd", format_money),
        Row("Dragonfly, 261,632", dragonfly, "isca25_df_usd", format_money),
        Row("Dragonfly below fat tree, 16,384", 1 - medium / same, "dragonfly_cut", percent),
        Row("Dragonfly 261,632 below fat tree 65,536", 1 - dragonfly / tree, "isca25_df_cut", percent),
        Row(
            "Dragonfly below flattened butterfly, 65,536", 1 - large / _butterfly(catalog), "dragonfly_fb_cut", percent
        ),
    ]


def _slim_fly(catalog: tuple[str, ...]) -> float:
    """The table's q = 28 is no prime power; with q = 29: 1,682 routers of 21 hosts and 43 links."""
    return per_endpoint(build(35_320, {"topology": "slim_fly", "q": 29, "p": 21}, catalog))


def _butterfly(catalog: tuple[str, ...]) -> float:
    return per_endpoint(build(65_536, {"topology": "flattened_butterfly", "k": 16, "n": 4}, catalog))


def main() -> None:
    """Print every size, then predicted beside published."""
    lines = []
    for size in SIZES:
        for name, network in TOPOLOGIES.items():
            try:
                fabric = build(size, network)
            except InfeasibleError as error:
                lines.append((format_count(size), name, "-", "-", "-", str(error).split(": ")[-1]))
                continue
            bill = bill_of_materials(fabric)
            cost = per_endpoint(fabric, bill)
            between = format_count(fabric.cables(between_switches=True))
            lines.append((format_count(size), name, format_count(fabric.switches), between, format_money(cost), ""))
    columns = [Column("endpoints", right=True), Column("network")]
    columns += [Column(name, right=True) for name in ("switches", "links between", "USD an endpoint")]
    print(table([*columns, Column("", shrinks=True)], lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
