"""Costs by the method and the price list of the paper that a row is from, where it states both.

HammingMesh (Hoefler et al., SC 2022): 64-port switches, passive copper inside a rack, active optical cables beyond, at
list prices; every accelerator has sixteen 400 Gb/s links. Switched networks are sixteen planes, host cables copper and
all others optical. Boards and 2-D grids are four planes with four ports each: copper along one dimension, optics along
the other, nothing for board traces; a torus of 2 x 2 boards is optical between boards.
Rail-only (Wang et al.): see `rail_only_savings`.
"""

from __future__ import annotations

from functools import lru_cache

from weft.economics import bill_of_materials
from weft.fabric import Fabric
from weft.validation.topology_fabric import bare_node, build, network_cost_usd, network_power_w

# Recalled from section "Cost" of the HammingMesh paper.
HX_RADIX = 64
HX_SWITCH_USD, HX_OPTICAL_USD, HX_COPPER_USD = 14_280.0, 603.0, 272.0
HX_SWITCHED_PLANES, HX_GRID_PLANES = 16, 4

# The paper's range: a scale-up domain of 256 GPUs, switches of these radices.
RAIL_ONLY_GPUS = (32_768, 65_536)
RAIL_ONLY_DOMAIN = 256
RAIL_ONLY_SWITCHES = {64: "bcm_tomahawk4", 128: "bcm_tomahawk5", 256: "bcm_tomahawk6"}  # ports of 400 Gb/s each


def hx_switched_usd(plane: Fabric) -> float:
    """Return the cost of sixteen planes like this one: host cables copper, the others optical."""
    far = plane.cables(between_switches=True)
    near = plane.cables() - far
    return HX_SWITCHED_PLANES * _usd(plane.switches, near, far)


def hx_lines_usd(accelerators: int, side: int) -> float:
    """Return the cost of an HxMesh of square boards on a square grid: HyperX for ``side`` 1.

    Each of the lines through the boards, one a row and one a column of accelerators, is a non-blocking network of its
    boards' ports: a share of one switch, or a two-level tree.
    """
    length = round(accelerators**0.5)  # accelerators along a row
    ports = 2 * length // side  # of a line
    lines = 2 * length
    far = 0
    if ports <= HX_RADIX:
        switches = -(-lines // (HX_RADIX // ports))
    else:
        tree = build(ports, bare_node(1, 400), {"topology": "leaf_spine", "protocol": "infiniband", "radix": HX_RADIX})
        switches, far = lines * tree.switches, lines * tree.cables(between_switches=True)
    edge = lines * ports
    return HX_GRID_PLANES * _usd(switches, edge // 2, edge - edge // 2 + far)


def hx_torus_usd(accelerators: int, side: int = 2) -> float:
    """Return the cost of a 2-D torus of square boards: an optical cable for every link between boards."""
    return HX_GRID_PLANES * _usd(0, 0, 2 * accelerators // side)


def _usd(switches: int, copper: int, optical: int) -> float:
    return switches * HX_SWITCH_USD + copper * HX_COPPER_USD + optical * HX_OPTICAL_USD


@lru_cache(maxsize=1)
def rail_only_savings() -> dict[str, float]:
    """Return the least and the most that a rail-only network saves over the paper's range, in per cent.

    For each number of GPUs and each radix: a full Clos of as few tiers as reach, against one network a rail of as few
    tiers as reach, both non-blocking; switches, modules and fibre at the catalog's typical prices and powers.
    """
    saved: dict[str, list[float]] = {"cost": [], "power": []}
    for gpus in RAIL_ONLY_GPUS:
        node = bare_node(RAIL_ONLY_DOMAIN, 400)
        for radix, switch in RAIL_ONLY_SWITCHES.items():
            usual = "leaf_spine" if radix * radix // 2 >= gpus else "fat_tree"
            length = {"leaf": "15m", "spine": "30m", "core": "100m"}
            costs, powers = [], []
            for topology in (usual, "rail_only"):
                scale_out = {"topology": topology, "protocol": "roce", "switch": switch, "length": length}
                fabric = build(gpus // RAIL_ONLY_DOMAIN, node, scale_out)
                bill = bill_of_materials(fabric)
                costs.append(network_cost_usd(fabric, bill))
                powers.append(network_power_w(fabric, bill))
            saved["cost"].append(100 * (1 - costs[1] / costs[0]))
            saved["power"].append(100 * (1 - powers[1] / powers[0]))
    return {f"{what}_{end.__name__}": end(values) for what, values in saved.items() for end in (min, max)}
