"""Where everything stands: one small column a node row, a few a rack."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.fabric.floor_plan import FloorPlan
from weft.fabric.tables import FloatArray

UNIT_M = 0.04445  # a rack unit: 1.75 inches, EIA-310


class RackUse(IntEnum):
    """What a rack holds."""

    NODES = 0
    NETWORK = 1


@dataclass(frozen=True)
class Placement:
    """A placed fabric.

    Attributes:
        floor: as the user wrote it.
        cooling: ``air`` or ``liquid``.
        rack_power_limit_w: of one rack.
        rack: int32[node rows], the rack of each; accelerators and NICs stand in their host's, places in none (-1).
        unit: int16[node rows], lowest rack unit of each host or switch, counted from 1; 0 where that means nothing.
        height: int16[node rows], rack units each host or switch takes.
        use: uint8[racks], `RackUse`.
        slot: int32[racks], place in the building: row after row, hall after hall, site after site.
        halls_per_site: halls that slots are counted by.
        rack_power_w: float64[racks], the most its devices draw.
        rack_units_used: int32[racks].
        nodes_per_rack: nodes in a full rack; 0 where a node fills several racks.
        binding: what keeps another node out of a rack: ``space`` or ``power``.
    """

    floor: FloorPlan
    cooling: str
    rack_power_limit_w: float
    rack: npt.NDArray[np.int32]
    unit: npt.NDArray[np.int16]
    height: npt.NDArray[np.int16]
    use: npt.NDArray[np.uint8]
    slot: npt.NDArray[np.int32]
    halls_per_site: int
    rack_power_w: FloatArray
    rack_units_used: npt.NDArray[np.int32]
    nodes_per_rack: int
    binding: str

    @property
    def racks(self) -> int:
        """How many racks."""
        return len(self.slot)

    @property
    def racks_by_use(self) -> dict[str, int]:
        """Racks with nodes, and racks with switches only."""
        counts = np.bincount(self.use, minlength=len(RackUse))
        return {use.name.lower(): int(counts[use]) for use in RackUse}

    @cached_property
    def position(self) -> npt.NDArray[np.int32]:
        """Place of each rack in its row, from 0."""
        return self.slot % np.int32(self.floor.racks_per_row)

    @cached_property
    def row(self) -> npt.NDArray[np.int32]:
        """Row of each rack, counted through all halls."""
        return self.slot // np.int32(self.floor.racks_per_row)

    @cached_property
    def hall(self) -> npt.NDArray[np.int32]:
        """Hall of each rack, counted through all sites."""
        return self.row // np.int32(self.floor.rows_per_hall)

    @cached_property
    def site(self) -> npt.NDArray[np.int32]:
        """Site of each rack."""
        return self.hall // np.int32(self.halls_per_site)

    @property
    def rows(self) -> int:
        """Rows in use."""
        return len(np.unique(self.row))

    @property
    def halls(self) -> int:
        """Halls in use."""
        return len(np.unique(self.hall))

    @cached_property
    def sites(self) -> int:
        """Sites in use."""
        return len(np.unique(self.site))

    @cached_property
    def halls_across(self) -> int:
        """Halls side by side: as many as make a site about square."""
        return max(1, round(float(np.sqrt(self.halls_per_site * self.hall_depth_m / self.hall_width_m))))

    @property
    def hall_width_m(self) -> float:
        """Along the rows, with the gap to the next hall."""
        return self.floor.racks_per_row * self.floor.rack_pitch + self.floor.hall_gap

    @property
    def hall_depth_m(self) -> float:
        """Across the rows, with the gap to the next hall."""
        return self.floor.rows_per_hall * self.floor.row_pitch + self.floor.hall_gap

    @cached_property
    def x_m(self) -> FloatArray:
        """Each rack's distance from its site's corner, along the rows."""
        x_m = (self.position + 0.5).astype(np.float64) * self.floor.rack_pitch
        return x_m + self._hall_on_site % self.halls_across * self.hall_width_m

    @cached_property
    def y_m(self) -> FloatArray:
        """Each rack's distance from its site's corner, across the rows."""
        y_m = (self.row % self.floor.rows_per_hall + 0.5).astype(np.float64) * self.floor.row_pitch
        return y_m + self._hall_on_site // self.halls_across * self.hall_depth_m

    @property
    def _hall_on_site(self) -> npt.NDArray[np.int32]:
        return self.hall % np.int32(self.halls_per_site)

    def rack_name(self, rack: int) -> str:
        """Return where a rack stands, such as ``hall0/row2/rack7``; the site comes first where there are several."""
        row = int(self.row[rack]) % self.floor.rows_per_hall
        place = f"hall{int(self._hall_on_site[rack])}/row{row}/rack{int(self.position[rack])}"
        return f"site{int(self.site[rack])}/{place}" if self.sites > 1 else place
