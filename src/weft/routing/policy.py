"""What a routing policy is: it takes flows from switch to switch. Hosts, NICs and rails are not its business."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from weft.routing.paths import Paths


class Policy(Protocol):
    """Routes between the switches of one network.

    Attributes:
        name: as users choose it.
    """

    name: str

    def between(self, src: npt.NDArray[np.int32], dst: npt.NDArray[np.int32], key: npt.NDArray[np.uint64]) -> Paths:
        """Route flows.

        Args:
            src, dst: int32[flows], switch numbers of a `SwitchGraph`; equal ones have no entries and are reachable.
            key: uint64[flows], what the headers of a flow hash to (`weft.routing.hashing`).
        """
        ...
