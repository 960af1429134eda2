"""Costs and power: the network's bill of materials, and what a cluster costs to run.

from weft.economics import bill_of_materials, tokens_cost
bill = bill_of_materials(fabric)
bill.capital_cost.typical, bill.network_power_w
tokens_cost(fabric, tokens_per_s=2.5e6).cost_usd
"""

from weft.economics.bill import BillOfMaterials, Line, bill_of_materials
from weft.economics.running import (
    TokensCost,
    cluster_capital_cost,
    cluster_it_power_w,
    cluster_power_w,
    network_cost_per_second,
    tokens_cost,
)

__all__ = [
    "BillOfMaterials",
    "Line",
    "TokensCost",
    "bill_of_materials",
    "cluster_capital_cost",
    "cluster_it_power_w",
    "cluster_power_w",
    "network_cost_per_second",
    "tokens_cost",
]
