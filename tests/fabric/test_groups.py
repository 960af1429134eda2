"""Groups against brute force: units are connected components, latencies are shortest paths."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError, WeftError
from weft.fabric import Cluster, Domain, Fabric, Kind, build_fabric

Make = Callable[..., Fabric]
LINKS_OF_TIER = {
    "leaf": ("nic-leaf",),
    "spine": ("nic-leaf", "leaf-spine"),
    "core": ("nic-leaf", "leaf-spine", "spine-core"),
}


def components(fabric: Fabric, names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Return, for each accelerator, which connected part of the graph of these link classes it is in."""
    wanted = [i for i, c in enumerate(fabric.link_classes) if c.name in names]
    rows = np.isin(fabric.links.link_class, wanted)
    src, dst = fabric.links.src[rows], fabric.links.dst[rows]
    label = np.arange(len(fabric.nodes))
    while True:
        before = label.copy()
        np.minimum.at(label, src, label[dst])
        label = label[label]
        if np.array_equal(before, label):
            return label[fabric.rows(Kind.ACCELERATOR)]


def shortest_s(fabric: Fabric, start: int) -> dict[int, float]:
    """Return one-way latencies from an accelerator to all others (Dijkstra), never through scale-up links."""
    gpus = fabric.rows(Kind.ACCELERATOR)
    indptr, links = fabric.csr
    best = {int(gpus[start]): 0.0}
    queue = [(0.0, int(gpus[start]))]
    while queue:
        so_far, here = heapq.heappop(queue)
        if so_far > best[here]:
            continue
        for row in links[indptr[here] : indptr[here + 1]]:
            if fabric.links.domain[row] == Domain.SCALE_UP:
                continue
            there = int(fabric.links.dst[row])
            after = so_far + float(fabric.links.latency_s[row])
            if after < best.get(there, np.inf):
                best[there] = after
                heapq.heappush(queue, (after, there))
    return {index: best[int(row)] for index, row in enumerate(gpus) if int(row) in best}


@settings(max_examples=40, deadline=None)
@given(
    topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised"]),
    nodes=st.integers(2, 24),
    gpus=st.sampled_from([1, 2, 4]),
    radix=st.sampled_from([4, 8, 16]),
    data=st.data(),
)
def test_p2p_latency_is_the_shortest_path(
    make: Make, topology: str, nodes: int, gpus: int, radix: int, data: st.DataObject
) -> None:
    try:
        fabric = make(topology, nodes=nodes, gpus=gpus, radix=radix)
    except WeftError:
        return
    start = data.draw(st.integers(0, nodes * gpus - 1))
    found = shortest_s(fabric, start)
    for other in range(nodes * gpus):
        if other // gpus == start // gpus:
            continue
        assert fabric.p2p(start, other).latency_s == pytest.approx(found[other], rel=1e-12)


@settings(max_examples=80, deadline=None)
@given(
    topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised"]),
    nodes=st.integers(2, 24),
    gpus=st.sampled_from([1, 2, 4]),
    radix=st.sampled_from([4, 8, 16]),
    data=st.data(),
)
def test_units_are_the_connected_parts(
    make: Make, topology: str, nodes: int, gpus: int, radix: int, data: st.DataObject
) -> None:
    """Without rails in play a level's units are what its own links connect; with rails aligned, scale-up links help."""
    try:
        fabric = make(topology, nodes=nodes, gpus=gpus, radix=radix)
    except WeftError:
        return
    total = nodes * gpus
    ranks = np.array(data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=total, unique=True)))
    group = fabric.group(ranks)
    rails_of = {node: {int(r) % gpus for r in ranks if r // gpus == node} for node in {int(r) // gpus for r in ranks}}
    aligned = len({frozenset(rails) for rails in rails_of.values()}) == 1
    assert group.ranks == len(ranks)
    assert group.levels[-1].units == 1
    assert group.levels[0].ranks == max(np.bincount(ranks // gpus))
    assert group.levels[0].units == len(rails_of)
    for inner, outer in zip(group.levels, group.levels[1:], strict=False):
        assert inner.ranks <= outer.ranks
        assert inner.units >= outer.units
    for level in group.levels[1:]:
        names = ("gpu-nic", *LINKS_OF_TIER[level.name]) + (("gpu-scaleup",) if aligned else ())
        part = components(fabric, names)[ranks]
        assert level.units == len(np.unique(part))
        assert level.ranks == max(np.unique(part, return_counts=True)[1])


def test_order_does_not_matter(make: Make) -> None:
    fabric = make("rail_optimised", nodes=12, radix=16)
    ranks = np.arange(96)
    shuffled = np.random.default_rng(7).permutation(ranks)
    assert fabric.group(ranks) == fabric.group(shuffled) == fabric.group(range(96))


def test_rails(make: Make) -> None:
    """64-port leaves: units of 32 nodes."""
    fabric = make("rail_optimised", nodes=64, radix=64, protocol="infiniband", switch="nv_qm9700")

    def names(ranks: Any) -> list[tuple[str, int, int]]:
        return [(level.name, level.ranks, level.units) for level in fabric.group(ranks).levels]

    assert names(range(8)) == [("nvlink4", 8, 1)]
    assert names(range(0, 128, 8)) == [("nvlink4", 1, 16), ("leaf", 16, 1)]
    assert names(range(128)) == [("nvlink4", 8, 16), ("leaf", 128, 1)]
    assert names(range(0, 512, 8)) == [("nvlink4", 1, 64), ("leaf", 32, 2), ("spine", 64, 1)]
    assert names(range(512)) == [("nvlink4", 8, 64), ("leaf", 256, 2), ("spine", 512, 1)]
    assert names([0, 9]) == [("nvlink4", 1, 2), ("leaf", 1, 2), ("spine", 2, 1)]
    assert fabric.group(range(512)).nics_per_unit == 8


def test_planes_join_rails_only_inside_nodes(make: Make) -> None:
    fabric = make("rail_optimised", nodes=8, gpus=4, radix=8, planes=True)
    assert [level.name for level in fabric.group(range(32)).levels] == ["nvlink4", "leaf", "spine"]
    assert fabric.group([0, 5]).levels[-1].units == 1


def test_levels_carry_rate_and_reduction(make: Make) -> None:
    fabric = make("leaf_spine", nodes=4, radix=32, in_network_reduction=True)
    inner, outer = fabric.group(range(32)).levels[0], fabric.group(range(32)).levels[-1]
    assert inner.rate_Bps == 450e9
    assert inner.reduces
    assert outer.rate_Bps == 50e9
    assert outer.reduces
    assert not make("leaf_spine", nodes=4).group(range(32)).levels[-1].reduces


def test_shared_nics_share_their_rate(make: Make) -> None:
    fabric = make("leaf_spine", nodes=4, gpus=8, nics=2, radix=32)
    assert fabric.p2p(0, 8).rate_Bps == 2 * 50e9 / 8
    many = make("leaf_spine", nodes=2, gpus=2, nics=8, radix=32)
    assert many.p2p(0, 2).rate_Bps == 8 * 50e9 / 2


def test_a_full_mesh_gives_a_pair_its_own_link_only() -> None:
    spec = {"nodes": 1, "node": {"system": "mi300x_platform"}}
    fabric = build_fabric(Cluster.model_validate(spec))
    assert fabric.plan.scale_up.kind == "full_mesh"
    assert fabric.p2p(0, 1).rate_Bps == pytest.approx(448e9 / 7)
    assert fabric.group(range(8)).scale_up.rate_Bps == pytest.approx(448e9)
    assert fabric.group(range(4)).scale_up.rate_Bps == pytest.approx(3 * 448e9 / 7)
    assert fabric.cables(Domain.SCALE_UP) == 28


def test_no_scale_up_makes_each_accelerator_its_own_unit() -> None:
    node = {"accelerator": "h100_sxm", "accelerators": 4, "scale_up": {"kind": "none"}, "nics": 4}
    fabric = build_fabric(Cluster.model_validate({"nodes": 2, "node": node, "scale_out": {"topology": "leaf_spine"}}))
    group = fabric.group(range(8))
    assert (group.scale_up.ranks, group.scale_up.units) == (1, 8)
    assert group.levels[-1].name == "leaf"


def test_16k_ranks_group_quickly(make: Make) -> None:
    import time

    fabric = make("rail_optimised", nodes=2048, radix=64)
    fabric.group(range(8))
    start = time.process_time()
    for _ in range(5):
        fabric.group(np.arange(16384))
    assert (time.process_time() - start) / 5 < 0.1


@pytest.mark.parametrize("ranks", [[], [0, 0], [-1], [99], ["a"], [0.5], np.zeros((2, 2), int)])
def test_bad_ranks_are_refused(make: Make, ranks: Any) -> None:
    with pytest.raises(ConfigError, match="ranks"):
        make("leaf_spine", nodes=2).group(ranks)
