"""Owning and running a cluster, by the second and by the token."""

from __future__ import annotations

from typing import Any

import pytest

from weft.economics import (
    bill_of_materials,
    cluster_capital_cost,
    cluster_it_power_w,
    cluster_power_w,
    network_cost_per_second,
    tokens_cost,
)
from weft.errors import ConfigError
from weft.fabric import Cluster, Fabric, build_fabric


def build(nodes: int = 4, node: dict[str, Any] | None = None, **prices: Any) -> Fabric:
    spec = {
        "nodes": nodes,
        "node": node or {"system": "dgx_h100"},
        "scale_out": {"topology": "leaf_spine", "protocol": "infiniband"},
        "prices": prices,
    }
    return build_fabric(Cluster.model_validate(spec))


def test_a_cluster_by_hand() -> None:
    """Four DGX H100 (317 kUSD and 8.5 kW each, NICs inside) under one QM9700 with 32 passive cables."""
    fabric = build(pue=1.5, energy="0.10USD/kWh", years=5)
    capital_usd = 4 * 317000 + 36000 + 32 * 150
    it_w = 4 * 8500 + 747 + 32 * 2 * 0.1
    assert cluster_capital_cost(fabric).typical == pytest.approx(capital_usd)
    assert cluster_it_power_w(fabric).typical == pytest.approx(it_w)
    assert cluster_power_w(fabric).typical == pytest.approx(1.5 * it_w)
    answer = tokens_cost(fabric, 1e5)
    seconds = 1e12 / 1e5
    assert answer.energy_J.typical == pytest.approx(1.5 * it_w * seconds)
    assert answer.energy_usd.typical == pytest.approx(1.5 * it_w * seconds / 3.6e6 * 0.10)
    assert answer.capital_usd.typical == pytest.approx(capital_usd * seconds / (5 * 365.25 * 86400))
    assert answer.cost_usd.typical == pytest.approx(answer.capital_usd.typical + answer.energy_usd.typical)
    assert answer.cost_usd.low <= answer.cost_usd.typical <= answer.cost_usd.high


def test_network_per_second_by_hand() -> None:
    fabric = build(pue=1, energy="0.36USD/kWh", years=1)
    bill = bill_of_materials(fabric)
    expected = bill.capital_cost.typical / (365.25 * 86400) + bill.network_power_w * 1e-7
    assert network_cost_per_second(fabric).typical == pytest.approx(expected)


def test_cost_is_inverse_in_throughput_and_linear_in_share() -> None:
    fabric = build()
    whole = tokens_cost(fabric, 1e5)
    assert tokens_cost(fabric, 2e5).cost_usd.typical == pytest.approx(whole.cost_usd.typical / 2)
    assert tokens_cost(fabric, 1e5, share=0.25).energy_J.high == pytest.approx(whole.energy_J.high / 4)


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [({"pue": 1.1}, {"pue": 1.4}), ({"energy": "0.05USD/kWh"}, {"energy": "0.2USD/kWh"}), ({"years": 6}, {"years": 3})],
)
def test_prices_push_the_right_way(cheap: dict[str, Any], dear: dict[str, Any]) -> None:
    low, high = (tokens_cost(build(**prices), 1e5).cost_usd.typical for prices in (cheap, dear))
    assert low < high


def test_without_a_system_accelerators_and_nics_are_counted() -> None:
    node = {"accelerator": "h100_sxm", "accelerators": 2}
    fabric = build(node=node)
    assert fabric.plan.system is None
    bill = bill_of_materials(fabric)
    assert cluster_capital_cost(fabric).typical == pytest.approx(8 * 28000 + bill.capital_cost.typical)
    assert cluster_it_power_w(fabric).typical == pytest.approx(8 * 700 * 1.5 + bill.network_power_w)


def test_what_the_catalog_cannot_price_is_said() -> None:
    assert tokens_cost(build(), 1e5).missing == ()
    assert tokens_cost(build(node={"accelerator": "maia_100"}), 1e5).missing == ("maia_100 price",)


@pytest.mark.parametrize("tokens_per_s", [0, -1, float("nan")])
def test_no_throughput_is_refused(tokens_per_s: float) -> None:
    with pytest.raises(ConfigError, match="tokens_per_s"):
        tokens_cost(build(), tokens_per_s)


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ConfigError, match="share"):
        tokens_cost(build(), 1e5, share=share)
