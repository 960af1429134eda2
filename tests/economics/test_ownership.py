"""Spares, rents, ownership and explanations: sums by hand, nothing unexplained."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.catalog import load_catalog
from weft.economics import bill_of_materials, cluster_capital_cost, ownership
from weft.economics.explaining import explain
from weft.economics.lines import total
from weft.economics.long_haul import line_system
from weft.economics.spares import spare_lines
from weft.errors import ConfigError
from weft.fabric import Cluster, Domain, Fabric, Prices, build_fabric

YEAR_S = 365.25 * 86400


def build(nodes: int = 4, node: dict[str, Any] | None = None, prices: Any = None, **scale_out: Any) -> Fabric:
    spec = {
        "nodes": nodes,
        "node": node or {"system": "dgx_h100"},
        "scale_out": {"topology": "leaf_spine", "protocol": "infiniband", **scale_out},
        "prices": prices or {},
    }
    return build_fabric(Cluster.model_validate(spec))


def test_three_years_by_hand() -> None:
    """Four DGX H100 under one QM9700: 317 kUSD and 8.5 kW a node, NICs inside; 36 kUSD and 747 W; 32 copper cables.

    Spares: one switch, one NIC, one cable.
    """
    fabric = build(prices={"pue": 1.5, "energy": "0.10USD/kWh", "carbon": "0.4kgCO2/kWh"})
    owned = ownership(fabric, years=3)
    capital = 4 * 317000 + 36000 + 32 * 150 + (36000 + 1700 + 150)
    it_w = 4 * 8500 + 747 + 32 * 2 * 0.1
    kwh = it_w * 1.5 / 1e3 * 365.25 * 24
    assert owned.capital_cost.typical == pytest.approx(capital)
    assert owned.grid_power_w.typical == pytest.approx(1.5 * it_w)
    assert owned.energy_per_year.typical == pytest.approx(kwh * 3.6e6)
    assert owned.carbon_per_year.typical == pytest.approx(kwh * 0.4)
    assert owned.total_cost.typical == pytest.approx(capital + 3 * kwh * 0.10)
    network = 36000 + 32 * 1700 + 32 * 150 + (36000 + 1700 + 150)
    network_kwh = (747 + 32 * 25 + 32 * 2 * 0.1) * 1.5 / 1e3 * 365.25 * 24
    assert owned.network_total_cost.typical == pytest.approx(network + 3 * network_kwh * 0.10)
    per_endpoint, per_Gbps = owned.network_cost_per_endpoint, owned.network_cost_per_Gbps
    assert per_endpoint is not None and per_endpoint.typical == pytest.approx(network / 32)
    assert per_Gbps is not None and per_Gbps.typical == pytest.approx(network / (16 * 400))


def test_ownership_grows_with_years_only_by_energy() -> None:
    fabric = build()
    one, two, ten = (ownership(fabric, years=years).total_cost.typical for years in (1, 2, 10))
    assert two - one == pytest.approx((ten - one) / 9)
    assert one < two < ten
    with pytest.raises(ConfigError, match="years"):
        ownership(fabric, years=0)


def test_a_lone_node_has_no_endpoint_to_divide_by() -> None:
    fabric = build_fabric(Cluster.model_validate({"nodes": 1, "node": {"system": "dgx_h100"}}))
    owned = ownership(fabric)
    assert owned.network_cost_per_endpoint is None
    assert owned.network_cost_per_Gbps is None
    assert owned.to_dict()["network_cost_usd_per_endpoint"] is None


@settings(max_examples=30, deadline=None)
@given(nodes=st.integers(1, 200), fraction=st.sampled_from([0.0, 0.01, 0.1, 1.0]))
def test_spares_are_a_fraction_rounded_up(nodes: int, fraction: float) -> None:
    kinds = ("switch", "nic", "cable", "module", "fibre")
    fabric = build(nodes, topology="fat_tree", prices={"spares": dict.fromkeys(kinds, fraction)})
    bill = bill_of_materials(fabric)
    in_use: dict[tuple[str, str], int] = {}
    for line in bill.lines:
        in_use[line.kind, line.part] = in_use.get((line.kind, line.part), 0) + line.count
    kept = {(line.use, line.part): line.count for line in bill.spares}
    assert kept == {key: math.ceil(n * fraction) for key, n in in_use.items() if fraction}
    assert bill.total_cost.typical == pytest.approx(bill.capital_cost.typical + bill.spares_cost.typical)
    assert all(line.power_w.typical == 0 for line in bill.spares)


def test_default_spares_are_the_catalogs() -> None:
    bill = bill_of_materials(build(64, topology="fat_tree"))
    fractions = load_catalog().get("planning", "spares")
    for spare in bill.spares:
        used = sum(line.count for line in bill.lines if (line.kind, line.part) == (spare.use, spare.part))
        assert spare.count == math.ceil(used * fractions.si(f"{spare.use}_pct"))
    assert spare_lines(load_catalog(), (), {}) == ()


def test_defaults_are_the_catalogs_planning_values() -> None:
    prices, cat = Prices(), load_catalog()
    assert prices.energy == pytest.approx(cat.get("planning", "energy").si("price_usd_per_kwh"))
    assert prices.carbon == pytest.approx(cat.get("planning", "energy").si("carbon_kg_per_kwh"))
    assert prices.pue == cat.get("planning", "building").si("pue_x")


@pytest.mark.parametrize("topology", ["leaf_spine", "fat_tree", "rail_optimised", "dragonfly"])
def test_every_line_rests_on_rows_that_give_its_figures(topology: str) -> None:
    fabric = build(64, topology=topology)
    bill = bill_of_materials(fabric)
    known = explain(fabric, bill)
    assert len(known) == len(bill.everything) + 5  # systems' price and power, energy, PUE, carbon
    for line, said in zip(bill.everything, known, strict=False):
        assert line.part in said.what
        assert said.rows, line
        assert {source for row in said.rows for source in row.sources} >= set(line.sources)
        for row in said.rows:
            part = fabric.catalog.get(row.kind, row.part)
            assert part.has(row.fact)
            assert row.published.low <= row.published.typical <= row.published.high
            assert row.confidence
        price = [row for row in said.rows if row.fact.startswith("price")]
        if len(price) == 1 and not any(row.fact == "lanes" for row in said.rows):
            assert line.unit_cost.typical == pytest.approx(price[0].published.typical)


def test_a_box_scaled_from_its_chip_says_so() -> None:
    fabric = build(switch="bcm_tomahawk5", protocol="roce")
    line = next(line for line in bill_of_materials(fabric).lines if line.kind == "switch")
    assert {"power_w_chip", "box_over_chip_x"} <= {row.fact for row in line.basis}


def test_a_users_own_price_of_energy_is_not_laid_to_the_catalog() -> None:
    fabric = build(prices={"energy": "0.2USD/kWh"})
    said = {each.what: each for each in explain(fabric, bill_of_materials(fabric))}
    assert said["energy price"].rows == ()
    assert "cluster file" in said["energy price"].note
    assert said["PUE"].rows[0].part == "building"


def test_optical_switches_of_a_tpu_pod_are_small_money() -> None:
    """ISCA 2023 has under 5 % of the cost and 3 % of the power; the catalog prices bare chips, so it is more here."""
    spec = {"nodes": 1, "node": {"system": "tpu_v4_pod", "nics": 0}}
    fabric = build_fabric(Cluster.model_validate(spec))
    bill = bill_of_materials(fabric)
    (ocs,) = [line for line in bill.lines if line.kind == "ocs"]
    assert ocs.count == 48
    links = sum(c.cables for c in fabric.link_classes if c.medium)
    assert sum(line.count for line in bill.lines if line.kind == "module") == 2 * links
    assert bill.cables == 0  # no scale-out
    assert 0 < ocs.cost.typical / cluster_capital_cost(fabric, bill).typical < 0.10
    assert 0 < ocs.power_w.typical / ownership(fabric).it_power_w.typical < 0.03


def test_scale_up_cables_carry_the_bandwidth_that_leaves_the_rack() -> None:
    """72 GPUs of 7.2 Tb/s over 800 Gb/s modules: 648 links, 1,296 modules."""
    medium = "optic_800g_dr8_dsp"
    node = {"system": "gb200_nvl72_rack", "nics": 0, "scale_up": {"medium": medium, "length": "10m"}}
    bill = bill_of_materials(build_fabric(Cluster.model_validate({"nodes": 1, "node": node})))
    (module,) = [line for line in bill.lines if line.kind == "module"]
    assert (module.count, module.domain) == (1296, "scale-up")
    inside = bill_of_materials(
        build_fabric(Cluster.model_validate({"nodes": 1, "node": {"system": "gb200_nvl72_rack"}}))
    )
    assert inside.lines == ()


def test_scale_up_of_a_cable_medium_takes_one_part_a_link() -> None:
    node = {"system": "gb200_nvl72_rack", "nics": 0, "scale_up": {"medium": "aoc_800g_osfp"}}
    bill = bill_of_materials(build_fabric(Cluster.model_validate({"nodes": 1, "node": node})))
    assert [(line.kind, line.count) for line in bill.lines] == [("cable", 648)]


def test_a_long_haul_route_by_hand() -> None:
    """100 wavelengths of 75 GHz over 200 km: two pairs, four multiplexers, 2 x 2 x 3 amplifiers."""
    cat = load_catalog()
    bought, rented = line_system(cat, cat.get("media", "coh_400zrplus"), 100, 200e3)
    assert {item.kind: item.count for item in bought} == {"mux": 4, "amplifier": 12}
    (fibre,) = rented
    assert fibre.count == 2
    assert fibre.cost.value.typical == pytest.approx(200 * 40 * 12)
    wide, _ = line_system(cat, cat.get("media", "coh_800zr"), 33, 80e3)
    assert {item.kind: item.count for item in wide} == {"mux": 4, "amplifier": 4}


@settings(max_examples=25, deadline=None)
@given(nodes=st.integers(1, 120), topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised", "multi_plane"]))
def test_the_bill_covers_every_link_once(nodes: int, topology: str) -> None:
    fabric = build(nodes, topology=topology)
    bill = bill_of_materials(fabric)
    assert bill.cables == fabric.cables()
    graph = int((fabric.links.domain == Domain.SCALE_OUT).sum()) // 2
    assert bill.cables == graph
    assert total(line.cost for line in bill.lines) == bill.capital_cost
    for line in bill.everything:
        assert line.count > 0
        assert 0 <= line.cost.low <= line.cost.typical <= line.cost.high
