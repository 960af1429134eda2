"""Several sites: parts of the nodes, fibre latency, ports, and bandwidth between halves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.economics import bill_of_materials
from weft.errors import ConfigError, InfeasibleError, UnknownName, WeftError
from weft.fabric import Cluster, Domain, Fabric, Kind, build_fabric, load_cluster
from weft.fabric.sites import site_nodes

sys.path.insert(0, str(Path(__file__).parent / "topologies"))
from flows import components, max_flow_Bps

AB = [{"name": "a"}, {"name": "b"}]


def cluster(nodes: int = 8, gpus: int = 4, sites: Any = AB, long_haul: Any = None, **scale_out: Any) -> Cluster:
    node = {"accelerator": "h100_sxm", "accelerators": gpus, "nic": "cx7", "nics": gpus}
    written = {"nodes": nodes, "node": node, "scale_out": {"topology": "leaf_spine", **scale_out}, "sites": sites}
    return Cluster.model_validate({**written, "long_haul": long_haul or {"links": 4, "distance": "80km"}})


def test_three_sites(root: Path) -> None:
    fabric = build_fabric(load_cluster(root / "examples/topologies/three-sites.yaml"))
    hosts = fabric.rows(Kind.HOST)
    site = fabric.nodes.parent[fabric.nodes.parent[hosts]]
    assert [int((site == row).sum()) for row in fabric.rows(Kind.SITE)] == [96, 48, 48]
    assert fabric.cables(Domain.LONG_HAUL) == 128 + 128 + 64
    assert components(fabric, np.flatnonzero(np.isin(fabric.nodes.kind, (Kind.LEAF, Kind.SPINE)))[:104]) == 1
    lengths = {link.length_m: link.cables for link in fabric.link_classes if link.domain == Domain.LONG_HAUL}
    assert lengths == {80e3: 256, 120e3: 64}
    assert fabric.bisection_Bps == 256 * 50e9  # north is half of the nodes
    names = {view.name for view in fabric.node("site1/unit0/host0/nic0").neighbors}
    assert any(name.startswith("site1/unit0/leaf") for name in names)


def test_light_takes_its_time() -> None:
    """80 km of fibre at 4.9 us/km, and what two transponders, error correction and one switch add."""
    fabric = build_fabric(cluster())
    spine, site = fabric.network.tiers[-2:]
    assert site.name == "site"
    assert 392e-6 < site.latency_s - spine.latency_s < 400e-6
    levels = fabric.group(range(fabric.accelerators)).levels
    assert levels[-1].name == "site"
    assert (levels[-1].ranks, levels[-1].units, levels[-2].units) == (32, 1, 2)
    assert fabric.p2p(0, 31).name == "site"
    assert fabric.p2p(0, 15).name != "site"


def test_the_farthest_pair_goes_through_the_middle() -> None:
    routes = [{"between": ["a", "b"]}, {"between": ["c", "b"], "distance": "20km"}]
    sites = [*AB, {"name": "c"}]
    fabric = build_fabric(cluster(9, 4, sites, {"links": 4, "distance": "80km", "routes": routes}))
    leaf, site = fabric.network.tiers[-2:]
    assert 100e3 * 4.9e-9 < site.latency_s - leaf.latency_s < 100e3 * 4.9e-9 + 20e-6


@settings(max_examples=25, deadline=None)
@given(
    nodes=st.integers(4, 14),
    share=st.sampled_from([0.3, 0.5, 0.8]),
    links=st.sampled_from([2, 4, 6]),
    topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised", "ocs"]),
    three=st.booleans(),
)
def test_bisection_is_the_maximum_flow_and_ports_suffice(
    nodes: int, share: float, links: int, topology: str, three: bool
) -> None:
    sites = [{"name": "a", "share": share}, {"name": "b", "share": 1 - share}]
    sites += [{"name": "c", "share": 0.4}] if three else []
    scale_out = {"topology": topology, "switch": "nv_qm8700", "rate": "200Gb/s", "protocol": "infiniband"}
    try:
        fabric = build_fabric(
            cluster(nodes, 4, sites, {"links": links, "distance": "80km", "rate": "200Gb/s"}, **scale_out)
        )
    except InfeasibleError:
        return
    switches = np.isin(fabric.nodes.kind, (Kind.LEAF, Kind.SPINE, Kind.CORE))
    assert np.bincount(fabric.links.src, minlength=len(fabric.nodes))[switches].max() <= 40
    assert fabric.bisection_Bps == pytest.approx(max_flow_Bps(fabric), rel=1e-9)


def test_full_spines_make_room_for_the_long_haul() -> None:
    """64 nodes a site fill 64-port spines to the last port; 128 links find room all the same."""
    haul = {"links": 128, "distance": "80km"}
    plain = build_fabric(cluster(128, 8, [{"name": "a"}], haul, protocol="infiniband"))
    fabric = build_fabric(cluster(256, 8, AB, haul, protocol="infiniband"))
    used = np.bincount(fabric.links.src, minlength=len(fabric.nodes))
    assert used[fabric.nodes.kind == Kind.SPINE].max() <= 64
    assert fabric.by_kind["spine"] > 2 * plain.by_kind["spine"]


def test_planes_are_joined_plane_by_plane() -> None:
    fabric = build_fabric(cluster(64, 8, AB, {"links": 16, "distance": "80km"}, topology="rail_only"))
    leaves = fabric.rows(Kind.LEAF)
    assert components(fabric, leaves) == 8


def test_transponders_and_their_lines_are_in_the_bill() -> None:
    lines = {line.kind: line for line in bill_of_materials(build_fabric(cluster())).lines if line.domain == "long-haul"}
    assert lines["transponder"].count == 8
    assert lines["transponder"].part == "coh_400zr"
    assert {"mux", "amplifier"} <= lines.keys()


@given(nodes=st.integers(3, 500), shares=st.lists(st.floats(0.1, 10), min_size=1, max_size=6))
def test_shares_add_up(nodes: int, shares: list[float]) -> None:
    sites = [{"name": str(i), "share": share} for i, share in enumerate(shares)]
    try:
        counts = site_nodes(cluster(nodes, 4, sites))
    except ConfigError:
        return
    assert sum(counts) == nodes
    assert all(abs(n - nodes * s / sum(shares)) < 1 for n, s in zip(counts, shares, strict=True))


def test_positions_give_the_distance() -> None:
    sites = [{"name": "a", "position": ["0km", "0km"]}, {"name": "b", "position": ["30km", "40km"]}]
    fabric = build_fabric(cluster(8, 4, sites, {"links": 2}))
    assert {link.length_m for link in fabric.link_classes if link.domain == Domain.LONG_HAUL} == {50e3}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"long_haul": {"links": 4}}, ConfigError, "long_haul.distance: how far is a from b?"),
        ({"sites": [{"name": "a"}, {"name": "a"}]}, ConfigError, "sites: two sites have the same name"),
        ({"sites": [{"name": "a", "nodes": 3}, {"name": "b", "nodes": 4}]}, ConfigError, "have 7 nodes, the cluster 8"),
        ({"sites": [{"name": "a", "nodes": 3}, {"name": "b"}]}, ConfigError, "of every site, or of none"),
        (
            {"long_haul": {"links": 4, "distance": "80km", "routes": [{"between": ["a", "c"]}]}},
            UnknownName,
            "long_haul.routes: unknown site 'c'",
        ),
        (
            {
                "sites": [*AB, {"name": "c"}],
                "long_haul": {"links": 4, "distance": "80km", "routes": [{"between": ["a", "b"]}]},
            },
            ConfigError,
            "no route leads to c",
        ),
        ({"long_haul": {"links": 4, "distance": "80km", "medium": "coh_zr"}}, ConfigError, "long_haul.medium: unknown"),
        ({"long_haul": {"links": 4, "distance": "9000km"}}, InfeasibleError, "reaches farthest"),
        ({"long_haul": {"links": 4, "distance": "80km", "rate": "3.2Tb/s"}}, InfeasibleError, "long_haul.rate"),
        ({"long_haul": {"links": 99_999, "distance": "80km"}}, InfeasibleError, "long_haul.links"),
    ],
)
def test_refusals(change: dict[str, Any], error: type[WeftError], says: str) -> None:
    with pytest.raises(error) as caught:
        build_fabric(cluster(**change))
    assert says in str(caught.value)


def test_sites_and_long_haul_need_each_other() -> None:
    node = {"accelerator": "h100_sxm", "accelerators": 4}
    scale_out = {"topology": "leaf_spine"}
    for more, says in (({"sites": AB}, "long_haul: say what"), ({"long_haul": {"links": 1}}, "long_haul: name the")):
        with pytest.raises(ConfigError, match=says):
            build_fabric(Cluster.model_validate({"nodes": 4, "node": node, "scale_out": scale_out, **more}))


def test_relabelling_sites_changes_nothing() -> None:
    def facts(fabric: Fabric) -> tuple[Any, ...]:
        return fabric.by_kind, fabric.bisection_Bps, sorted(str(link) for link in fabric.link_classes)

    renamed = [{"name": "south"}, {"name": "west"}]
    assert facts(build_fabric(cluster())) == facts(build_fabric(cluster(sites=renamed)))
