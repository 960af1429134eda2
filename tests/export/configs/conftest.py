"""Small designs of several shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.fabric import Cluster, Fabric, build_fabric
from weft.underlay import Underlay, build_underlay

NODE = {"system": "dgx_h100"}
DESIGNS: dict[str, dict[str, Any]] = {
    "leaf_spine": {"nodes": 4, "scale_out": {"topology": "leaf_spine", "protocol": "roce", "leaf_nodes": 1}},
    "numbered": {
        "nodes": 4,
        "scale_out": {"topology": "leaf_spine", "protocol": "roce", "leaf_nodes": 1},
        "underlay": {"bgp": "numbered", "mtu": 4200},
    },
    "fat_tree": {"nodes": 8, "scale_out": {"topology": "fat_tree", "protocol": "roce", "radix": 8}},
    "without_bfd": {
        "nodes": 8,
        "scale_out": {"topology": "rail_optimised", "protocol": "roce"},
        "underlay": {"bfd": {"enabled": False}},
    },
    "dual_tor": {"nodes": 8, "scale_out": {"topology": "dual_tor", "protocol": "roce", "unit_nodes": 4}},
    "dragonfly": {"nodes": 8, "scale_out": {"topology": "dragonfly", "protocol": "roce", "a": 4, "h": 2, "p": 4}},
    "torus": {
        "nodes": 8,
        "scale_out": {"topology": "torus", "protocol": "roce", "dims": [2, 4], "p": 8},
        "underlay": {"bgp": "numbered"},
    },
    "two_sites": {
        "nodes": 8,
        "scale_out": {"topology": "leaf_spine", "protocol": "roce", "leaf_nodes": 1},
        "sites": [{"name": "west"}, {"name": "east"}],
        "long_haul": {"links": 2, "distance": "80km"},
    },
}


def fabric_of(name: str) -> Fabric:
    return build_fabric(Cluster(node=NODE, **DESIGNS[name]))


@pytest.fixture(scope="session")
def design() -> Callable[[str], Underlay]:
    """Return a design's underlay by name; each is built once."""
    built: dict[str, Underlay] = {}

    def get(name: str) -> Underlay:
        if name not in built:
            built[name] = build_underlay(fabric_of(name))
        return built[name]

    return get
