"""Communicators for tests, made by hand."""

from __future__ import annotations

from weft.fabric.group import CommGroup, Level


def group_of(
    per_unit: int,
    units: int = 1,
    *,
    rate_Bps: float = 450e9,
    nic_Bps: float = 50e9,
    reduces: bool = False,
    sharp: bool = False,
    accelerator: str = "h100_sxm",
    protocol: str = "ib_ndr",
    latency_s: float = 1e-6,
    net_latency_s: float = 2e-6,
    oversubscription: float = 1.0,
    leaf_units: int | None = None,
) -> CommGroup:
    """``units`` scale-up units of ``per_unit``; with ``leaf_units`` a leaf holds so many and a spine joins them."""
    n = per_unit * units
    inner = Level("nvlink4", "scale-up", "nvlink4", per_unit, units, rate_Bps, latency_s, 1.0, per_unit, reduces)
    levels = [inner]
    if units > 1:
        held = leaf_units or units
        leaf = Level(
            "leaf", "scale-out", protocol, per_unit * held, units // held, nic_Bps, net_latency_s, 1.0, n, sharp
        )
        levels.append(leaf)
        if held < units:
            top = (n, 1, nic_Bps, 2 * net_latency_s, oversubscription, n, sharp)
            levels.append(Level("spine", "scale-out", protocol, *top))
    return CommGroup(n, tuple(levels), accelerator, per_unit)
