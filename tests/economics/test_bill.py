"""The bill of materials counts what the graph holds and prices it from the catalog."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.economics import bill_of_materials, network_cost_per_second
from weft.fabric import Cluster, Domain, Fabric, build_fabric


def build(nodes: int, system: str = "dgx_h100", **scale_out: Any) -> Fabric:
    spec: dict[str, Any] = {"nodes": nodes, "node": {"system": system}, "scale_out": scale_out or None}
    return build_fabric(Cluster.model_validate(spec))


@settings(max_examples=40, deadline=None)
@given(
    nodes=st.integers(1, 300),
    topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised"]),
    oversubscription=st.sampled_from([1, 2, 4]),
)
def test_the_bill_counts_every_switch_nic_and_cable(nodes: int, topology: str, oversubscription: float) -> None:
    fabric = build(nodes, topology=topology, oversubscription=oversubscription)
    bill = bill_of_materials(fabric)
    count = {
        kind: sum(line.count for line in bill.lines if line.kind == kind)
        for kind in ("switch", "nic", "module", "fibre")
    }
    assert count["switch"] == fabric.switches
    assert count["nic"] == fabric.endpoints
    assert bill.cables == fabric.cables() == sum(fabric.by_medium.values())
    assert count["module"] == 2 * count["fibre"]
    assert sum(c.cables for c in fabric.link_classes if c.domain == Domain.SCALE_OUT) * 2 == int(
        (fabric.links.domain == Domain.SCALE_OUT).sum()
    )
    cost = bill.capital_cost
    assert 0 < cost.low <= cost.typical <= cost.high
    assert bill.missing == ()


def test_by_hand() -> None:
    """Two DGX H100 under one QM9700: one switch, 16 NICs, 16 passive cables, at the catalog's prices."""
    bill = bill_of_materials(build(2, topology="leaf_spine", protocol="infiniband"))
    by_kind = {line.kind: line for line in bill.lines}
    assert {kind: line.count for kind, line in by_kind.items()} == {"switch": 1, "nic": 16, "cable": 16}
    assert bill.capital_cost.typical == pytest.approx(36000 + 16 * 1700 + 16 * 150)
    assert bill.capital_cost.low == pytest.approx(25000 + 16 * 1200 + 16 * 90)
    assert bill.network_power_w == pytest.approx(747 + 16 * 25 + 16 * 2 * 0.1)
    assert "sheet_h100" in by_kind["switch"].sources
    assert bill.cost_of("nic").typical == 16 * 1700
    assert bill.power_of("switch", "nic").typical == 747 + 400


def test_optics_come_in_pairs_with_fibre() -> None:
    bill = bill_of_materials(build(2, topology="leaf_spine", protocol="infiniband", medium="optic_400g_dr4_dsp"))
    module = next(line for line in bill.lines if line.kind == "module")
    fibre = next(line for line in bill.lines if line.kind == "fibre")
    assert (module.count, fibre.count) == (32, 16)
    assert module.power_w.typical == pytest.approx(32 * 8.1)
    assert fibre.power_w.typical == 0


def test_cost_and_power_grow_with_the_cluster() -> None:
    sizes = [build(nodes, topology="fat_tree") for nodes in (1, 8, 9, 64, 65, 512, 513, 2048)]
    costs = [bill_of_materials(fabric).capital_cost.typical for fabric in sizes]
    powers = [bill_of_materials(fabric).network_power_w for fabric in sizes]
    running = [network_cost_per_second(fabric).typical for fabric in sizes]
    assert costs == sorted(costs)
    assert powers == sorted(powers)
    assert running == sorted(running)


def test_oversubscription_never_costs_more() -> None:
    costs = [
        bill_of_materials(build(600, topology="fat_tree", oversubscription={"spine": o})).capital_cost.typical
        for o in (1, 2, 4, 8)
    ]
    assert costs == sorted(costs, reverse=True)


def test_scale_up_is_listed_but_not_charged() -> None:
    bill = bill_of_materials(build(4, topology="leaf_spine"))
    (line,) = bill.scale_up_lines
    assert (line.part, line.count, line.cost.high) == ("nvswitch3", 16, 0)


def test_a_single_node_has_an_empty_bill() -> None:
    bill = bill_of_materials(build(1))
    assert bill.lines == ()
    assert bill.capital_cost.high == 0
    assert bill.network_power_w == 0


def test_what_the_catalog_cannot_price_is_said() -> None:
    bill = bill_of_materials(build(4, topology="leaf_spine", switch="cisco_g300"))
    assert bill.missing == ("cisco_g300 price", "cisco_g300 power")
    chip_only = bill_of_materials(build(4, topology="leaf_spine", switch="bcm_tomahawk5"))
    assert chip_only.missing == ()
    assert chip_only.power_of("switch").typical > 500


def test_the_table_has_one_row_a_line() -> None:
    bill = bill_of_materials(build(64, topology="rail_optimised"))
    columns = bill.to_table()
    assert {len(column) for column in columns.values()} == {len(bill.lines)}
    assert sum(float(cost) for cost in columns["cost_usd"]) == pytest.approx(bill.capital_cost.typical)
