"""Racks: nothing outside its limits, everything placed once, what binds is what binds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import InfeasibleError
from weft.fabric import Cluster, Fabric, Kind, build_fabric
from weft.fabric.placement import Placement
from weft.fabric.tables import SWITCHES

Placed = Callable[..., Fabric]

floors = st.fixed_dictionaries(
    {
        "rack_units": st.integers(10, 60),
        "rack_power": st.integers(12, 90).map(lambda kw: f"{kw}kW"),
        "racks_per_row": st.integers(2, 25),
        "rows_per_hall": st.integers(1, 10),
        "leaf": st.sampled_from([None, "top_of_rack", "middle_of_row", "end_of_row", "network_racks"]),
        "network": st.sampled_from(["middle", "end"]),
    }
)
networks = st.sampled_from(
    [
        {"topology": "rail_optimised", "unit_nodes": 8},
        {"topology": "leaf_spine", "leaf_nodes": 2},
        {"topology": "fat_tree", "leaf_nodes": 4, "pod_nodes": 16},
        {"topology": "dragonfly", "a": 4, "p": 8, "h": 2},
    ]
)


@settings(max_examples=60, deadline=None)
@given(nodes=st.integers(1, 70), floor=floors, network=networks)
def test_no_limit_is_ever_exceeded_and_everything_has_one_place(
    nodes: int, floor: dict[str, Any], network: dict[str, Any]
) -> None:
    spec = {"nodes": nodes, "node": {"system": "dgx_h100"}, "scale_out": network, "floor_plan": floor}
    try:
        fabric = build_fabric(Cluster.model_validate(spec))
    except InfeasibleError:
        return  # the racks are too small, or the network is: other tests say which must be refused
    placement = fabric.placement
    assert placement is not None
    boxes = np.flatnonzero(np.isin(fabric.nodes.kind, [Kind.HOST, *SWITCHES]))
    assert (placement.rack[boxes] >= 0).all()
    units, power_w = np.zeros(placement.racks), np.zeros(placement.racks)
    taken: dict[int, set[int]] = {}
    for row in boxes.tolist():
        rack, low, tall = int(placement.rack[row]), int(placement.unit[row]), int(placement.height[row])
        mine = set(range(low, low + tall))
        assert tall > 0
        assert mine <= set(range(1, floor["rack_units"] + 1))
        assert not mine & taken.setdefault(rack, set())
        taken[rack] |= mine
        units[rack] += tall
        # DGX H100 is rated 10.2 kW; switches by the placement's own books below
        power_w[rack] += 10_200 if fabric.nodes.kind[row] == Kind.HOST else 0
    assert (units == placement.rack_units_used).all()
    assert (units <= floor["rack_units"]).all()
    assert (placement.rack_power_w <= placement.rack_power_limit_w * (1 + 1e-9)).all()
    assert (placement.rack_power_w >= power_w - 1e-6).all()
    assert len(np.unique(placement.slot)) == placement.racks
    _holds_one_pod_a_rack(fabric, placement)


def _holds_one_pod_a_rack(fabric: Fabric, placement: Placement) -> None:
    hosts = fabric.rows(Kind.HOST)
    pairs = np.unique(np.stack([placement.rack[hosts], fabric.nodes.parent[hosts]]), axis=1)
    assert len(pairs[0]) == len(np.unique(pairs[0]))


@pytest.mark.parametrize(
    ("floor", "per_rack", "binding"),
    [
        ({"rack_power": "44kW", "rack_units": 48}, 4, "power"),  # 4 x 10.2 = 40.8, 5 x 10.2 = 51
        ({"rack_power": "90kW", "rack_units": 48}, 5, "space"),  # 5 x 8 and a leaf = 41, 6 x 8 = 48 leaves none
        ({"rack_power": "90kW", "rack_units": 49, "leaf": "network_racks"}, 6, "space"),
        ({"rack_power": "12kW", "rack_units": 48}, 1, "power"),
    ],
)
def test_a_rack_holds_what_power_and_space_allow(
    placed: Placed, floor: dict[str, Any], per_rack: int, binding: str
) -> None:
    placement = placed(nodes=32, unit_nodes=32, floor=floor).placement
    assert placement is not None
    assert (placement.nodes_per_rack, placement.binding) == (per_rack, binding)
    assert placement.racks_by_use["nodes"] == math.ceil(32 / per_rack)


def test_a_superpod_unit_takes_eight_racks_each_with_a_leaf_on_top(placed: Placed) -> None:
    fabric = placed(nodes=128, unit_nodes=32)
    placement = fabric.placement
    assert placement is not None
    assert placement.racks_by_use == {"nodes": 32, "network": 1}
    leaves = fabric.rows(Kind.LEAF)
    assert sorted(placement.rack[leaves].tolist()) == [rack for rack in range(33) if placement.use[rack] == 0]
    assert (placement.unit[leaves] == 48).all()


def test_a_leaf_on_top_stands_with_the_nodes_it_serves(placed: Placed) -> None:
    fabric = placed("leaf_spine", nodes=64, leaf_nodes=4)
    placement = fabric.placement
    assert placement is not None
    for leaf in fabric.rows(Kind.LEAF).tolist():
        hosts = {view.parent.row for view in fabric.node(leaf).neighbors if view.kind == Kind.NIC and view.parent}
        assert {int(placement.rack[host]) for host in hosts} == {int(placement.rack[leaf])}


@pytest.mark.parametrize(("leaf", "position"), [("middle_of_row", 6), ("end_of_row", 11)])
def test_leaves_stand_in_the_middle_or_at_the_end_of_their_row(placed: Placed, leaf: str, position: int) -> None:
    fabric = placed(nodes=88, unit_nodes=32, floor={"leaf": leaf, "racks_per_row": 12})
    placement = fabric.placement
    assert placement is not None
    racks = np.unique(placement.rack[fabric.rows(Kind.LEAF)])
    assert placement.position[racks].tolist()[:-1] == [position] * (len(racks) - 1)  # the last row is not full
    nodes = placement.row[placement.use == 0]
    assert set(placement.row[racks].tolist()) <= set(nodes.tolist())


def test_spines_stand_in_the_middle_of_what_they_serve(placed: Placed) -> None:
    fabric = placed(nodes=128, unit_nodes=32)
    placement = fabric.placement
    assert placement is not None
    assert set(placement.rack[fabric.rows(Kind.SPINE)].tolist()) == {16}


def test_liquid_cooled_racks_need_a_liquid_cooled_hall(placed: Placed) -> None:
    node = {"system": "gb200_nvl72_rack"}
    with pytest.raises(InfeasibleError, match="cooled by liquid only"):
        placed(nodes=8, node=node, unit_nodes=8, floor={"cooling": "air"})
    placement = placed(nodes=8, node=node, unit_nodes=8).placement
    assert placement is not None
    assert placement.cooling == "liquid"
    assert placement.racks_by_use["nodes"] == 8


def test_a_system_of_several_racks_takes_whole_ones(placed: Placed) -> None:
    node = {"system": "cloudmatrix384", "nic": "cx7", "nics": 8, "scale_up": {"rate": "392GB/s"}}
    placement = placed("leaf_spine", nodes=2, node=node).placement
    assert placement is not None
    assert placement.racks_by_use["nodes"] == 32
    assert placement.nodes_per_rack == 0
    assert np.isclose(placement.rack_power_w[placement.use == 0], 560e3 / 16).all()


@pytest.mark.parametrize(
    ("floor", "says"),
    [
        ({"rack_power": "8kW"}, "set rack_power to at least 10.2 kW"),
        ({"rack_units": 10, "rack_power": "10.5kW", "leaf": "top_of_rack"}, "network_racks"),
        ({"rows_per_hall": 1, "racks_per_row": 4, "halls_per_site": 1}, "there are 1"),
        ({"racks_per_row": 1, "leaf": "middle_of_row"}, "racks_per_row"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_limit_that_binds(
    placed: Placed, floor: dict[str, Any], says: str
) -> None:
    with pytest.raises(InfeasibleError, match=says):
        placed(nodes=32, floor=floor)
