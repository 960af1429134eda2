"""Direct networks as users write them: whole clusters, every policy that goes with them, many flows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError
from weft.fabric import build_fabric, load_cluster

NAMES = ("dragonfly", "dragonfly_plus", "torus", "hyperx", "slim_fly", "jellyfish", "hamming_mesh", "edge_list")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("policy", ["minimal", "valiant", "ugal"])
def test_clusters_route_from_accelerator_to_accelerator(
    root: Path, checked: Callable[..., Any], name: str, policy: str
) -> None:
    fabric = build_fabric(load_cluster(root / f"examples/topologies/{name}.yaml"))
    one = checked(policy=policy, fabric=fabric, routing={"flowlets": 4})
    src, dst = np.random.default_rng(3).integers(0, len(one.gpus), (2, 20))
    paths = one.route(src, dst)
    assert paths.reachable.all()
    one.assert_flows(paths, one.gpus[src], one.gpus[dst])


def test_dimension_order_is_for_grids(root: Path, checked: Callable[..., Any]) -> None:
    fabrics = {n: build_fabric(load_cluster(root / f"examples/topologies/{n}.yaml")) for n in ("torus", "dragonfly")}
    torus = checked(policy="dimension_order", fabric=fabrics["torus"])
    paths = torus.route([0, 1, 2], [60, 61, 62])
    torus.assert_flows(paths, torus.gpus[[0, 1, 2]], torus.gpus[[60, 61, 62]])
    with pytest.raises(ConfigError, match="dimension_order needs a grid"):
        checked(policy="dimension_order", fabric=fabrics["dragonfly"])
