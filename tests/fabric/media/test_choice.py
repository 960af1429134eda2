"""Which medium a link gets: every one reaches, the cheapest is the cheapest of all, cages are as they are in metal."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.catalog import Part, load_catalog
from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.fabric import Cluster, Domain, Fabric, build_fabric
from weft.fabric.cabling import link_quality
from weft.fabric.cabling.ends import End
from weft.fabric.cabling.options import Option, Request, options
from weft.fabric.cabling.policy import POLICIES, SOLD, Policy
from weft.fabric.media import link_latency_s

Placed = Callable[..., Fabric]
CATALOG = load_catalog()
GBPS = 1e9 / 8
SINGLE, TWIN = End(8, 400 * GBPS, is_host=True), End(32, 800 * GBPS, crowded=True)
FIBRE_PAIR_USD = 10.0  # passives_mpo


def _network_media(fabric: Fabric) -> list[Any]:
    return [link for link in fabric.link_classes if link.domain == Domain.SCALE_OUT]


@settings(max_examples=40, deadline=None)
@given(
    nodes=st.integers(2, 80),
    pitch=st.integers(1, 30),
    per_row=st.integers(1, 20),
    policy=st.sampled_from(POLICIES),
    topology=st.sampled_from(["leaf_spine", "rail_optimised", "dragonfly", "fat_tree"]),
)
def test_every_chosen_medium_reaches_and_carries_its_link(
    nodes: int, pitch: int, per_row: int, policy: str, topology: str
) -> None:
    spec = {
        "nodes": nodes,
        "node": {"system": "dgx_h100"},
        "scale_out": {"topology": topology},
        "floor_plan": {"row_pitch": f"{pitch}m", "racks_per_row": per_row},
        "media": policy,
    }
    fabric = build_fabric(Cluster.model_validate(spec))
    assert sum(link.cables for link in fabric.link_classes) == len(fabric.links) // 2
    for link in _network_media(fabric):
        ends = ((link.medium, link.lower_share), (link.upper_medium or link.medium, link.upper_share))
        for medium, share in ends:
            part = fabric.catalog.get("media", medium)
            assert part.si("reach_m") >= link.length_m
            assert part.si("rate_gbps_port") >= link.rate_Bps * share * (1 - 1e-9)


# --- brute force: every pair of parts, every sharing, by the rules of the hardware alone


def _brute(rate: float, parallel: int, length_m: float, figure: str) -> float:
    """The least cost or power of a link from a single-port NIC cage to a crowded twin-port switch cage, NDR lanes."""
    best = math.inf
    sold = [part for part in CATALOG.parts("media") if part.text("cls") in SOLD and part.has("rate_gbps_port")]
    for part in sold:
        speed, lane = part.si("rate_gbps_port"), part.si("rate_gbps_lane") if part.has("rate_gbps_lane") else 0
        linear = part.text("cls") in ("passive_dac", "acc", "lpo")
        if part.si("reach_m") < length_m or (linear and lane != 100 * GBPS):
            continue
        if part.text("cls") in ("passive_dac", "acc", "aec", "aoc") and speed == 800 * GBPS:
            # an 800G trunk end in the switch, a 400G leg to each of two NICs
            each = part.si("price_usd") / 2 if figure == "cost" else part.si("power_w_per_end")
            best = min(best, each)
    for low, high in itertools.product(sold, sold):
        if not _face(low, high) or min(low.si("reach_m"), high.si("reach_m")) < length_m:
            continue
        if low.si("rate_gbps_port") != rate or high.si("rate_gbps_port") != 2 * rate:
            continue
        if figure == "cost":
            lanes = low.si("lanes") if low.has("lanes") else 1
            best = min(best, low.si("price_usd") + high.si("price_usd") / 2 + lanes * FIBRE_PAIR_USD)
        else:
            best = min(best, low.si("power_w_per_end") + high.si("power_w_per_end") / 2)
    return best


def _face(low: Part, high: Part) -> bool:
    """True for modules of one class, fibre and lane rate."""
    cables = ("passive_dac", "acc", "aec", "aoc")
    if low.text("cls") in cables or low.text("cls") != high.text("cls"):
        return False
    if low.text("interface") != high.text("interface"):
        return False
    lanes = [part.si("rate_gbps_lane") if part.has("rate_gbps_lane") else 0 for part in (low, high)]
    return lanes[0] == lanes[1] and (low.text("cls") != "lpo" or lanes[0] == 100 * GBPS)


@pytest.mark.parametrize("length_m", [1, 2, 2.5, 3, 5, 7, 10, 30, 50, 70, 100, 300, 500])
@pytest.mark.parametrize(("policy", "figure"), [("cheapest", "cost"), ("lowest_power", "power")])
def test_the_best_is_the_best_by_brute_force(length_m: float, policy: str, figure: str) -> None:
    request = Request(400 * GBPS, SINGLE, TWIN, parallel=1, lane_Bps=100 * GBPS)
    rule = Policy(policy)
    found = rule.best([way for way in options(CATALOG, request) if rule.allows(way)], length_m)
    assert found is not None
    value = found.cost_usd if figure == "cost" else found.power_w
    assert value == pytest.approx(_brute(400 * GBPS, 1, length_m, figure))


def test_copper_then_active_copper_then_optics_then_coherent_as_links_grow() -> None:
    request = Request(400 * GBPS, SINGLE, TWIN, parallel=1, lane_Bps=100 * GBPS)
    ways = [way for way in options(CATALOG, request) if Policy().allows(way)]
    classes = []
    for length_m in (1.0, 5.0, 20.0, 400.0, 80e3, 400e3):
        best = Policy().best(ways, length_m)
        assert best is not None
        classes.append(best.medium.text("cls"))
    assert classes[:2] == ["passive_dac", "aec"]
    assert set(classes[2:4]) <= {"aoc", "dsp_pluggable", "lpo", "lro"}
    assert classes[4:] == ["dci_coherent", "dci_coherent"]


def test_a_longer_link_never_costs_less() -> None:
    request = Request(400 * GBPS, SINGLE, TWIN, parallel=1, lane_Bps=100 * GBPS)
    ways = [way for way in options(CATALOG, request) if Policy().allows(way)]
    costs = [Policy().best(ways, length_m) for length_m in (0.5, 2, 3, 5, 7, 30, 50, 100, 500, 2000, 100e3)]
    assert [way.cost_usd for way in costs if way] == sorted(way.cost_usd for way in costs if way)


# --- cages


def _ways(request: Request, cls: str) -> list[Option]:
    return [way for way in options(CATALOG, request) if way.medium.text("cls") == cls]


def test_a_twin_port_module_serves_two_links_and_a_single_one_faces_it() -> None:
    request = Request(400 * GBPS, SINGLE, TWIN, lane_Bps=100 * GBPS)
    ways = {(w.medium.id, w.upper.id): w for w in _ways(request, "dsp_pluggable")}
    way = ways["optic_400g_dr4_dsp", "optic_800g_dr8_dsp"]
    assert (way.lower_share, way.upper_share) == (1, 2)
    assert not [pair for pair in ways if pair[1] == "optic_400g_dr4_dsp"]  # it would waste half a cage that is needed


def test_an_800g_port_splits_into_two_of_400g_by_a_splitter_only_where_legs_go_to_single_cages() -> None:
    splitter = _ways(Request(400 * GBPS, SINGLE, TWIN, lane_Bps=100 * GBPS), "passive_dac")
    assert [(w.medium.id, w.lower_share, w.upper_share) for w in splitter] == [("dac_800g_osfp_100g_pam4", 1, 2)]
    assert splitter[0].cost_usd == CATALOG.get("media", "dac_800g_osfp_100g_pam4").si("price_usd") / 2
    # between two switches whose every cage must serve two links, one cable needs two links between the same two
    between = Request(400 * GBPS, TWIN, TWIN, parallel=1, lane_Bps=100 * GBPS)
    assert not _ways(between, "passive_dac")
    bundled = Request(400 * GBPS, TWIN, TWIN, parallel=2, lane_Bps=100 * GBPS)
    assert {(w.lower_share, w.upper_share) for w in _ways(bundled, "passive_dac")} == {(2, 2)}


def test_unretimed_copper_needs_the_hosts_own_lanes() -> None:
    lanes = {w.medium.id for w in _ways(Request(400 * GBPS, SINGLE, SINGLE, lane_Bps=50 * GBPS), "passive_dac")}
    assert lanes == {"dac_400g_qsfpdd_50g_pam4"}
    lanes = {w.medium.id for w in _ways(Request(400 * GBPS, SINGLE, SINGLE, lane_Bps=100 * GBPS), "passive_dac")}
    assert lanes == {"dac_800g_osfp_100g_pam4"}  # nothing slower has such lanes


def test_a_switch_with_optics_inside_takes_nothing_but_its_engines(placed: Placed) -> None:
    fabric = placed(nodes=64, switch="nv_q3450_cpo", node={"system": "dgx_h100", "nic": "cx8"})
    media = {(link.name, link.medium, link.upper_medium) for link in _network_media(fabric)}
    classes = {
        (name, fabric.catalog.get("media", low).text("cls"), fabric.catalog.get("media", high or low).text("cls"))
        for name, low, high in media
    }
    assert ("leaf-spine", "cpo", "cpo") in classes
    assert ("nic-leaf", "dsp_pluggable", "cpo") in classes
    assert len(classes) == 2


def test_co_packaged_optics_are_not_chosen_for_switches_with_cages(placed: Placed) -> None:
    fabric = placed(nodes=128, media="lowest_power")
    assert "cpo" not in {fabric.catalog.get("media", link.medium).text("cls") for link in _network_media(fabric)}


# --- what users write


def test_a_policy_by_tier(placed: Placed) -> None:
    fabric = placed(nodes=128, media={"host": "lpo", "spine": ["lowest_power", "dsp_pluggable", "microled"]})
    by_name = {link.name: fabric.catalog.get("media", link.medium).text("cls") for link in _network_media(fabric)}
    assert by_name == {"nic-leaf": "lpo", "leaf-spine": "microled"}


def test_a_policy_without_places_works_on_the_usual_lengths(make: Callable[..., Fabric]) -> None:
    spec = {"nodes": 16, "node": {"system": "dgx_h100"}, "scale_out": {"topology": "leaf_spine"}, "media": "aoc"}
    fabric = build_fabric(Cluster.model_validate(spec))
    assert fabric.placement is None
    assert {link.medium for link in _network_media(fabric)} == {"aoc_800g_osfp"}


def test_the_topologys_own_medium_is_kept(placed: Placed) -> None:
    fabric = placed("leaf_spine", nodes=64, medium={"spine": "lpo_800g_dr8"})
    assert {link.medium for link in _network_media(fabric) if link.name == "leaf-spine"} == {"lpo_800g_dr8"}


@pytest.mark.parametrize("policy", POLICIES)
def test_the_aim_is_met_better_than_by_the_others(placed: Placed, policy: str) -> None:
    def figures(media: str) -> dict[str, float]:
        fabric = placed("leaf_spine", nodes=64, media=media)
        totals = dict.fromkeys(POLICIES, 0.0)
        for link in _network_media(fabric):
            request = Request(link.rate_Bps, TWIN, TWIN, parallel=2, lane_Bps=100 * GBPS)
            part = fabric.catalog.get("media", link.medium)
            way = next(w for w in options(fabric.catalog, request) if w.medium.id == w.upper.id == part.id)
            totals["cheapest"] += way.cost_usd * link.cables
            totals["lowest_power"] += way.power_w * link.cables
            totals["most_reliable"] += way.failures_per_s * link.cables
        return totals

    mine = figures(policy)[policy]
    assert all(mine <= figures(other)[policy] * (1 + 1e-9) for other in POLICIES)


@pytest.mark.parametrize(
    ("media", "error", "says"),
    [
        (
            "passive_dac",
            InfeasibleError,
            r"link host2/nic0 to leaf0 \(nic-leaf, 400 Gb/s, 2.5 m\): .*reaches 2 m; .*would",
        ),
        ("optic_800g_sr8", UnknownName, "did you mean"),
        ({"leav": "aoc"}, UnknownName, "did you mean 'leaf'"),
        ({"leaf": "d2d_ucie_standard"}, UnknownName, "media.leaf"),
        ({"leaf": 3}, ConfigError, "media"),
    ],
)
def test_what_cannot_be_is_refused(placed: Placed, media: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(Exception, match=says) as caught:
        placed("leaf_spine", nodes=64, media=media)
    assert isinstance(caught.value, error) or "validation error" in str(caught.value)


def test_nothing_reaches_between_continents_over_copper(placed: Placed) -> None:
    floor = {"racks_per_row": 4, "rows_per_hall": 1, "halls_per_site": 1, "sites": 9, "site_distance": "9000km"}
    with pytest.raises(InfeasibleError, match="nothing reaches; the farthest is coh_800zrplus"):
        placed("leaf_spine", nodes=64, floor=floor)


def test_light_is_slower_in_glass_than_electricity_in_copper_and_nothing_is_free() -> None:
    protocol = CATALOG.get("protocols", "ib_ndr")
    dac, optic = CATALOG.get("media", "dac_800g_osfp_100g_pam4"), CATALOG.get("media", "optic_800g_dr8_dsp")
    error_correction_s = CATALOG.get("media", "fec_rs272_ll").si("latency_ns")
    assert link_latency_s(CATALOG, dac, protocol, 2.0) == pytest.approx(2 * 4.6e-9 + error_correction_s)
    assert link_latency_s(CATALOG, optic, protocol, 2.0) == pytest.approx(2 * 4.9e-9 + 140e-9 + error_correction_s)


def test_failures_and_bit_errors_follow_from_the_medium(placed: Placed) -> None:
    fabric = placed("leaf_spine", nodes=64)
    for link in _network_media(fabric):
        part, quality = fabric.catalog.get("media", link.medium), link_quality(fabric.catalog, link)
        ends = 1 if part.text("price_unit") == "cable" else 2
        assert quality.fit == pytest.approx(part.fact("fit").typical * ends)
        assert quality.bit_errors == part.text("prefec_ber")
        assert 0 < quality.crossing_s < link.latency_up_s
        assert quality.error_limit == pytest.approx(2.4e-4)
