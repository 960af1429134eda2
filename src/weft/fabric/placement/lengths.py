"""How long a cable is: up to the tray, along it, down again, some slack, and then the next length that is sold.

Within a rack a cable runs straight between its ends. Between racks of a site it climbs to the tray above the racks,
follows it along and across the rows (Manhattan distance), and comes down. Between sites it follows the trays to each
site's corner, where the fibre route begins.
"""

from __future__ import annotations

import numpy as np

from weft.fabric.placement.model import UNIT_M, Placement
from weft.fabric.tables import FloatArray, IntArray

# Lengths of assembled cables and fibre jumpers: copper 0.5 to 5 m in NVIDIA's MCP4Y10 and MCP7Y00 lists, MPO fibre 3 to
# 150 m in its MFP7E10 list (both recalled); longer runs are trunks cut to the next 50 m, then 500 m, then 5 km.
_SHORT_M = (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100, 130, 150)
SOLD_M = np.array(
    [*_SHORT_M, *range(200, 2001, 50), *range(2500, 20_001, 500), *range(25_000, 20_050_001, 5000)], dtype=np.float64
)


def commercial_length_m(length_m: FloatArray | float) -> FloatArray:
    """Return the shortest length sold that is at least as long, m."""
    index = np.searchsorted(SOLD_M, np.asarray(length_m, dtype=np.float64) - 1e-9)
    rounded: FloatArray = SOLD_M[np.minimum(index, len(SOLD_M) - 1)]
    return rounded


def cable_lengths_m(placement: Placement, a: IntArray, b: IntArray) -> FloatArray:
    """Return the length of a cable between each pair of node rows (hosts or switches), before rounding up, m."""
    floor = placement.floor
    top_m = floor.rack_units * UNIT_M
    rack_a, rack_b = placement.rack[a], placement.rack[b]
    height_a, height_b = _height_m(placement, a), _height_m(placement, b)
    climbs = (top_m + floor.tray_height - height_a) + (top_m + floor.tray_height - height_b)
    length_m: FloatArray = np.where(rack_a == rack_b, np.abs(height_a - height_b), climbs + route_m(placement, a, b))
    return length_m + floor.slack


def route_m(placement: Placement, a: IntArray, b: IntArray) -> FloatArray:
    """Return the distance along trays (and between sites along the fibre route) between the racks of node rows, m."""
    rack_a, rack_b = placement.rack[a], placement.rack[b]
    x, y, site = placement.x_m, placement.y_m, placement.site
    across: FloatArray = np.abs(x[rack_a] - x[rack_b]) + np.abs(y[rack_a] - y[rack_b])
    if placement.sites == 1:
        return across
    apart = np.abs(site[rack_a] - site[rack_b]) * placement.floor.site_distance
    away: FloatArray = x[rack_a] + y[rack_a] + x[rack_b] + y[rack_b] + apart
    return np.where(apart > 0, away, across)


def _height_m(placement: Placement, rows: IntArray) -> FloatArray:
    """Return how high above the rack's foot the middle of each device is, m."""
    middle: FloatArray = (placement.unit[rows] - 1 + placement.height[rows] / 2.0) * UNIT_M
    return middle
