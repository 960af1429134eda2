"""Engineered paths from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError
from weft.fabric import Cluster, Fabric, build_fabric
from weft.fabric.routing_options import Routing
from weft.routing.router import make_router


def _fabric(folder: Path, text: str) -> Fabric:
    (folder / "paths.csv").write_text(text)
    node = {"accelerator": "h100_sxm", "accelerators": 1, "nic": "cx7", "nics": 1}
    spec = {"nodes": 16, "node": node, "scale_out": {"topology": "leaf_spine", "radix": 8, "bundle": 1}}
    spec["routing"] = {"policy": "static", "paths": "paths.csv"}
    return build_fabric(Cluster.model_validate(spec).placed_in(folder))


def _via(router: Any, fabric: Fabric, src: int, dst: int) -> dict[str, float]:
    """The spines that a flow between two hosts passes, with shares."""
    gpus = fabric.rows(fabric.node("host0/gpu0").kind)
    paths = router.route(gpus[[src]], gpus[[dst]])
    names = [router.resources.name(int(row)) for row in paths.resource]
    return {
        name.split(" -> ")[1]: float(share)
        for name, share in zip(names, paths.share, strict=True)
        if "-> spine" in name
    }


def test_listed_pairs_go_as_listed_and_others_are_hashed(tmp_path: Path) -> None:
    fabric = _fabric(
        tmp_path, "src,dst,via\nleaf0,leaf3,spine2  # to the far end\nleaf0,leaf1,spine0\nleaf0,leaf1,spine1\n"
    )
    router = make_router(fabric)
    assert _via(router, fabric, 0, 15) == {"spine2": 1.0}
    assert _via(router, fabric, 3, 12) == {"spine2": 1.0}
    assert _via(router, fabric, 0, 4) == {"spine0": 0.5, "spine1": 0.5}
    ecmp = make_router(fabric, Routing(policy="ecmp"))
    assert _via(router, fabric, 15, 0) == _via(ecmp, fabric, 15, 0)


def test_a_path_that_is_down_is_not_used(tmp_path: Path) -> None:
    fabric = _fabric(tmp_path, "leaf0,leaf1,spine0\nleaf0,leaf1,spine1\nleaf0,leaf3,spine0\n")
    leaf, spine = fabric.node("leaf0").row, fabric.node("spine0").row
    alive = ~((fabric.links.src == leaf) & (fabric.links.dst == spine))
    router = make_router(fabric, alive=alive)
    assert _via(router, fabric, 0, 4) == {"spine1": 1.0}
    assert "spine0" not in _via(router, fabric, 0, 15)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("leaf0,leaf1\n", r"paths\.csv:1.*src,dst,via"),
        ("src,dst,via\nleaf0,leaf9,spine0\n", r"paths\.csv:2.*leaf9"),
        ("leaf0,leaf1,leaf2\n", r"paths\.csv:1.*no link joins leaf0 and leaf2"),
        ("leaf0,leaf1,host3\n", r"paths\.csv:1.*host3 is no switch"),
        ("leaf0,leaf0,spine0\n", r"paths\.csv:1"),
        ("leaf0,leaf1,spin0\n", r"paths\.csv:1.*unknown"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_router(_fabric(tmp_path, text))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    fabric = _fabric(tmp_path, "")
    (tmp_path / "paths.csv").unlink()
    with pytest.raises(ConfigError, match=r"routing\.paths.*cannot read"):
        make_router(fabric)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    fabric = _fabric(tmp_path, "# nothing yet\n")
    gpus = fabric.rows(fabric.node("host0/gpu0").kind)
    both = [make_router(fabric, r).route(gpus, np.roll(gpus, 7)).resource for r in (None, Routing(policy="ecmp"))]
    assert np.array_equal(*both)
