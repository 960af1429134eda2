"""Slim Fly against its paper: counts, degree, diameter two, bisection; and the fields it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Fabric
from weft.fabric.galois import field, prime_power
from weft.fabric.topologies.slim_fly import is_valid

Make = Callable[..., Fabric]


@pytest.mark.parametrize("q", [2, 3, 4, 5, 8, 9, 16, 25, 27, 49, 81])
def test_a_field_obeys_the_laws_of_fields(q: int) -> None:
    f = field(q)
    x, y, z = (np.random.default_rng(q).integers(0, q, 500) for _ in range(3))
    for table in (f.add, f.multiply):
        assert np.array_equal(table, table.T)
        assert np.array_equal(table[table[x, y], z], table[x, table[y, z]])
    assert np.array_equal(f.multiply[x, f.add[y, z]], f.add[f.multiply[x, y], f.multiply[x, z]])
    everything = np.arange(q)
    assert np.array_equal(f.add[0], everything)
    assert np.array_equal(f.multiply[1], everything)
    for row in (*f.add, *f.multiply[1:]):  # a latin square: differences and quotients are unique
        assert np.array_equal(np.sort(row), everything)
    assert np.array_equal(np.sort(f.powers), np.arange(1, q))
    assert np.array_equal(f.multiply[f.powers[:-1], f.powers[1 % (q - 1)]], f.powers[1:])


def test_prime_powers() -> None:
    assert [q for q in range(1, 33) if prime_power(q)] == [
        2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32,
    ]  # fmt: skip
    assert prime_power(3**5) == (3, 5)
    assert not is_valid(2)
    assert not is_valid(6)


@pytest.mark.parametrize("q", [3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27])
def test_mms_graphs_are_regular_and_of_diameter_two(make: Make, brute: Any, q: int) -> None:
    fabric = make("slim_fly", nodes=2 * q * q, gpus=1, q=q)
    delta = {1: 1, 3: -1, 0: 0}[q % 4]
    degree = (3 * q - delta) // 2
    matrix = brute.rates(fabric)
    assert fabric.by_kind["router"] == len(matrix) == 2 * q * q
    assert matrix.max() == 1
    assert (matrix.sum(axis=0) == degree).all()
    assert fabric.cables(between_switches=True) == q * q * degree
    far = brute.hops(matrix)
    assert (far.min(), far.max()) == (0, 2)


def test_hoffman_singleton(make: Make, brute: Any) -> None:
    """q = 5 is the one graph of degree 7, diameter 2 and 50 vertices: no triangles, no squares (girth 5)."""
    fabric = make("slim_fly", nodes=200, gpus=1, q=5)
    matrix = brute.rates(fabric)
    assert fabric.by_kind["router"] == 50
    assert fabric.endpoints == 200 == 50 * 4
    # strongly regular: neighbours share no neighbour, others exactly one
    assert np.array_equal(matrix @ matrix + matrix - 6 * np.eye(50), np.ones((50, 50)))


@pytest.mark.parametrize(("q", "hosts", "routers", "p"), [(19, 10830, 722, 15), (17, 7514, 578, 13), (5, 200, 50, 4)])
def test_sizes_of_the_paper(make: Make, q: int, hosts: int, routers: int, p: int) -> None:
    """Besta and Hoefler, section V: q = 19 carries 10,830 endpoints on 722 routers of radix 44, 15 a router."""
    fabric = make("slim_fly", nodes=hosts, gpus=1)
    assert fabric.by_kind["router"] == routers == 2 * q * q
    assert np.bincount(fabric.network.tiers[0].unit).tolist() == [p] * routers


@pytest.mark.parametrize("q", [3, 4, 5, 7, 8, 9, 11, 13])
def test_bisection_lies_between_the_spectral_bound_and_a_cut_by_columns(make: Make, brute: Any, q: int) -> None:
    fabric = make("slim_fly", nodes=2 * q * q * 40, gpus=1, q=q, p=40)
    matrix = brute.rates(fabric)
    laplacian = np.diag(matrix.sum(axis=0)) - matrix
    spectral = np.sort(np.linalg.eigvalsh(laplacian))[1] * 2 * q * q / 4
    side, column, _ = fabric.network.coordinates.T  # type: ignore[union-attr]
    first = column < np.where(side == 0, (q + 1) // 2, q // 2)
    assert first.sum() == q * q
    cut = matrix[np.ix_(first, ~first)].sum()
    reported = fabric.network.bisection_Bps / 50e9  # type: ignore[operator]
    assert spectral - 1e-6 <= reported <= cut
    assert reported == -(-(q**3) // 2)
    assert cut == (q**3 if q % 2 == 0 else q**3 + q) / 2


def test_bad_q_names_the_nearest(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"6 is not a prime power.*5, 7") as caught:
        make("slim_fly", nodes=8, gpus=1, q=6)
    assert caught.value.field == "scale_out.q"
    with pytest.raises(InfeasibleError, match="hold 200 NICs, the nodes have 201; enlarge q or p"):
        make("slim_fly", nodes=201, gpus=1, q=5)
