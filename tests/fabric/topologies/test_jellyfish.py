"""Random regular networks: regular, simple, connected, the same for the same seed; the bound on their bisection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Fabric
from weft.fabric.random_regular import random_regular

Make = Callable[..., Fabric]


@settings(max_examples=80, deadline=None)
@given(nodes=st.integers(2, 60), share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_graphs_are_simple_and_regular(nodes: int, share: float, seed: int) -> None:
    degree = int(share * (nodes - 1))
    degree -= degree * nodes % 2
    a, b = random_regular(nodes, degree, np.random.default_rng(seed))
    assert len(a) == nodes * degree // 2
    assert (a < b).all()
    assert len(np.unique(a * nodes + b)) == len(a)
    assert (np.bincount(np.append(a, b), minlength=nodes) == degree).all()


def test_every_graph_is_as_likely(brute: Any) -> None:
    """Of the 15 perfect matchings of six nodes, each about as often."""
    random = np.random.default_rng(1)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(3000):
        a, b = random_regular(6, 1, random)
        key = tuple(np.sort(a * 6 + b).tolist())
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 15
    assert max(seen.values()) < 1.3 * 200
    assert min(seen.values()) > 0.7 * 200


@pytest.mark.parametrize("degree", [3, 4, 6])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bisection_is_at_least_bollobas_bound(make: Make, brute: Any, degree: int, seed: int) -> None:
    fabric = make("jellyfish", nodes=16 * 50, gpus=1, routers=16, p=50, degree=degree, seed=seed)
    reported = fabric.network.bisection_Bps
    assert reported == pytest.approx(50e9 * 16 * (degree / 4 - math.sqrt(degree * math.log(2)) / 2))
    assert 0 < reported <= 50e9 * brute.thinnest_halving(brute.rates(fabric))  # type: ignore[operator]


def test_the_seed_decides(make: Make) -> None:
    first, again, other = (make("jellyfish", nodes=64, gpus=1, routers=64, degree=5 + 1, seed=s) for s in (7, 7, 8))
    assert np.array_equal(first.links.dst, again.links.dst)
    assert not np.array_equal(first.links.dst, other.links.dst)


def test_defaults_fill_the_switches_and_bound_full_bisection(make: Make, brute: Any) -> None:
    fabric = make("jellyfish", nodes=1020, gpus=1, radix=64)
    p = int(np.bincount(fabric.network.tiers[0].unit).max())
    degrees = brute.degrees(fabric)
    assert (p, int(degrees.max())) == (17, 64)
    assert fabric.bisection_Bps == 510 * 50e9


def test_what_cannot_be(make: Make) -> None:
    with pytest.raises(ConfigError, match="no graph has 5 routers of 3 links") as caught:
        make("jellyfish", nodes=5, gpus=1, routers=5, degree=3)
    assert caught.value.field == "scale_out.degree"
    with pytest.raises(InfeasibleError, match="fell apart"):
        make("jellyfish", nodes=400, gpus=1, routers=400, degree=1)
    with pytest.raises(InfeasibleError, match=r"needs 18 ports \(12 to hosts, 6 to others\), .* has 16; lower p"):
        make("jellyfish", nodes=100, gpus=1, p=12, degree=6, radix=16)
