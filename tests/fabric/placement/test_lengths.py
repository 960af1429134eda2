"""Cable lengths: never shorter than the way, always sold, and what a tape measure would say on small floors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.fabric import Domain, Fabric, Kind
from weft.fabric.cabling.counting import device_of
from weft.fabric.placement.lengths import SOLD_M, cable_lengths_m, commercial_length_m, route_m
from weft.fabric.placement.model import UNIT_M

Placed = Callable[..., Fabric]


@given(st.floats(0, 2e7, allow_nan=False))
def test_a_sold_length_is_the_shortest_that_is_long_enough(length_m: float) -> None:
    sold = float(commercial_length_m(length_m))
    assert sold >= length_m - 1e-6
    assert sold in SOLD_M
    shorter = SOLD_M[sold > SOLD_M]
    assert not len(shorter) or shorter.max() < length_m + 1e-6


@pytest.mark.parametrize("leaf", [None, "middle_of_row", "end_of_row", "network_racks"])
@pytest.mark.parametrize("sites", [None, 2])
def test_every_cable_is_at_least_as_long_as_the_way_between_its_racks(
    placed: Placed, leaf: str | None, sites: int | None
) -> None:
    floor: dict[str, Any] = {"leaf": leaf, "racks_per_row": 6, "rows_per_hall": 3}
    if sites:
        floor |= {"halls_per_site": 1, "sites": 3, "site_distance": "40km"}
    fabric = placed(nodes=128, floor=floor)
    placement = fabric.placement
    assert placement is not None
    cables = np.flatnonzero(fabric.links.domain[::2] == Domain.SCALE_OUT)
    a, b = (device_of(fabric.nodes, side[::2][cables]) for side in (fabric.links.src, fabric.links.dst))
    length_m = fabric.links.length_m[::2][cables]
    rack_a, rack_b = placement.rack[a], placement.rack[b]
    manhattan = np.abs(placement.x_m[rack_a] - placement.x_m[rack_b])
    manhattan += np.abs(placement.y_m[rack_a] - placement.y_m[rack_b])
    assert (length_m >= manhattan - 1e-9).all()
    assert (length_m >= cable_lengths_m(placement, a, b) - 1e-6).all()
    assert (route_m(placement, a, b) >= manhattan * (placement.site[rack_a] == placement.site[rack_b]) - 1e-9).all()
    away = placement.site[rack_a] != placement.site[rack_b]
    assert away.any() == bool(sites)
    assert (length_m[away] >= 40e3).all()
    assert (length_m[~away] < 1e3).all()


def test_a_cable_between_two_racks_by_hand(placed: Placed) -> None:
    """Host 0 at units 1-8 of rack 0, leaf 1 at unit 48 of rack 1, one pitch away: up, along, down, slack."""
    fabric = placed(nodes=32, unit_nodes=32, floor={"tray_height": "0.4m", "slack": "0.8m", "rack_pitch": "0.7m"})
    placement = fabric.placement
    assert placement is not None
    host, leaf = fabric.node("unit0/host0").row, fabric.node("unit0/leaf1").row
    up = (48 - 4) * UNIT_M + 0.4
    down = 0.5 * UNIT_M + 0.4
    expected = up + 0.7 + down + 0.8
    assert cable_lengths_m(placement, np.array([host]), np.array([leaf]))[0] == pytest.approx(expected)
    own = fabric.node("unit0/leaf0").row
    within = (47.5 - 4) * UNIT_M + 0.8
    assert cable_lengths_m(placement, np.array([host]), np.array([own]))[0] == pytest.approx(within)


def test_longer_pitches_never_shorten_a_cable(placed: Placed) -> None:
    close, wide = (
        placed("fat_tree", nodes=64, leaf_nodes=4, pod_nodes=16, floor={"row_pitch": pitch, "racks_per_row": 4})
        for pitch in ("2m", "6m")
    )
    assert (wide.links.length_m >= close.links.length_m).all()
    assert wide.links.length_m.sum() > close.links.length_m.sum()


def test_latency_follows_length_and_medium(placed: Placed) -> None:
    near = placed("leaf_spine", nodes=64, media="dsp_pluggable")
    far = placed("leaf_spine", nodes=64, media="dsp_pluggable", floor={"row_pitch": "30m", "racks_per_row": 1})
    assert far.network.tiers[-1].latency_s > near.network.tiers[-1].latency_s
    hosts = [c for c in near.link_classes if c.name == "nic-leaf"]
    mean_s = sum((c.latency_up_s + c.latency_down_s) * c.cables for c in hosts) / sum(c.cables for c in hosts)
    assert near.network.tiers[0].latency_s == pytest.approx(mean_s)


def test_lengths_are_written_once(placed: Placed) -> None:
    with pytest.raises(ConfigError, match="follow from floor_plan"):
        placed("leaf_spine", nodes=8, length="10m")


def test_without_a_floor_plan_nothing_has_a_place(make: Callable[..., Fabric]) -> None:
    fabric = make("leaf_spine", nodes=4)
    assert fabric.placement is None
    assert {c.length_m for c in fabric.link_classes if c.domain == Domain.SCALE_OUT} <= {3.0, 30.0}
    assert not (fabric.nodes.kind == Kind.POD).any()
