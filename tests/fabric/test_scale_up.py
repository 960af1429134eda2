"""Scale-up domains: counts from closed forms and papers, rates and distances by brute force."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Cluster, Domain, Fabric, build_fabric
from weft.fabric.scale_up_grid import Grid, balanced_shape, grid_cables


def domain(nodes: int = 1, **node: Any) -> Fabric:
    spec = {"nodes": nodes, "node": node, "scale_out": {"topology": "leaf_spine"} if nodes > 1 else None}
    return build_fabric(Cluster.model_validate(spec))


def hops_between(nodes: int, edges: list[tuple[int, int]], a: int, b: int) -> int:
    """Breadth first."""
    near: dict[int, set[int]] = {v: set() for v in range(nodes)}
    for u, v in edges:
        near[u].add(v)
        near[v].add(u)
    reached, frontier, hops = {a}, {a}, 0
    while b not in reached:
        frontier = {v for u in frontier for v in near[u]} - reached
        reached |= frontier
        hops += 1
    return hops


def scale_up_cables(fabric: Fabric) -> int:
    return int((fabric.links.domain == Domain.SCALE_UP).sum()) // 2


def test_a_tpu_v4_pod_is_as_published() -> None:
    """ISCA 2023: 4,096 chips of six links, 64 racks of 4 x 4 x 4, 96 optical links a rack, 48 optical switches."""
    fabric = domain(system="tpu_v4_pod")
    cabling = fabric.plan.scale_up.cabling
    assert fabric.plan.scale_up.grid is not None and cabling is not None
    assert fabric.plan.scale_up.grid.shape == (16, 16, 16)
    assert scale_up_cables(fabric) == 4096 * 6 // 2
    between = [c for c in fabric.link_classes if c.name.startswith("cube-cube")]
    assert sum(c.cables for c in between) * 2 == 64 * 96
    assert (cabling.ocs.id if cabling.ocs else None, cabling.ocs_count) == ("google_palomar", 48)
    assert fabric.plan.scale_up.rate_Bps == pytest.approx(300e9)


@pytest.mark.parametrize(
    ("accelerator", "chips", "shape"),
    [("tpu_v5p", 8960, (16, 20, 28)), ("tpu_v7_ironwood", 9216, (16, 24, 24)), ("tpu_v5e", 256, (16, 16)),
     ("tpu_v6e", 256, (16, 16)), ("tpu_v4", 64, (4, 4, 4)), ("trainium2", 64, (4, 4, 4))],
)  # fmt: skip
def test_pods_have_the_published_shapes(accelerator: str, chips: int, shape: tuple[int, ...]) -> None:
    fabric = domain(accelerator=accelerator, accelerators=chips)
    assert fabric.plan.scale_up.kind == "torus"
    assert fabric.plan.scale_up.grid is not None
    assert fabric.plan.scale_up.grid.shape == shape
    assert scale_up_cables(fabric) == chips * len(shape)


@settings(max_examples=60, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=3), wraps=st.booleans(), data=st.data())
def test_hops_between_two_are_those_of_the_graph(shape: list[int], wraps: bool, data: st.DataObject) -> None:
    n = math.prod(shape)
    if n < 2:
        return
    grid = Grid(tuple(shape), wraps, (1.0,) * len(shape), 1.0)
    edges = [
        pair for d in range(len(shape)) for pair in zip(*map(np.ndarray.tolist, grid_cables(grid, d)), strict=True)
    ]
    assert len(edges) == grid.links
    a, b = sorted(data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True)))
    _, latency_s, exchange = grid.seen_by(np.array([a, b]))
    assert latency_s == hops_between(n, edges, a, b)
    assert exchange == 1


@settings(max_examples=40, deadline=None)
@given(shape=st.lists(st.integers(2, 5), min_size=1, max_size=3), wraps=st.booleans())
def test_all_to_all_is_bound_by_the_busiest_link(shape: list[int], wraps: bool) -> None:
    """Route every pair dimension by dimension, splitting ties both ways; the busiest link sets the pace."""
    grid = Grid(tuple(shape), wraps, (1.0,) * len(shape), 1.0)
    n = math.prod(shape)
    load: dict[tuple[int, int, int], float] = {}
    places = list(itertools.product(*map(range, shape)))
    for src, dst in itertools.product(places, places):
        at = list(src)
        for d, k in enumerate(shape):
            for way, share in _ways(at[d], dst[d], k, wraps):
                here = at[d]
                while here != dst[d]:
                    line = places.index((*dst[:d], here, *src[d + 1 :]))
                    load[line, d, way] = load.get((line, d, way), 0.0) + share
                    here = (here + way) % k
            at[d] = dst[d]
    # every accelerator sends n - 1 parts at the pace at which the busiest link passes its load
    busiest = max(load.values())  # in a ring of two, the ways up and down are two links
    rate, _, exchange = grid.seen_by(np.arange(n))
    if n > 2:
        assert rate * exchange == pytest.approx(min(rate, (n - 1) / busiest), rel=1e-9)


def _ways(a: int, b: int, k: int, wraps: bool) -> list[tuple[int, float]]:
    up = (b - a) % k
    if a == b:
        return []
    if not wraps:
        return [(1 if b > a else -1, 1.0)]
    if 2 * up == k:
        return [(1, 0.5), (-1, 0.5)]
    return [(1 if 2 * up < k else -1, 1.0)]


def test_groups_in_a_torus() -> None:
    fabric = domain(accelerator="tpu_v4", accelerators=64)
    link = 50e9
    whole = fabric.group(range(64)).scale_up
    assert whole.rate_Bps == pytest.approx(6 * link)  # three closed rings, both ways
    line = fabric.group(range(4)).scale_up
    assert line.rate_Bps == pytest.approx(2 * link)  # one closed ring
    part = fabric.group(range(3)).scale_up
    assert part.rate_Bps == pytest.approx(link)  # an open line
    plane = fabric.group(range(16)).scale_up
    assert plane.rate_Bps == pytest.approx(4 * link)
    assert plane.latency_s == pytest.approx(fabric.p2p(0, 1).latency_s)
    assert fabric.p2p(0, 1).rate_Bps == pytest.approx(link)
    assert fabric.p2p(0, 63).latency_s == pytest.approx(3 * fabric.p2p(0, 1).latency_s)  # round the corner
    assert fabric.p2p(0, 42).latency_s == pytest.approx(6 * fabric.p2p(0, 1).latency_s)  # the far corner


def test_groups_over_two_tori_use_their_own_places() -> None:
    fabric = domain(nodes=2, accelerator="tpu_v4", accelerators=64)
    group = fabric.group([0, 1, 2, 3, 64, 65, 66, 67])
    assert group.scale_up.ranks == 4
    assert group.scale_up.units == 2
    assert group.scale_up.rate_Bps == pytest.approx(100e9)


def test_trainium_has_thinner_links_between_planes() -> None:
    fabric = domain(accelerator="trainium2", accelerators=64)
    rates = {c.name[-1]: c.rate_Bps for c in fabric.link_classes if c.domain == Domain.SCALE_UP}
    assert rates == {"x": 128e9, "y": 128e9, "z": 64e9}


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 3000), sides=st.integers(1, 4))
def test_a_balanced_shape_holds_all_and_is_the_most_even(count: int, sides: int) -> None:
    shape = balanced_shape(count, sides)
    assert math.prod(shape) == count
    assert list(shape) == sorted(shape)
    if sides == 2:
        best = min(a + count // a for a in range(1, count + 1) if count % a == 0)
        assert sum(shape) == best


@pytest.mark.parametrize(("pods", "planes"), [(8, 8), (128, 8), (256, 8), (257, 16), (512, 16), (513, 32), (1024, 32)])
def test_ualink_pods(pods: int, planes: int) -> None:
    """800 GB/s are 32 lanes of 200 Gb/s: eight stations of four; 1,024 lanes of a switch join 256 of them."""
    fabric = domain(accelerator="mi300x", accelerators=pods, scale_up={"kind": "ualink", "rate": "800GB/s"})
    assert fabric.plan.scale_up.switches == planes
    assert scale_up_cables(fabric) == pods * planes
    assert fabric.group(range(pods)).scale_up.rate_Bps == pytest.approx(800e9)


def test_nvl72_and_larger_domains() -> None:
    rack = domain(system="gb200_nvl72_rack")
    assert (rack.plan.scale_up.switches, scale_up_cables(rack)) == (18, 1296)
    eight = domain(system="gb200_nvl72_rack", accelerators=576)
    assert scale_up_cables(eight) == 576 * 18
    assert eight.plan.scale_up.rate_Bps == rack.plan.scale_up.rate_Bps
    assert eight.plan.scale_up.chips == 16 + 8  # two tiers of 72 ports: 576 / 36 below, 576 / 72 above
    kyber = domain(system="rubin_ultra_kyber")
    assert kyber.accelerators == 144


def test_packages_and_wafers_are_meshes() -> None:
    package = domain(accelerator="b200_hgx", accelerators=6, scale_up={"kind": "chiplet", "modules": 2})
    grid = package.plan.scale_up.grid
    assert grid is not None and grid.shape == (2, 3) and scale_up_cables(package) == 7
    assert grid.link_Bps[0] == pytest.approx(2 * 2048e9 / 8)  # two modules of 64 lanes at 32 GT/s
    wafer = domain(accelerator="cerebras_wse3_die", scale_up={"shape": [12, 7]})
    mesh = wafer.plan.scale_up.grid
    assert mesh is not None and scale_up_cables(wafer) == 11 * 7 + 12 * 6
    # all links of the wafer, both ways, are its published 214 Pb/s: a row of cores has one link less than cores
    cores = 900_000
    assert mesh.link_Bps[0] / math.sqrt(cores / 84) * 8 * cores == pytest.approx(214e15 / 8)


def test_links_that_leave_the_rack_take_longer_and_say_so() -> None:
    near = domain(system="gb200_nvl72_rack")
    medium = "microled_mosaic_800g_paper"
    far = domain(system="gb200_nvl72_rack", scale_up={"medium": medium, "length": "20m"})
    (link,) = [c for c in far.link_classes if c.domain == Domain.SCALE_UP]
    assert (link.medium, link.length_m) == (medium, 20)
    extra = far.plan.scale_up.latency_s - near.plan.scale_up.latency_s
    assert extra == pytest.approx(2 * (20 * 5e-9 + 10e-9))
    assert far.p2p(0, 1).latency_s == pytest.approx(far.plan.scale_up.latency_s)


@pytest.mark.parametrize(
    ("node", "error", "says"),
    [
        ({"accelerator": "tpu_v4", "accelerators": 64, "scale_up": {"shape": [4, 4]}}, ConfigError, "4 x 4 is 16"),
        ({"accelerator": "tpu_v4", "accelerators": 64, "scale_up": {"ocs": "google_palomar"}}, ConfigError, "cubes"),
        ({"accelerator": "tpu_v7_ironwood", "accelerators": 9216, "scale_up": {"ocs": "google_palomar"}},
         InfeasibleError, "288 ports"),
        ({"accelerator": "tpu_v4", "accelerators": 64, "scale_up": {"ocs": "no_such"}}, ConfigError, "cubes"),
        ({"system": "dgx_h100", "scale_up": {"shape": [2, 4]}}, ConfigError, "has no shape"),
        ({"system": "dgx_h100", "scale_up": {"modules": 2}}, ConfigError, "has no modules"),
        ({"accelerator": "mi300x", "accelerators": 1025, "scale_up": {"kind": "ualink"}}, InfeasibleError, "1,024"),
        ({"accelerator": "mi300x", "accelerators": 600, "scale_up": {"kind": "ualink", "switch": "ualink_switch_512"}},
         InfeasibleError, "512 lanes"),
        ({"system": "gb200_nvl72_rack", "scale_up": {"medium": "dac_800g_osfp_100g_pam4", "length": "10m"}},
         InfeasibleError, "reaches 3 m"),
        ({"system": "gb200_nvl72_rack", "scale_up": {"length": "-1m"}}, Exception, "length"),
        ({"accelerator": "b200_hgx", "accelerators": 4, "scale_up": {"kind": "chiplet", "medium": "prop_smf"}},
         ConfigError, "does not join dies"),
        ({"accelerator": "b200_hgx", "accelerators": 4, "scale_up": {"kind": "wafer", "medium": "prop_smf"}},
         ConfigError, "no wafer"),
    ],
)  # fmt: skip
def test_refused(node: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        domain(**node)
    assert says in str(caught.value)
