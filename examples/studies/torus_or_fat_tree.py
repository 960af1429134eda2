"""All-to-all on tori, meshes and a fat-tree: a ring's middle is what everything has to pass.

Every node sends as much to every other. With sides of k (the longest, even), half of all traffic crosses the middle
of that dimension, in two places if it is closed to a ring: a node can send 8/k of a link's rate on a torus and 4/k on
a mesh, counting what it would send to itself, and never more than its own link takes. A full fat-tree carries 1. Here
that closed form stands beside max-min fair flows over every link. Run from the repository's root:

    python examples/studies/torus_or_fat_tree.py
"""

from __future__ import annotations

import math
from typing import Any

from flow_rates import batch_rate, single_nic_nodes
from predicted_published import Row, percent, print_rows

from weft.collectives.patterns import uniform
from weft.fabric.routing_options import Routing
from weft.report.terminal import Column, table

NETWORKS: dict[str, dict[str, Any]] = {
    "fat-tree": {"topology": "fat_tree", "radix": 16},
    "torus 8 x 8": {"topology": "torus", "dims": [8, 8]},
    "torus 4 x 4 x 16": {"topology": "torus", "dims": [4, 4, 16]},
    "torus 16 x 16": {"topology": "torus", "dims": [16, 16]},
    "mesh 16 x 16": {"topology": "torus", "dims": [16, 16], "wrap": False},
    "ring of 32": {"topology": "torus", "dims": [32]},
    "torus 4 x 8 x 8": {"topology": "torus", "dims": [4, 8, 8]},
    "torus 4 x 4 x 4": {"topology": "torus", "dims": [4, 4, 4]},
}


def nodes(name: str) -> int:
    """Return how many nodes a network of the table has."""
    return math.prod(NETWORKS[name].get("dims", [256]))


def simulated(name: str) -> float:
    """Return what a node sends until the all-to-all ends, in parts of a link's rate."""
    fabric = single_nic_nodes(nodes(name), NETWORKS[name])
    return batch_rate(fabric, Routing(policy="minimal"), uniform(fabric.accelerators))


def closed_form(name: str) -> float:
    """Return the same from the middle of the longest dimension, or the node's own link."""
    network, count = NETWORKS[name], nodes(name)
    if network["topology"] != "torus":
        return 1.0
    across = (8 if network.get("wrap", True) else 4) / max(network["dims"])
    return min(1.0, across * (count - 1) / count)


def rows() -> list[Row]:
    """Return predicted figures beside the published ones; what a node sends to itself counts there."""

    def whole(name: str) -> float:
        return simulated(name) * nodes(name) / (nodes(name) - 1)

    return [
        Row("torus 16 x 16, capacity", whole("torus 16 x 16"), "torus_capacity", percent),
        Row("mesh 16 x 16, capacity", whole("mesh 16 x 16"), "mesh_capacity", percent),
    ]


def main() -> None:
    """Print every network, then predicted beside published."""
    lines = [(name, f"{nodes(name):,}", percent(simulated(name)), percent(closed_form(name))) for name in NETWORKS]
    columns = [Column(name, right=True) for name in ("nodes", "simulated", "closed form")]
    print(table([Column("all-to-all, of a link's rate"), *columns], lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
