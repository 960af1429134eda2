"""What a cluster costs to own and to run, by the second and by the token.

With capital C (USD), hardware life Y (s), IT power P (W), building efficiency PUE, energy price p (USD/J) and
throughput r (tokens/s), a trillion tokens cost

    10¹² / r · (C / Y + P · PUE · p)  USD      and take      10¹² / r · P · PUE  J.

C and P are of the whole cluster, systems and network. Systems are priced and rated with their NICs inside, so NICs are
counted once. Ranges add end to end: all low together, all high together. Not included: building, staff, spares,
interest.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Range
from weft.economics.bill import BillOfMaterials
from weft.economics.counting import bill_of_materials
from weft.economics.figures import ZERO
from weft.economics.systems import system_power, system_price
from weft.errors import ConfigError
from weft.fabric import Fabric

YEAR_S = 365.25 * 86400
TRILLION = 1e12


@dataclass(frozen=True, slots=True)
class TokensCost:
    """Cost and energy of a trillion tokens.

    Attributes:
        cost_usd: capital over its life, and energy.
        capital_usd: the part that is capital.
        energy_usd: the part that is energy.
        energy_J: energy drawn by the building.
        missing: prices and powers the catalog does not have; counted as zero.
    """

    cost_usd: Range
    capital_usd: Range
    energy_usd: Range
    energy_J: Range
    missing: tuple[str, ...] = ()


def cluster_capital_cost(fabric: Fabric, bill: BillOfMaterials | None = None) -> Range:
    """Return USD for all systems and the network between them."""
    bill = bill or bill_of_materials(fabric)
    return systems_cost(fabric) + _network(fabric, bill.capital_cost, bill.cost_of("nic"))


def cluster_it_power_w(fabric: Fabric, bill: BillOfMaterials | None = None) -> Range:
    """Return watts drawn by all systems (under load) and the network between them, before the building's overhead."""
    bill = bill or bill_of_materials(fabric)
    return systems_power_w(fabric) + _network(fabric, bill.power_w, bill.power_of("nic"))


def cluster_power_w(fabric: Fabric, bill: BillOfMaterials | None = None) -> Range:
    """Return watts drawn from the grid: IT power times PUE."""
    return cluster_it_power_w(fabric, bill) * fabric.plan.cluster.prices.pue


def network_cost_per_second(fabric: Fabric, bill: BillOfMaterials | None = None) -> Range:
    """Return USD per second of the scale-out network alone: capital over its life, and energy."""
    bill = bill or bill_of_materials(fabric)
    prices = fabric.plan.cluster.prices
    return bill.capital_cost * (1 / (prices.years * YEAR_S)) + bill.power_w * (prices.pue * prices.energy)


def tokens_cost(
    fabric: Fabric, tokens_per_s: float, *, share: float = 1.0, bill: BillOfMaterials | None = None
) -> TokensCost:
    """Return cost and energy of a trillion tokens; the formula is at the top of this module.

    Args:
        fabric: the cluster.
        tokens_per_s: throughput of the job.
        share: part of the cluster the job pays for, such as its share of the accelerators.
        bill: the fabric's bill of materials, if already made.

    Raises:
        ConfigError: no throughput, or a share outside 0 to 1.
    """
    if not tokens_per_s > 0:
        raise ConfigError(f"tokens_per_s must be above 0, read {tokens_per_s!r}")
    if not 0 < share <= 1:
        raise ConfigError(f"share must be above 0 and at most 1, read {share!r}")
    bill = bill or bill_of_materials(fabric)
    prices = fabric.plan.cluster.prices
    seconds = TRILLION / tokens_per_s * share
    capital = cluster_capital_cost(fabric, bill) * (seconds / (prices.years * YEAR_S))
    energy_J = cluster_power_w(fabric, bill) * seconds
    energy = energy_J * prices.energy
    return TokensCost(capital + energy, capital, energy, energy_J, (*bill.missing, *_missing(fabric)))


def _missing(fabric: Fabric) -> tuple[str, ...]:
    """Return what the catalog cannot tell about the systems."""
    name = (fabric.plan.system or fabric.plan.accelerator).id
    known = {"price": system_price(fabric), "power": system_power(fabric)}
    return tuple(f"{name} {what}" for what, value in known.items() if value is None)


def systems_cost(fabric: Fabric) -> Range:
    """Return USD of all nodes; zero where the catalog cannot tell."""
    one = system_price(fabric)
    return one.value * fabric.plan.nodes if one else ZERO


def systems_power_w(fabric: Fabric) -> Range:
    """Return watts of all nodes under load; zero where the catalog cannot tell."""
    one = system_power(fabric)
    return one.value * fabric.plan.nodes if one else ZERO


def _network(fabric: Fabric, whole: Range, nics: Range) -> Range:
    """Return the network's share beside the systems: without NICs, which a system brings along."""
    if fabric.plan.system is None:
        return whole
    return Range(whole.low - nics.low, whole.typical - nics.typical, whole.high - nics.high)
