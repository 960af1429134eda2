"""Places: which rack, row, hall and site everything stands in, and how long the cables between them are.

from weft.fabric.placement import place
placement = place(nodes, links, parts, plan, floor_plan)      # or fabric.placement
placement.racks, placement.rack_power_w, placement.binding
"""

from weft.fabric.placement.lengths import commercial_length_m
from weft.fabric.placement.model import Placement, RackUse
from weft.fabric.placement.placing import place

__all__ = ["Placement", "RackUse", "commercial_length_m", "place"]
