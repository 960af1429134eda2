"""Do racks hold what was put into them?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from weft.fabric.checks.finding import Finding
from weft.units import format_power

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric


def rack_power(fabric: Fabric) -> Iterator[Finding]:
    """No rack draws more than it is given."""
    placement = fabric.placement
    if placement is None:
        return
    over = np.flatnonzero(placement.rack_power_w > placement.rack_power_limit_w * (1 + 1e-9))
    if len(over):
        worst = over[placement.rack_power_w[over].argmax()]
        yield Finding(
            "rack_power",
            "error",
            placement.rack_name(int(worst)),
            f"draws {format_power(float(placement.rack_power_w[worst]))} of "
            f"{format_power(placement.rack_power_limit_w)} ({len(over):,} racks in all)",
            "raise floor_plan.rack_power, or put fewer nodes or switches into a rack",
        )


def rack_space(fabric: Fabric) -> Iterator[Finding]:
    """No rack holds more than its units, and no two devices share one."""
    placement = fabric.placement
    if placement is None:
        return
    over = np.flatnonzero(placement.rack_units_used > placement.floor.rack_units)
    if len(over):
        yield Finding(
            "rack_space",
            "error",
            placement.rack_name(int(over[0])),
            f"{placement.rack_units_used[over].max()} units of {placement.floor.rack_units} ({len(over):,} racks)",
            "raise floor_plan.rack_units, or put fewer nodes or switches into a rack",
        )
    rows = np.flatnonzero(placement.height > 0)
    order = np.lexsort((placement.unit[rows], placement.rack[rows]))
    rows = rows[order]
    same = placement.rack[rows][1:] == placement.rack[rows][:-1]
    top = (placement.unit[rows] + placement.height[rows])[:-1]
    clash = np.flatnonzero(same & (top > placement.unit[rows][1:]))
    if len(clash):
        a, b = int(rows[clash[0]]), int(rows[clash[0] + 1])
        yield Finding(
            "rack_space",
            "error",
            placement.rack_name(int(placement.rack[a])),
            f"{fabric.node_name(a)} and {fabric.node_name(b)} stand in the same rack units ({len(clash):,} such pairs)",
            "put them into different racks or units",
        )
