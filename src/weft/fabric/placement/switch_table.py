"""Switches (and servers of other networks) as the placer sees them: what each takes up, and which hosts it serves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.errors import InfeasibleError
from weft.fabric.floor_plan import FloorPlan
from weft.fabric.placement.footprint import SERVER, switch_footprint
from weft.fabric.tables import Domain, IntArray, Kind, LinkTable, NodeTable
from weft.units import format_power

_NOT_SWITCHES = (Kind.HOST, Kind.ACCELERATOR, Kind.NIC, Kind.SCALE_UP_SWITCH)


@dataclass(frozen=True)
class Switches:
    """Some switches.

    Attributes:
        rows: int64, node rows.
        serves: float64, mean number (not row) of the hosts cabled to each; NaN where none is.
        units: int64, rack units of each.
        power_w: float64, the most each draws.
    """

    rows: npt.NDArray[np.int64]
    serves: npt.NDArray[np.float64]
    units: npt.NDArray[np.int64]
    power_w: npt.NDArray[np.float64]

    def only(self, keep: npt.NDArray[np.bool_]) -> Switches:
        """Return those where ``keep`` is true."""
        return Switches(self.rows[keep], self.serves[keep], self.units[keep], self.power_w[keep])


def find_switches(
    nodes: NodeTable, links: LinkTable, parts: tuple[Part, ...], hosts: IntArray, floor: FloorPlan, limit_w: float
) -> Switches:
    """Return every switch outside the nodes, and every server.

    Raises:
        InfeasibleError: a switch is too tall or draws too much for a rack.
    """
    networked = np.array([c.domain >= Domain.SCALE_OUT for c in links.classes], bool)[links.link_class[::2]]
    lower, upper = links.src[::2][networked], links.dst[::2][networked]
    marked = np.zeros(len(nodes), bool)
    marked[lower], marked[upper] = True, True
    marked[nodes.kind == Kind.SERVER] = True
    rows = np.flatnonzero(marked & ~np.isin(nodes.kind, _NOT_SWITCHES))
    number = np.zeros(len(nodes), np.int64)
    number[hosts] = np.arange(len(hosts))
    from_host = (nodes.kind[lower] == Kind.NIC) & (nodes.kind[nodes.parent[lower]] == Kind.HOST)
    served = number[nodes.parent[lower[from_host]]]
    switch = upper[from_host]
    count = np.bincount(switch, minlength=len(nodes))[rows]
    total = np.bincount(switch, weights=served, minlength=len(nodes))[rows]
    serves = np.divide(total, count, out=np.full(len(rows), np.nan), where=count > 0)
    known = [switch_footprint(part, floor.rack_units) for part in parts]
    known += [SERVER, switch_footprint(None, floor.rack_units)]  # the last is of switches without a part
    part = np.where(nodes.kind[rows] == Kind.SERVER, len(parts), nodes.part[rows])
    for index in np.unique(part):
        if known[index].power_w > limit_w:
            raise InfeasibleError(
                f"floor_plan.rack_power: {known[index].name} draws {format_power(known[index].power_w)}, "
                f"a rack gives {format_power(limit_w)}; set rack_power to at least that"
            )
    return Switches(
        rows,
        serves,
        np.array([footprint.units for footprint in known])[part],
        np.array([footprint.power_w for footprint in known])[part],
    )
