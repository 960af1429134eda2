"""Every rule is silent on a sound fabric and speaks on one broken in its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import UnknownName
from weft.fabric import Cluster, Fabric, Kind, build_fabric
from weft.fabric.checks import RULES, check
from weft.fabric.checks.graph import components, cut_points
from weft.fabric.placement import Placement
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import LinkTable, NodeTable

Placed = Callable[..., Fabric]


@pytest.fixture(scope="module")
def sound(placed: Placed) -> Fabric:
    return placed(nodes=64, unit_nodes=32)


def _with(
    fabric: Fabric,
    *,
    nodes: NodeTable | None = None,
    links: LinkTable | None = None,
    network: ScaleOut | None = None,
    placement: Placement | None = None,
    scale_out: dict[str, Any] | None = None,
) -> Fabric:
    """Return a fabric with something else in it."""
    plan = fabric.plan
    if scale_out is not None:
        cluster = plan.cluster.model_copy(update={"scale_out": {**(plan.cluster.scale_out or {}), **scale_out}})
        plan = replace(plan, cluster=cluster)
    return Fabric(
        plan,
        nodes or fabric.nodes,
        links or fabric.links,
        fabric.parts,
        network or fabric.network,
        placement or fabric.placement,
    )


def _rewired(fabric: Fabric, keep: np.ndarray[Any, Any], dst: np.ndarray[Any, Any] | None = None) -> LinkTable:
    """Return the links of some cables only, with other upper ends."""
    links = fabric.links
    upper = (links.dst[::2] if dst is None else dst)[keep]
    lower = links.src[::2][keep]
    src, to = np.empty(2 * len(lower), np.int32), np.empty(2 * len(lower), np.int32)
    src[::2], src[1::2], to[::2], to[1::2] = lower, upper, upper, lower
    return LinkTable(src, to, np.repeat(links.link_class[::2][keep], 2), links.classes)


def _found(fabric: Fabric, rule: str) -> list[tuple[str, str]]:
    return [(finding.severity, finding.where) for finding in check(fabric, [rule])]


def test_a_sound_fabric_passes_every_rule(sound: Fabric) -> None:
    assert check(sound) == []


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_it_wants(name: str) -> None:
    assert (RULES[name].__doc__ or "").strip().endswith(".")


def test_an_unknown_rule_is_refused(sound: Fabric) -> None:
    with pytest.raises(UnknownName, match="did you mean 'connected'"):
        check(sound, ["conected"])


def test_a_node_without_cables_is_not_connected(sound: Fabric) -> None:
    host = sound.node("unit1/host3")
    nics = [child.row for child in host.children if child.kind == Kind.NIC]
    to_leaf = np.isin(sound.links.src[::2], nics)
    broken = _with(sound, links=_rewired(sound, ~to_leaf))
    assert _found(broken, "connected") == [("error", "unit1/host3")]


def test_a_switch_without_cables_is_told(sound: Fabric) -> None:
    spine = sound.node("spine5").row
    broken = _with(sound, links=_rewired(sound, sound.links.dst[::2] != spine))
    assert _found(broken, "connected") == [("warning", "spine5")]


def test_too_many_links_on_a_switch(sound: Fabric) -> None:
    upper = sound.links.dst[::2].copy()
    upper[upper == sound.node("spine1").row] = sound.node("spine0").row
    broken = _with(sound, links=_rewired(sound, np.ones(len(upper), bool), upper))
    assert _found(broken, "ports_within_radix") == [("error", "spine0")]
    assert ("error", "spine0") in _found(broken, "cages_and_modules")


def test_single_port_modules_do_not_fit_a_full_switch(sound: Fabric) -> None:
    classes = tuple(replace(c, lower_share=1, upper_share=1) for c in sound.links.classes)
    links = sound.links
    broken = _with(sound, links=LinkTable(links.src, links.dst, links.link_class, classes))
    assert ("error", "unit0/leaf0") in _found(broken, "cages_and_modules")


def test_a_hot_module_is_a_warning(placed: Placed) -> None:
    fabric = placed("leaf_spine", nodes=64, switch="nv_sn5600", media="coh_800zr")
    assert {severity for severity, _ in _found(fabric, "cages_and_modules")} == {"warning"}


def test_a_cable_too_long_or_too_slow(sound: Fabric) -> None:
    links = sound.links
    long = tuple(replace(c, length_m=2000.0) if c.name == "leaf-spine" else c for c in links.classes)
    broken = _with(sound, links=LinkTable(links.src, links.dst, links.link_class, long))
    assert {severity for severity, _ in _found(broken, "medium_reaches")} == {"error"}
    slow = tuple(replace(c, medium="optic_100g_sr4") if c.name == "nic-leaf" else c for c in links.classes)
    broken = _with(sound, links=LinkTable(links.src, links.dst, links.link_class, slow))
    assert _found(broken, "medium_reaches")


def test_a_rack_over_its_power_or_space(sound: Fabric) -> None:
    placement = sound.placement
    assert placement is not None
    power_w = placement.rack_power_w.copy()
    power_w[3] = 45e3
    assert _found(_with(sound, placement=replace(placement, rack_power_w=power_w)), "rack_power") == [
        ("error", placement.rack_name(3))
    ]
    used = placement.rack_units_used.copy()
    used[2] = 49
    assert _found(_with(sound, placement=replace(placement, rack_units_used=used)), "rack_space") == [
        ("error", placement.rack_name(2))
    ]
    unit = placement.unit.copy()
    unit[sound.node("unit0/host1").row] = 5  # host 0 is at 1 to 8
    clash = check(_with(sound, placement=replace(placement, unit=unit)), ["rack_space"])
    assert "unit0/host0 and unit0/host1" in clash[0].what


def test_more_oversubscription_than_asked(make: Callable[..., Fabric]) -> None:
    fabric = make("leaf_spine", nodes=32, gpus=8, radix=24, oversubscription=2)
    assert _found(fabric, "oversubscription_as_asked") == []
    assert _found(_with(fabric, scale_out={"oversubscription": 1}), "oversubscription_as_asked") == [("error", "leaf")]


def test_a_crossed_rail(sound: Fabric) -> None:
    upper = sound.links.dst[::2].copy()
    a, b = (sound.node(f"unit0/host7/nic{n}").row for n in (2, 5))
    at = [int(np.flatnonzero(sound.links.src[::2] == nic)[-1]) for nic in (a, b)]
    upper[at] = upper[at[::-1]]
    broken = _with(sound, links=_rewired(sound, np.ones(len(upper), bool), upper))
    assert [severity for severity, _ in _found(broken, "rails_aligned")] == ["error"]
    assert "2 links" in check(broken, ["rails_aligned"])[0].what


def test_planes_that_touch(placed: Placed) -> None:
    fabric = placed(nodes=64, unit_nodes=32, planes=True)
    assert _found(fabric, "planes_disjoint") == []
    upper = fabric.links.dst[::2].copy()
    spines = fabric.rows(Kind.SPINE)
    first = np.flatnonzero(upper == spines[0])[0]
    upper[first] = spines[-1]
    broken = _with(fabric, links=_rewired(fabric, np.ones(len(upper), bool), upper))
    assert [severity for severity, _ in _found(broken, "planes_disjoint")] == ["error"]


def test_a_unit_larger_than_asked(sound: Fabric) -> None:
    assert _found(sound, "pod_limits") == []
    assert _found(_with(sound, scale_out={"unit_nodes": 16}), "pod_limits") == [("error", "unit0")]


def test_one_leaf_for_a_node_is_a_single_point_of_failure(placed: Placed) -> None:
    fabric = placed("leaf_spine", nodes=64)
    finding = check(fabric, ["single_points_of_failure"])[0]
    assert (finding.severity, finding.where) == ("warning", "leaf0")
    assert "8 nodes" in finding.what


def test_one_core_for_all_is_a_single_point_of_failure(sound: Fabric) -> None:
    """Rails of two units that meet in one spine only: its loss parts the units."""
    upper = sound.links.dst[::2].copy()
    leaf_up = sound.nodes.kind[upper] == Kind.SPINE
    spine = sound.node("spine3").row
    upper[leaf_up] = spine
    broken = _with(sound, links=_rewired(sound, np.ones(len(upper), bool), upper))
    found = check(broken, ["single_points_of_failure"])
    assert [finding.where for finding in found] == ["spine3"]
    assert "32 nodes" in found[0].what


def test_media_nobody_chose_are_warned_of_not_refused(make: Callable[..., Fabric]) -> None:
    spec = {"nodes": 32, "node": {"system": "dgx_h100"}, "scale_out": {"topology": "rail_optimised"}}
    findings = check(build_fabric(Cluster.model_validate(spec)), ["cages_and_modules"])
    assert {finding.severity for finding in findings} == {"warning"}


# --- the graph algorithms, against networkx

graphs = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.sets(st.sampled_from(sorted(combinations(range(n), 2)) or [(0, 0)]), max_size=24).map(
            lambda edges: {edge for edge in edges if edge[0] != edge[1]}
        ),
        st.sets(st.integers(0, n - 1)),
    )
)


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_components_and_cut_points_are_those_of_networkx(case: tuple[int, set[tuple[int, int]], set[int]]) -> None:
    count, edges, terminals = case
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges)
    a, b = np.array(sorted(edges), np.int64).reshape(-1, 2).T
    label = components(a, b, count)
    assert {frozenset(np.flatnonzero(label == value).tolist()) for value in set(label.tolist())} == set(
        map(frozenset, nx.connected_components(graph))
    )
    terminal = np.isin(np.arange(count), list(terminals))
    expected = []
    for vertex in range(count):
        around = nx.node_connected_component(graph, vertex) - {vertex}
        left = graph.subgraph(around)
        if sum(bool(part & terminals) for part in nx.connected_components(left)) > 1:
            expected.append(vertex)
    assert cut_points(a, b, count, terminal).tolist() == expected
