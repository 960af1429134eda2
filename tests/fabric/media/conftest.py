"""Clusters that stand somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weft.fabric import Cluster, Fabric, build_fabric


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
