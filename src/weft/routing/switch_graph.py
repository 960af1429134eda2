"""The switches of a fabric and the live links between them: what a routing policy walks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SwitchGraph:
    """Switches, numbered from 0, and the directed links between them that are up, sorted by the switch they leave.

    An optical circuit switch is no switch here: the two fibres that a circuit joins are one edge between the switches
    at their far ends, whose resource is the first fibre's link.

    Attributes:
        row: int32[switches], the node row of each.
        number: int32[nodes], the switch number of each node row; -1 for all that are none.
        indptr: int64[switches + 1]; edges ``indptr[v]:indptr[v + 1]`` leave switch v.
        head: int32[edges], the switch each edge leads to.
        resource: int32[edges].
        rate_Bps: float64[edges], above 0.
        latency_s: float64[edges].
    """

    row: npt.NDArray[np.int32]
    number: npt.NDArray[np.int32]
    indptr: npt.NDArray[np.int64]
    head: npt.NDArray[np.int32]
    resource: npt.NDArray[np.int32]
    rate_Bps: npt.NDArray[np.float64]
    latency_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)
