"""The closed form of the bisection against a maximum flow on the whole graph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.fabric import Fabric

sys.path.insert(0, str(Path(__file__).parent / "topologies"))

from flows import max_flow_Bps

Make = Callable[..., Fabric]


@settings(max_examples=60, deadline=None)
@given(
    topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised"]),
    nodes=st.integers(1, 14),
    gpus=st.sampled_from([1, 2, 4]),
    radix=st.sampled_from([4, 6, 8]),
    oversubscription=st.sampled_from([1, 2, 3]),
    planes=st.booleans(),
)
def test_bisection_is_the_maximum_flow(
    make: Make, topology: str, nodes: int, gpus: int, radix: int, oversubscription: float, planes: bool
) -> None:
    options: dict[str, Any] = {"planes": planes} if topology == "rail_optimised" else {}
    try:
        fabric = make(topology, nodes=nodes, gpus=gpus, radix=radix, oversubscription=oversubscription, **options)
    except WeftError:
        return
    assert fabric.bisection_Bps == pytest.approx(max_flow_Bps(fabric), rel=1e-9)


@pytest.mark.parametrize("topology", ["leaf_spine", "fat_tree"])
@pytest.mark.parametrize("oversubscription", [1, 3])
def test_full_units_give_the_textbook_figure(make: Make, topology: str, oversubscription: int) -> None:
    fabric = make(topology, nodes=72, gpus=1, radix=12, oversubscription={"leaf": oversubscription})
    assert fabric.bisection_Bps == pytest.approx(72 / 2 * 50e9 / oversubscription)


def test_a_single_node_has_none(make: Make) -> None:
    assert make().bisection_Bps == 0
