"""What a cluster costs to own for some years: capital, energy, rents; what it emits; and all that by the GPU.

    total = capital + years · (P · PUE · p · Y + rents)      carbon a year = P · PUE · Y · c

with capital of systems (their NICs inside), network, spares and racks; IT power P (W), energy price p (USD/J), seconds
of a year Y and carbon intensity c (kg/J). Full load all year; no resale value, interest, staff or building.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft.catalog import Range
from weft.economics.bill import BillOfMaterials
from weft.economics.counting import bill_of_materials
from weft.economics.running import YEAR_S, cluster_capital_cost, cluster_it_power_w, systems_cost
from weft.errors import ConfigError
from weft.fabric import Fabric

TCO_YEARS = 3.0
_GBPS = 1e9 / 8


@dataclass(frozen=True, slots=True)
class Ownership:
    """Costs of a cluster and of its network alone, USD, W and kg.

    Attributes:
        years: how long it is owned.
        accelerators, endpoints: what it has.
        bisection_Bps: one way.
        systems_cost: all nodes, NICs inside.
        network_cost: the network with spares and racks; all NICs.
        capital_cost: systems and network, NICs once.
        it_power_w: drawn by systems and network.
        network_power_w: by the network.
        pue: building over IT.
        energy_price: USD/J.
        carbon_intensity: kg/J.
        rent_per_year: dark fibre.
    """

    years: float
    accelerators: int
    endpoints: int
    bisection_Bps: float
    systems_cost: Range
    network_cost: Range
    capital_cost: Range
    it_power_w: Range
    network_power_w: Range
    pue: float
    energy_price: float
    carbon_intensity: float
    rent_per_year: Range

    @property
    def grid_power_w(self) -> Range:
        """Watts drawn from the grid."""
        return self.it_power_w * self.pue

    @property
    def energy_per_year(self) -> Range:
        """Joules drawn from the grid in a year."""
        return self.grid_power_w * YEAR_S

    @property
    def energy_cost_per_year(self) -> Range:
        """USD a year."""
        return self.energy_per_year * self.energy_price

    @property
    def carbon_per_year(self) -> Range:
        """Kilograms of CO2 a year."""
        return self.energy_per_year * self.carbon_intensity

    @property
    def total_cost(self) -> Range:
        """USD to own the cluster."""
        return self.capital_cost + (self.energy_cost_per_year + self.rent_per_year) * self.years

    @property
    def network_total_cost(self) -> Range:
        """USD to own the network alone."""
        energy = self.network_power_w * (self.pue * YEAR_S * self.energy_price)
        return self.network_cost + (energy + self.rent_per_year) * self.years

    @property
    def network_cost_per_accelerator(self) -> Range:
        """USD of network for each accelerator."""
        return self.network_cost * (1 / self.accelerators)

    @property
    def network_cost_per_endpoint(self) -> Range | None:
        """USD of network for each scale-out port of a host; None without any."""
        return self.network_cost * (1 / self.endpoints) if self.endpoints else None

    @property
    def network_cost_per_Gbps(self) -> Range | None:
        """USD of network for each Gb/s of bisection; None without any."""
        return self.network_cost * (_GBPS / self.bisection_Bps) if self.bisection_Bps else None

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, units in the names."""
        per_endpoint, per_Gbps = self.network_cost_per_endpoint, self.network_cost_per_Gbps
        return {
            "years": self.years,
            "systems_cost_usd": self.systems_cost.as_dict(),
            "network_cost_usd": self.network_cost.as_dict(),
            "cluster_cost_usd": self.capital_cost.as_dict(),
            "it_power_w": self.it_power_w.as_dict(),
            "pue": self.pue,
            "grid_power_w": self.grid_power_w.as_dict(),
            "energy_J_per_year": self.energy_per_year.as_dict(),
            "energy_cost_usd_per_year": self.energy_cost_per_year.as_dict(),
            "rent_usd_per_year": self.rent_per_year.as_dict(),
            "carbon_kg_per_year": self.carbon_per_year.as_dict(),
            "network_cost_usd_per_accelerator": self.network_cost_per_accelerator.as_dict(),
            "network_cost_usd_per_endpoint": per_endpoint.as_dict() if per_endpoint else None,
            "network_cost_usd_per_Gbps_bisection": per_Gbps.as_dict() if per_Gbps else None,
            "network_total_cost_usd": self.network_total_cost.as_dict(),
            "total_cost_usd": self.total_cost.as_dict(),
            "total_cost_usd_per_accelerator": (self.total_cost * (1 / self.accelerators)).as_dict(),
        }


def ownership(fabric: Fabric, *, years: float = TCO_YEARS, bill: BillOfMaterials | None = None) -> Ownership:
    """Return what a cluster costs to own.

    Args:
        fabric: the cluster.
        years: how long.
        bill: the fabric's bill of materials, if already made.

    Raises:
        ConfigError: years is not above 0.
    """
    if not years > 0:
        raise ConfigError(f"years must be above 0, read {years!r}")
    bill = bill or bill_of_materials(fabric)
    prices = fabric.plan.cluster.prices
    return Ownership(
        years=years,
        accelerators=fabric.accelerators,
        endpoints=fabric.endpoints,
        bisection_Bps=fabric.bisection_Bps,
        systems_cost=systems_cost(fabric),
        network_cost=bill.total_cost,
        capital_cost=cluster_capital_cost(fabric, bill) + bill.spares_cost + bill.racks_cost,
        it_power_w=cluster_it_power_w(fabric, bill),
        network_power_w=bill.power_w,
        pue=prices.pue,
        energy_price=prices.energy,
        carbon_intensity=prices.carbon,
        rent_per_year=bill.rent_per_year,
    )
