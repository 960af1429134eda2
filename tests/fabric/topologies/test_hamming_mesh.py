"""HammingMesh against its paper's cost table, and brute force on small ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Fabric, Kind

Make = Callable[..., Fabric]


def cables(fabric: Fabric) -> dict[str, int]:
    counts: dict[str, int] = {}
    for link in fabric.link_classes:
        counts[link.name] = counts.get(link.name, 0) + link.cables
    return counts


# Hoefler et al., SC 2022, table 2: cost in million USD of four planes; 64-port switches at 14,280 USD, copper cables at
# 272 USD along one direction, active optical ones at 603 USD along the other and inside trees.
@pytest.mark.parametrize(
    ("board", "boards", "cost"),
    [(2, 16, 5.4), (4, 8, 2.7), (1, 32, 10.8), (4, 32, 43.3), (2, 64, 224), (1, 128, 448)],
)
def test_cost_as_published(make: Make, board: int, boards: int, cost: float) -> None:
    size = {"board": [board, board], "boards": [boards, boards]}
    fabric = make("hamming_mesh", nodes=boards**2, gpus=board**2, radix=64, **size)
    count = cables(fabric)
    assert count["nic-leaf"] == 4 * board * boards**2
    plane = 14280 * fabric.switches + (272 + 603) * count["nic-leaf"] / 2 + 603 * count.get("leaf-spine", 0)
    assert 4 * plane / 1e6 == pytest.approx(cost, rel=0.01)


@pytest.mark.parametrize(("board", "fraction"), [(1, 1 / 2), (2, 1 / 4), (4, 1 / 8)])
def test_bisection_as_published(make: Make, board: int, fraction: float) -> None:
    """1 / 2a of what the accelerators of one half can send."""
    fabric = make("hamming_mesh", nodes=64, gpus=board**2, board=[board, board], boards=[8, 8])
    assert fabric.bisection_Bps == fraction * fabric.endpoints / 2 * 50e9


@pytest.mark.parametrize(
    ("board", "boards"),
    [([2, 2], [2, 2]), ([2, 1], [4, 2]), ([1, 1], [3, 3]), ([3, 1], [3, 1]), ([2, 2], [3, 1]), ([4, 3], [1, 1])],
)
def test_small_ones_by_brute_force(make: Make, brute: Any, board: list[int], boards: list[int]) -> None:
    each = board[0] * board[1]
    fabric = make("hamming_mesh", nodes=boards[0] * boards[1], gpus=each, board=board, boards=boards)
    chips = fabric.rows(Kind.NIC)
    matrix = brute.rates(fabric, np.append(chips, brute.switch_rows(fabric))) * 4  # in ports of 100 Gb/s
    n = len(chips)
    least = np.inf
    for half in combinations(range(n), n // 2):
        side = np.isin(np.arange(n), half)
        direct = matrix[:n, :n][side][:, ~side].sum()
        to_switch = matrix[n:, :n]  # a switch stands where most of its cables end
        least = min(least, direct + np.minimum(to_switch[:, side].sum(1), to_switch[:, ~side].sum(1)).sum())
    cut = least * 12.5e9
    if board[0] * board[1] > 1 and boards == [3, 1]:  # lines of odd boards that share a switch: a lower bound
        assert 0 < fabric.bisection_Bps <= cut
    else:
        assert fabric.bisection_Bps == pytest.approx(min(cut, n // 2 * 50e9))
    assert (brute.hops(matrix)[:n, :n] >= 0).all()


def test_an_accelerator_has_four_ports(make: Make) -> None:
    fabric = make("hamming_mesh", nodes=36, gpus=6, board=[3, 2], boards=[6, 6])
    outside = [i for i, c in enumerate(fabric.link_classes) if c.name in ("nic-nic", "nic-leaf")]
    rows = np.isin(fabric.links.link_class, outside)
    ports = np.bincount(fabric.links.src[rows], minlength=len(fabric.nodes))
    assert (ports[fabric.nodes.kind == Kind.NIC] == 4).all()


@pytest.mark.parametrize("x", [33, 48, 65, 100, 512, 545, 1024])
def test_long_lines_get_trees_within_the_radix(make: Make, x: int) -> None:
    fabric = make("hamming_mesh", nodes=2 * x, gpus=1, board=[1, 1], boards=[x, 2], radix=64)
    outside = np.isin(fabric.links.link_class, [i for i, c in enumerate(fabric.link_classes) if c.name != "gpu-nic"])
    ports = np.bincount(fabric.links.src[outside], minlength=len(fabric.nodes))
    down = np.bincount(
        fabric.links.dst[outside & (fabric.nodes.kind[fabric.links.src] == Kind.NIC)], minlength=len(fabric.nodes)
    )
    spines, leaves = fabric.nodes.kind == Kind.SPINE, fabric.nodes.kind == Kind.LEAF
    assert ports[spines | leaves].max() <= 64
    tree = leaves & (ports > down)  # leaves of rows; columns need one switch each
    assert (ports[tree] == 2 * down[tree]).all()
    assert fabric.network.coordinates is not None
    assert len(fabric.network.coordinates) == fabric.switches


def test_lines_beyond_two_levels(make: Make) -> None:
    with pytest.raises(InfeasibleError, match=r"two levels of 8-port switches join 32"):
        make("hamming_mesh", nodes=17, gpus=1, board=[1, 1], boards=[17, 1], radix=8)


def test_boards_hold_exactly_the_accelerators(make: Make) -> None:
    with pytest.raises(ConfigError, match="hold 64 accelerators, one NIC each; the nodes have 60 NICs") as caught:
        make("hamming_mesh", nodes=15, gpus=4, boards=[4, 4])
    assert caught.value.field == "scale_out.boards"
    with pytest.raises(ConfigError, match="p means nothing here"):
        make("hamming_mesh", nodes=16, gpus=4, p=2)


def test_levels(make: Make) -> None:
    fabric = make("hamming_mesh", nodes=16, gpus=4)
    assert [level.name for level in fabric.locality.levels()] == ["nvlink4", "board", "network"]
    assert fabric.group(range(64)).levels[-1].accelerators == 64
    assert fabric.node("group3/host0/gpu1").links
    assert make("hamming_mesh", nodes=1, gpus=4).switches == 0
