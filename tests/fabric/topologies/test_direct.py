"""What holds for every direct network: ports within the radix, all connected, groups, errors, the examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.economics import bill_of_materials
from weft.errors import InfeasibleError, WeftError
from weft.fabric import Cluster, Domain, Fabric, Kind, build_fabric, load_cluster
from weft.fabric.tables import SWITCHES

Make = Callable[..., Fabric]

small = st.integers(1, 6)
SHAPES = st.one_of(
    st.fixed_dictionaries({"topology": st.just("full_mesh")}, optional={"routers": small, "bundle": small}),
    st.fixed_dictionaries(
        {"topology": st.just("torus"), "dims": st.lists(small, min_size=1, max_size=4)},
        optional={"wrap": st.booleans(), "bundle": small},
    ),
    st.fixed_dictionaries(
        {"topology": st.just("hyperx"), "dims": st.lists(small, min_size=1, max_size=3)}, optional={"bundle": small}
    ),
    st.fixed_dictionaries({"topology": st.just("flattened_butterfly"), "n": st.integers(2, 4)}),
    st.fixed_dictionaries({"topology": st.just("dragonfly")}, optional={"a": small, "h": small, "g": small}),
    st.fixed_dictionaries(
        {"topology": st.just("dragonfly_plus")}, optional={"leaves": small, "spines": small, "h": small, "g": small}
    ),
    st.fixed_dictionaries({"topology": st.just("slim_fly")}, optional={"q": st.integers(3, 7)}),
    st.fixed_dictionaries({"topology": st.just("jellyfish")}, optional={"degree": small, "seed": small}),
    st.fixed_dictionaries({"topology": st.just("hamming_mesh"), "board": st.lists(small, min_size=2, max_size=2)}),
)


@settings(max_examples=200, deadline=None)
@given(
    shape=SHAPES,
    nodes=st.integers(1, 40),
    gpus=st.sampled_from([1, 2, 4]),
    radix=st.sampled_from([8, 16, 33, 64]),
    uplink=st.sampled_from([None, "200Gb/s", "800Gb/s"]),
)
def test_any_network_is_connected_and_within_its_ports(
    make: Make, brute: Any, shape: dict[str, Any], nodes: int, gpus: int, radix: int, uplink: str | None
) -> None:
    options = dict(shape, radix=radix)
    mesh = shape["topology"] == "hamming_mesh"
    if uplink and not mesh:
        options["uplink_rate"] = uplink
    try:
        fabric = make(options.pop("topology"), nodes=nodes, gpus=gpus, **options)
    except WeftError:
        return
    table, links = fabric.nodes, fabric.links
    outside = links.domain == Domain.SCALE_OUT
    used = np.zeros(len(table))
    np.add.at(used, links.src[outside], links.rate_Bps[outside] / (12.5e9 if mesh else 50e9))
    assert used[np.isin(table.kind, SWITCHES)].max(initial=0) <= radix + 1e-9
    vertices = np.append(fabric.rows(Kind.NIC), brute.switch_rows(fabric))
    far = brute.hops(brute.rates(fabric, vertices))
    assert (far >= 0).all()
    assert np.array_equal(links.src[0::2], links.dst[1::2])
    if fabric.network.coordinates is not None:
        assert len(fabric.network.coordinates) == fabric.switches
        assert len(np.unique(fabric.network.coordinates, axis=0)) == fabric.switches
    assert 0 <= fabric.bisection_Bps <= fabric.endpoints // 2 * 50e9
    bill = bill_of_materials(fabric)
    assert sum(line.count for line in bill.lines if line.kind == "switch") == fabric.switches


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, nodes=st.integers(1, 20), data=st.data())
def test_groups_are_laid_over_routers_groups_and_network(
    make: Make, shape: dict[str, Any], nodes: int, data: st.DataObject
) -> None:
    options = dict(shape)
    try:
        fabric = make(options.pop("topology"), nodes=nodes, gpus=2, **options)
    except WeftError:
        return
    ranks = data.draw(st.lists(st.integers(0, fabric.accelerators - 1), min_size=1, unique=True))
    group = fabric.group(ranks)
    assert group.levels[-1].ranks == len(ranks)
    latencies = [level.latency_s for level in group.levels[1:]]
    assert all(latency > 0 for latency in latencies)
    assert [level.units for level in group.levels] == sorted((level.units for level in group.levels), reverse=True)
    for tier in fabric.network.tiers:
        assert len(tier.unit) == fabric.endpoints
        assert tier.unit.max() < len(tier.uplink_Bps)


def test_groups_by_router_group_and_network(make: Make) -> None:
    fabric = make("dragonfly", nodes=72, gpus=1, p=2, a=4, h=2)
    assert [fabric.group(ranks).levels[-1].name for ranks in ([0, 1], [0, 7], [0, 8])] == ["router", "group", "network"]
    near, group, far = (fabric.p2p(0, other).latency_s for other in (1, 7, 71))
    assert near < group < far


def test_latency_adds_up_along_the_way(make: Make) -> None:
    """In a full mesh every two routers are one hop apart: host cable, router, cable, router, host cable."""
    fabric = make("full_mesh", nodes=8, gpus=1, routers=4)
    host = next(c for c in fabric.link_classes if c.name == "nic-router")
    hop = next(c for c in fabric.link_classes if c.name == "router-router")
    way = host.latency_up_s + hop.latency_up_s + host.latency_down_s
    assert fabric.p2p(0, 7).latency_s == pytest.approx(way + fabric.plan.nic_latency_s)


@pytest.mark.parametrize(("k", "share"), [(4, 1.0), (8, 1.0), (16, 0.5), (64, 0.125)])
def test_all_to_all_on_a_ring_is_held_to_its_bisection(make: Make, k: int, share: float) -> None:
    """Dally and Towles: uniform traffic on a k-ary n-cube may load each port up to 8 / k of a link."""
    assert make("torus", nodes=k, gpus=1, dims=[k]).group(range(k)).levels[-1].exchange == share


@pytest.mark.parametrize(
    ("topology", "options", "message"),
    [
        ("torus", {"dims": [2, 2]}, r"needs 18 ports \(16 to hosts, 2 to others\), .* has 16; lower p, bundle"),
        ("torus", {"dims": [4, 4], "p": 2}, "16 routers of 2 host ports hold 32 NICs, the nodes have 64; enlarge dims"),
        ("hyperx", {"dims": [17]}, r"needs 20 ports"),
        ("slim_fly", {"q": 11}, r"needs 26 ports \(9 to hosts, 17 to others\)"),
        ("dragonfly", {"p": 8, "a": 8, "h": 4, "g": 2}, r"needs 19 ports"),
        ("dragonfly_plus", {"p": 9, "leaves": 8, "spines": 8, "h": 1}, r"a leaf needs 17 ports"),
        ("torus", {"dims": [4_000_000, 100]}, "400,000,000 routers are more than"),
        ("full_mesh", {"routers": 90_000}, "cables are more than"),
    ],
)
def test_what_does_not_fit(make: Make, topology: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InfeasibleError, match=message):
        make(topology, nodes=64, gpus=1, radix=16, **options)


def test_a_port_error_names_the_switch_and_the_way_out(make: Make) -> None:
    with pytest.raises(InfeasibleError, match=r"Arista 7060X6-64PE.* has 128; lower q or p or name a larger switch"):
        make("slim_fly", nodes=64, gpus=1, q=83)


@pytest.mark.parametrize(
    "name",
    [
        "full_mesh", "torus", "hyperx", "flattened_butterfly", "dragonfly", "dragonfly_plus", "slim_fly", "jellyfish",
        "hamming_mesh", "edge_list",
    ],
)  # fmt: skip
def test_examples_are_shown(weft: Callable[..., Any], root: Path, name: str) -> None:
    path = root / f"examples/topologies/{name}.yaml"
    ran = weft("fabric", "show", path)
    assert ran.code == 0
    assert name in ran.out
    fabric = build_fabric(load_cluster(path))
    assert f"{fabric.switches} (" in ran.out


def test_a_large_network_builds_by_whole_arrays() -> None:
    """131,072 GPUs on a 32 × 32 × 32 torus: 32,768 routers, 98,304 links between them."""
    cluster = {"nodes": 16384, "node": {"system": "dgx_h100"}, "scale_out": {"topology": "torus", "dims": [32, 32, 32]}}
    fabric = build_fabric(Cluster.model_validate(cluster))
    assert fabric.cables(between_switches=True) == 3 * 32768
    assert fabric.accelerators == 131072
