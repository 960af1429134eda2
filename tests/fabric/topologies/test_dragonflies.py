"""Dragonfly and Dragonfly+ against their papers and brute force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Fabric, Kind

Make = Callable[..., Fabric]
ARRANGEMENTS = ["absolute", "relative", "circulant"]


def cables(fabric: Fabric) -> dict[str, int]:
    return {c.name: c.cables for c in fabric.link_classes}


@pytest.mark.parametrize(("p", "a", "h"), [(1, 2, 1), (2, 4, 2), (4, 8, 4), (8, 16, 8), (3, 5, 2)])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_full_dragonfly_is_as_in_its_paper(make: Make, brute: Any, p: int, a: int, h: int, arrangement: str) -> None:
    """Kim et al., section 3: N = a p (a h + 1), radix p + a + h - 1, one link between any two groups."""
    g = a * h + 1
    fabric = make("dragonfly", nodes=a * p * g, gpus=1, p=p, a=a, h=h, arrangement=arrangement)
    assert (fabric.by_kind["group"], fabric.by_kind["router"]) == (g, a * g)
    assert (brute.degrees(fabric) == p + a + h - 1).all()
    assert cables(fabric)["router-router"] == g * a * (a - 1) // 2
    assert cables(fabric)["group-group"] == g * a * h // 2
    if a * g < 700:
        matrix = brute.rates(fabric)
        group = fabric.network.coordinates[:, 0]  # type: ignore[index]
        between = np.zeros((g, g))
        np.add.at(between, (group[:, None], group[None, :]), matrix)
        assert np.array_equal(between, np.where(np.eye(g) > 0, a * (a - 1), 1))
        assert brute.hops(matrix).max() <= 3


@settings(max_examples=60, deadline=None)
@given(a=st.integers(1, 6), h=st.integers(1, 5), g=st.integers(1, 20), arrangement=st.sampled_from(ARRANGEMENTS))
def test_fewer_groups_get_equal_bundles(make: Make, brute: Any, a: int, h: int, g: int, arrangement: str) -> None:
    g = min(g, a * h + 1)
    fabric = make("dragonfly", nodes=a * g, gpus=1, p=1, a=a, h=h, g=g, arrangement=arrangement)
    matrix, group = brute.rates(fabric), fabric.network.coordinates[:, 0]  # type: ignore[index]
    between = np.zeros((g, g))
    np.add.at(between, (group[:, None], group[None, :]), matrix)
    bundle = a * h // (g - 1) if g > 1 else 0
    assert np.array_equal(between, np.where(np.eye(g) > 0, a * (a - 1), bundle))
    far_links = matrix * (group[:, None] != group[None, :])
    assert far_links.sum(axis=0).max() <= h
    assert brute.hops(matrix).min() == 0


@pytest.mark.parametrize(
    ("arrangement", "order"), [("absolute", [0, 2, 3, 4]), ("relative", [2, 3, 4, 0]), ("circulant", [2, 0, 3, 4])]
)
def test_global_links_as_they_are_arranged(make: Make, brute: Any, arrangement: str, order: list[int]) -> None:
    """Camarero et al.: where the four routers of group 1, one global link each, lead to."""
    fabric = make("dragonfly", nodes=20, gpus=1, p=1, a=4, h=1, g=5, arrangement=arrangement)
    to_group = brute.rates(fabric).reshape(5, 4, 5, 4)[1].sum(axis=2)
    to_group[:, 1] = 0  # its own
    assert to_group.argmax(axis=1).tolist() == order


@pytest.mark.parametrize(
    ("a", "h", "g"), [(2, 1, 2), (2, 1, 3), (3, 1, 3), (3, 1, 4), (4, 1, 4), (4, 1, 5), (4, 2, 4), (5, 1, 4), (5, 2, 4)]
)
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_bisection_of_balanced_groups_is_exact(
    make: Make, brute: Any, a: int, h: int, g: int, arrangement: str
) -> None:
    fabric = make("dragonfly", nodes=40 * a * g, gpus=1, p=40, a=a, h=h, g=g, arrangement=arrangement)
    assert fabric.network.bisection_Bps == 50e9 * brute.thinnest_halving(brute.rates(fabric))


@settings(max_examples=20, deadline=None)
@given(a=st.integers(1, 5), h=st.integers(1, 4), g=st.integers(2, 7), arrangement=st.sampled_from(ARRANGEMENTS))
def test_bisection_is_never_less_than_the_thinnest(
    make: Make, brute: Any, a: int, h: int, g: int, arrangement: str
) -> None:
    g = min(g, a * h + 1)
    if a * g > 16:
        return
    fabric = make("dragonfly", nodes=40 * a * g, gpus=1, p=40, a=a, h=h, g=g, arrangement=arrangement)
    assert fabric.network.bisection_Bps >= 50e9 * brute.thinnest_halving(brute.rates(fabric))  # type: ignore[operator]


def test_a_full_balanced_dragonfly_is_cut_between_its_groups(make: Make) -> None:
    for h in (1, 2, 3, 4):
        a, g = 2 * h, 2 * h * h + 1
        fabric = make("dragonfly", nodes=50 * a * g, gpus=1, p=50, a=a, h=h, arrangement="relative")
        assert fabric.network.bisection_Bps == 50e9 * (((g - 1) // 2) ** 2 + a * a // 4)


def test_defaults_balance_and_grow_with_the_cluster(make: Make) -> None:
    """The smallest balanced network that holds 1,024 hosts: h = 4, eight routers of four hosts in each of 32 groups."""
    fabric = make("dragonfly", nodes=1024, gpus=1)
    assert (fabric.by_kind["group"], fabric.by_kind["router"]) == (32, 256)
    assert np.bincount(fabric.network.tiers[0].unit).tolist() == [4] * 256


def test_names_and_groups(make: Make) -> None:
    fabric = make("dragonfly", nodes=18, gpus=4, a=4, p=2, h=2)
    router = fabric.node("group3/router1")
    assert router.kind == Kind.ROUTER
    assert router.parent is not None
    assert router.parent.kind == Kind.GROUP
    assert [level.name for level in fabric.locality.levels()[1:]] == ["router", "group", "network"]
    assert fabric.group([0, 4]).levels[-1].name == "group"
    assert fabric.group(range(72)).levels[-1].name == "network"
    assert fabric.node("group0/host1/gpu0").links


def test_dragonfly_plus_is_as_in_its_paper(make: Make, brute: Any) -> None:
    """Shpiner et al.: radix k gives k² / 4 hosts a group and k² / 4 + 1 groups."""
    k = 8
    fabric = make("dragonfly_plus", nodes=k**4 // 16 + k * k // 4, gpus=1)
    groups = k * k // 4 + 1
    assert (fabric.by_kind["group"], fabric.by_kind["leaf"], fabric.by_kind["spine"]) == (
        groups,
        4 * groups,
        4 * groups,
    )
    for kind in (Kind.LEAF, Kind.SPINE):
        assert (brute.degrees(fabric, kind) == k).all()
    assert cables(fabric)["spine-spine"] == groups * (groups - 1) // 2
    far = brute.hops(brute.rates(fabric))
    leaves = fabric.nodes.kind[brute.switch_rows(fabric)] == Kind.LEAF
    assert far[np.ix_(leaves, leaves)].max() == 3
    assert [level.name for level in fabric.locality.levels()[1:]] == ["leaf", "group", "network"]
    assert fabric.node("group3/spine1").kind == Kind.SPINE


@pytest.mark.parametrize("g", [2, 3, 4])
def test_bisection_of_dragonfly_plus(make: Make, brute: Any, g: int) -> None:
    fabric = make("dragonfly_plus", nodes=60 * 2 * g, gpus=1, p=60, leaves=2, spines=2, h=2, g=g)
    assert fabric.network.bisection_Bps == 50e9 * brute.thinnest_halving(brute.rates(fabric))


def test_too_many_groups(make: Make) -> None:
    with pytest.raises(InfeasibleError, match="10 groups need 9 global ports in each, there are 8"):
        make("dragonfly", nodes=80, gpus=1, p=2, a=4, h=2)
    with pytest.raises(ConfigError, match="5 routers cannot be balanced"):
        make("dragonfly", nodes=80, gpus=1, a=5)
