"""Costs, power and carbon: the network's bill of materials, and what a cluster costs to own and to run.

from weft.economics import bill_of_materials, ownership, tokens_cost
bill = bill_of_materials(fabric)
bill.capital_cost.typical, bill.network_power_w, bill.lines[0].basis
ownership(fabric, years=3).total_cost
tokens_cost(fabric, tokens_per_s=2.5e6).cost_usd
"""

from weft.economics.bill import BillOfMaterials
from weft.economics.counting import bill_of_materials
from weft.economics.figures import Basis, Figure
from weft.economics.lines import Line
from weft.economics.ownership import Ownership, ownership
from weft.economics.running import (
    TokensCost,
    cluster_capital_cost,
    cluster_it_power_w,
    cluster_power_w,
    network_cost_per_second,
    tokens_cost,
)

__all__ = [
    "Basis",
    "BillOfMaterials",
    "Figure",
    "Line",
    "Ownership",
    "TokensCost",
    "bill_of_materials",
    "cluster_capital_cost",
    "cluster_it_power_w",
    "cluster_power_w",
    "network_cost_per_second",
    "ownership",
    "tokens_cost",
]
