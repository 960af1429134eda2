"""Helpers for fabric tests: small clusters in one line, and brute force to check against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.fabric import Cluster, Fabric, build_fabric


def _make(
    topology: str | None = None, *, nodes: int = 1, gpus: int = 8, nics: int | None = None, **options: Any
) -> Fabric:
    node: dict[str, Any] = {"accelerator": "h100_sxm", "accelerators": gpus, "nic": "cx7", "nics": nics or gpus}
    if topology is None:
        del node["nic"], node["nics"]
    scale_out = {"topology": topology, **options} if topology else None
    return build_fabric(Cluster.model_validate({"nodes": nodes, "node": node, "scale_out": scale_out}))


@pytest.fixture(scope="session")
def make() -> Callable[..., Fabric]:
    """Build a fabric of H100 nodes: ``make("fat_tree", nodes=16, gpus=1, radix=4)``."""
    return _make


def _placed(
    topology: str = "rail_optimised",
    *,
    nodes: int = 32,
    node: dict[str, Any] | None = None,
    floor: dict[str, Any] | None = None,
    media: Any = None,
    **options: Any,
) -> Fabric:
    spec = {
        "nodes": nodes,
        "node": node or {"system": "dgx_h100"},
        "scale_out": {"topology": topology, **options},
        "floor_plan": floor or {},
        "media": media,
    }
    return build_fabric(Cluster.model_validate(spec))


@pytest.fixture(scope="session")
def placed() -> Callable[..., Fabric]:
    """Build a fabric with places: ``placed("fat_tree", nodes=64, floor={"rack_power": "20kW"})``."""
    return _placed
