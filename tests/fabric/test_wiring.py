"""Properties that hold for every fabric: ports within radix, all connected, oversubscription as asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.fabric import Domain, Fabric, Kind

Make = Callable[..., Fabric]

SHAPES = st.fixed_dictionaries(
    {
        "topology": st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised"]),
        "nodes": st.integers(1, 60),
        "gpus": st.sampled_from([1, 2, 3, 8]),
        "radix": st.sampled_from([4, 6, 8, 16, 17, 32]),
        "oversubscription": st.sampled_from([1, 1.5, 2, 3, 7]),
    },
    optional={"uplink_rate": st.sampled_from(["400Gb/s", "200Gb/s"])},
)


def build(make: Make, shape: dict[str, Any]) -> Fabric | None:
    options = dict(shape)
    try:
        return make(options.pop("topology"), **options)
    except WeftError:
        return None


def labels(fabric: Fabric, links: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the connected component of every node under some links: the smallest node row in it."""
    label = np.arange(len(fabric.nodes))
    src, dst = fabric.links.src[links], fabric.links.dst[links]
    while True:
        before = label.copy()
        np.minimum.at(label, src, label[dst])
        label = label[label]
        if np.array_equal(before, label):
            return label


@settings(max_examples=150, deadline=None)
@given(shape=SHAPES)
def test_ports_cables_and_connection(make: Make, shape: dict[str, Any]) -> None:
    fabric = build(make, shape)
    if fabric is None:
        return
    nodes, links = fabric.nodes, fabric.links
    assert np.array_equal(links.src[0::2], links.dst[1::2])
    assert np.array_equal(links.dst[0::2], links.src[1::2])
    outside = links.domain == Domain.SCALE_OUT
    ports = np.bincount(links.src[outside], minlength=len(nodes))
    for kind in (Kind.SPINE, Kind.CORE):
        assert ports[nodes.kind == kind].max(initial=0) <= shape["radix"]
    room = np.zeros(len(nodes))
    np.add.at(room, links.src[outside], links.rate_Bps[outside] / 50e9)
    assert room[nodes.kind == Kind.LEAF].max() <= shape["radix"] + 1e-9
    assert (ports[nodes.kind == Kind.NIC] == 1).all()
    label = labels(fabric, np.arange(len(links)))
    assert len(np.unique(label[nodes.kind >= Kind.ACCELERATOR])) == 1


@settings(max_examples=150, deadline=None)
@given(shape=SHAPES)
def test_oversubscription_is_at_most_what_was_asked_and_no_switch_is_wasted(make: Make, shape: dict[str, Any]) -> None:
    fabric = build(make, shape)
    if fabric is None:
        return
    nodes, links = fabric.nodes, fabric.links
    for kind in (Kind.LEAF, Kind.SPINE):
        up = np.zeros(len(nodes))
        down = np.zeros(len(nodes))
        outside = np.flatnonzero(links.domain == Domain.SCALE_OUT)
        src_kind, dst_kind = nodes.kind[links.src[outside]], nodes.kind[links.dst[outside]]
        rising = dst_kind > src_kind
        np.add.at(up, links.src[outside[rising]], links.rate_Bps[outside[rising]])
        np.add.at(down, links.src[outside[~rising]], links.rate_Bps[outside[~rising]])
        here = (nodes.kind == kind) & (up > 0)
        if here.any():
            asked = shape["oversubscription"]
            assert (down[here] <= asked * up[here] * (1 + 1e-9)).all()
            assert len(np.unique(up[here])) == 1


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES)
def test_every_leaf_reaches_every_spine_above_it_by_equal_bundles(make: Make, shape: dict[str, Any]) -> None:
    fabric = build(make, shape)
    if fabric is None:
        return
    for name in ("leaf-spine", "spine-core"):
        index = next((i for i, c in enumerate(fabric.link_classes) if c.name == name), None)
        if index is None:
            continue
        rows = np.flatnonzero(fabric.links.link_class == index)[::2]
        pairs = np.stack([fabric.links.src[rows], fabric.links.dst[rows]])
        _, sizes = np.unique(pairs, axis=1, return_counts=True)
        assert len(np.unique(sizes)) == 1


@pytest.mark.parametrize(
    ("oversubscription", "leaf", "core"), [(1, 1, 1), (3, 3, 9), ({"spine": 7}, 1, 7), ({"leaf": 3}, 3, 3)]
)
def test_oversubscription_multiplies_up_the_tiers(make: Make, oversubscription: Any, leaf: float, core: float) -> None:
    fabric = make("fat_tree", nodes=600, gpus=1, radix=16, oversubscription=oversubscription)
    _, first, second, third = fabric.locality.levels()
    assert first.oversubscription == 1
    assert second.oversubscription == pytest.approx(leaf)
    assert third.oversubscription == pytest.approx(core)


def test_uplinks_of_another_rate_keep_the_ratio(make: Make) -> None:
    fabric = make("leaf_spine", nodes=64, gpus=1, radix=16, uplink_rate="200Gb/s")
    leaf_up = fabric.network.tiers[0].uplink_Bps
    assert (leaf_up == 8 * 50e9).all()
    assert fabric.cables(between_switches=True) == 128


def test_bundle_is_as_asked(make: Make) -> None:
    narrow = make("leaf_spine", nodes=8, gpus=1, radix=8, bundle=1)
    assert narrow.by_kind["spine"] == 4
    wide = make("leaf_spine", nodes=8, gpus=1, radix=8, bundle=2)
    assert wide.by_kind["spine"] == 2


def test_the_same_cluster_builds_the_same_graph(make: Make) -> None:
    a, b = (make("rail_optimised", nodes=5, radix=16) for _ in range(2))
    assert np.array_equal(a.links.src, b.links.src)
    assert np.array_equal(a.nodes.kind, b.nodes.kind)
    assert a.bisection_Bps == b.bisection_Bps


def test_columns_cannot_be_written(make: Make) -> None:
    fabric = make("leaf_spine", nodes=2)
    with pytest.raises(ValueError, match="read-only"):
        fabric.links.src[0] = 1


def test_two_nodes_on_rails_need_one_spine(make: Make) -> None:
    """Leaves of a small unit get uplinks for the nodes there are, not for all that would fit."""
    fabric = make("rail_optimised", nodes=2, radix=64)
    assert (fabric.by_kind["leaf"], fabric.by_kind["spine"]) == (8, 1)
    assert fabric.cables(between_switches=True) == 16
    assert fabric.locality.oversubscription == (1, 1)
