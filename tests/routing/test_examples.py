"""Every example cluster routes: whole flows, conserved at every node, over links that are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.fabric import build_fabric, load_cluster

ROOT = Path(__file__).resolve().parents[2] / "examples"
CLUSTERS = sorted(
    path for path in ROOT.glob("*/*.yaml") if "nodes:" in path.read_text() and "scale_out" in path.read_text()
)


@pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_example_clusters_route(path: Path, policy: str, checked: Callable[..., Any]) -> None:
    checked = checked(policy=policy, fabric=build_fabric(load_cluster(path)))
    rng = np.random.default_rng(1)
    src, dst = rng.integers(0, len(checked.gpus), (2, 12))
    paths = checked.route(src, dst)
    assert paths.reachable.all()
    checked.assert_flows(paths, checked.gpus[src], checked.gpus[dst])
    assert (paths.latency_s[src != dst] > 0).all()
