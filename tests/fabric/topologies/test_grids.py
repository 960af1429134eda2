"""Torus, mesh, HyperX, flattened butterfly and full mesh against closed forms and brute force."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.fabric import Fabric

Make = Callable[..., Fabric]
HOSTS = 64  # a router, so that hosts never bound the bisection


@pytest.mark.parametrize("dims", [[3], [5, 4], [3, 3, 3], [4, 4, 4, 4], [8, 8, 8]])
def test_a_torus_has_n_links_a_router(make: Make, brute: Any, dims: list[int]) -> None:
    routers = math.prod(dims)
    fabric = make("torus", nodes=routers, gpus=1, dims=dims)
    assert fabric.by_kind["router"] == fabric.switches == routers
    assert fabric.cables(between_switches=True) == 2 * len(dims) * routers // 2
    assert (brute.degrees(fabric) == 2 * len(dims) + 1).all()
    if routers < 200:
        far = brute.hops(brute.rates(fabric))
        assert far.max() == sum(k // 2 for k in dims)


def test_a_torus_of_two_a_side_is_a_hypercube(make: Make, brute: Any) -> None:
    fabric = make("torus", nodes=32, gpus=1, dims=[2] * 5)
    far = brute.hops(brute.rates(fabric))
    assert far.tolist() == [[(i ^ j).bit_count() for j in range(32)] for i in range(32)]
    assert fabric.cables(between_switches=True) == 5 * 32 // 2
    assert fabric.network.bisection_Bps == 16 * 50e9


def test_distance_in_a_torus_is_that_of_the_coordinates(make: Make, brute: Any) -> None:
    fabric = make("torus", nodes=60, gpus=1, dims=[3, 4, 5], wrap=[True, False, True])
    at = fabric.network.coordinates
    assert at is not None
    apart = np.abs(at[:, None] - at[None, :])
    apart = np.minimum(apart, np.where([True, False, True], np.array([3, 4, 5]) - apart, 99))
    assert np.array_equal(brute.hops(brute.rates(fabric)), apart.sum(axis=2))


@settings(max_examples=25, deadline=None)
@given(
    dims=st.lists(st.integers(1, 5), min_size=1, max_size=3).filter(lambda dims: 2 <= math.prod(dims) <= 16),
    wrap=st.lists(st.booleans(), min_size=3, max_size=3),
    bundle=st.lists(st.integers(1, 2), min_size=3, max_size=3),
)
def test_bisection_and_latency_of_any_small_torus(
    make: Make, brute: Any, dims: list[int], wrap: list[bool], bundle: list[int]
) -> None:
    n, routers = len(dims), math.prod(dims)
    fabric = make("torus", nodes=HOSTS * routers, gpus=1, dims=dims, wrap=wrap[:n], bundle=bundle[:n])
    matrix = brute.rates(fabric)
    assert fabric.network.bisection_Bps == 50e9 * brute.thinnest_halving(matrix)
    check_mean_latency(fabric, brute.hops(matrix))


@settings(max_examples=25, deadline=None)
@given(
    dims=st.lists(st.integers(1, 6), min_size=1, max_size=3).filter(lambda dims: 2 <= math.prod(dims) <= 16),
    bundle=st.lists(st.integers(1, 3), min_size=3, max_size=3),
)
def test_bisection_and_latency_of_any_small_hyperx(make: Make, brute: Any, dims: list[int], bundle: list[int]) -> None:
    routers, bundles = math.prod(dims), bundle[: len(dims)]
    fabric = make("hyperx", nodes=HOSTS * routers, gpus=1, dims=dims, bundle=bundles, radix=128)
    matrix = brute.rates(fabric)
    assert (matrix.sum(axis=0) == sum(k * (s - 1) for k, s in zip(bundles, dims, strict=True))).all()
    assert brute.hops(matrix).max() == sum(s > 1 for s in dims)
    least = 50e9 * brute.thinnest_halving(matrix)
    if sum(s > 1 for s in dims) > 1 and all(s % 2 for s in dims):
        assert least <= fabric.network.bisection_Bps <= 1.05 * least
    else:
        assert fabric.network.bisection_Bps == least
    check_mean_latency(fabric, brute.hops(matrix))


def check_mean_latency(fabric: Fabric, far: Any) -> None:
    near, whole = fabric.network.tiers
    hop_s = next(c for c in fabric.link_classes if c.name == "router-router").latency_up_s
    mean = far.sum() / (len(far) * (len(far) - 1))
    assert whole.latency_s - near.latency_s == pytest.approx(mean * hop_s)


def test_hyperx_of_the_paper_has_a_quarter_of_k_s_n_links_in_its_cut(make: Make) -> None:
    """Ahn et al., section 2: the thinnest dimension bounds the bisection, K S N / 4 links."""
    fabric = make("hyperx", nodes=16 * 16 * 8, gpus=1, dims=[16, 8], bundle=[1, 3], p=16)
    assert fabric.network.bisection_Bps == min(1 * 16, 3 * 8) * 128 / 4 * 50e9


@pytest.mark.parametrize(("k", "n"), [(2, 4), (4, 3), (8, 2), (32, 2), (16, 3)])
def test_flattened_butterfly_is_as_in_its_paper(make: Make, brute: Any, k: int, n: int) -> None:
    """Kim, Dally and Abts, section 2: N = kⁿ hosts, N / k routers, radix n (k - 1) + 1, n - 1 dimensions."""
    fabric = make("flattened_butterfly", nodes=k**n, gpus=1, k=k, n=n)
    assert fabric.endpoints == k**n
    assert fabric.by_kind["router"] == k ** (n - 1)
    assert (brute.degrees(fabric) == n * (k - 1) + 1).all()
    if k ** (n - 1) < 300:
        assert brute.hops(brute.rates(fabric)).max() == n - 1
    assert fabric.network.bisection_Bps == k**n / 4 * 50e9
    chosen = make("flattened_butterfly", nodes=k**n, gpus=1, n=n)
    assert chosen.by_kind == fabric.by_kind


@pytest.mark.parametrize("routers", [2, 3, 5, 8, 9])
def test_full_mesh(make: Make, brute: Any, routers: int) -> None:
    fabric = make("full_mesh", nodes=routers * HOSTS, gpus=1, routers=routers, bundle=2)
    matrix = brute.rates(fabric)
    assert np.array_equal(matrix, 2.0 * (1 - np.eye(routers)))
    assert fabric.network.bisection_Bps == 50e9 * brute.thinnest_halving(matrix) == 2 * 50e9 * (routers**2 // 4)


def test_full_mesh_by_default_has_a_link_out_for_every_host_port(make: Make) -> None:
    fabric = make("full_mesh", nodes=100, gpus=1)
    assert fabric.by_kind["router"] == 10
    assert make("full_mesh", nodes=1, gpus=1).by_kind["router"] == 1


def test_lists_of_the_wrong_length_are_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="2 values for 3 dimensions") as caught:
        make("torus", nodes=8, gpus=1, dims=[2, 2, 2], wrap=[True, False])
    assert caught.value.field == "scale_out.wrap"
    with pytest.raises(ConfigError, match="1 values for 2 dimensions"):
        make("hyperx", nodes=8, gpus=1, dims=[2, 2], bundle=[1])
