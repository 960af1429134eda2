"""Which groups of a Dragonfly are joined through which of their global ports.

Each of g groups has n global ports. Every pair of groups gets ⌊n / (g - 1)⌋ links, so that g = n + 1 gives one and
fewer groups get bundles; ports that are left over stay free. Port j of group i, for j below g - 1, leads

- ``absolute``: to group j, or j + 1 where j is not below i;
- ``relative``: to group i + j + 1;
- ``circulant``: to group i + j / 2 + 1 for even j, and i - (j + 1) / 2 for odd j (all modulo g);

and further ports repeat that.
Source: C. Camarero, E. Vallejo and R. Beivide, Topological characterization of Hamming and Dragonfly networks and its
implications on routing, ACM TACO 11 (2014).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from weft.errors import InfeasibleError
from weft.fabric.tables import IntArray

Arrangement = Literal["absolute", "relative", "circulant"]


def links_per_pair(groups: int, ports: int) -> int:
    """Return how many links join every two groups; 0 for one group.

    Raises:
        InfeasibleError: more groups than the ports of one can reach.
    """
    if groups > ports + 1:
        raise InfeasibleError(
            f"scale_out: {groups:,} groups need {groups - 1:,} global ports in each, there are {ports:,}; "
            "raise h or the routers of a group, or lower the number of groups"
        )
    return ports // (groups - 1) if groups > 1 else 0


def global_links(groups: int, ports: int, arrangement: Arrangement) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return every link once: ``(group_a, port_a, group_b, port_b)``, int[links] each."""
    bundle = links_per_pair(groups, ports)
    group, port = np.indices((groups, max(0, groups - 1))).reshape(2, -1)
    if arrangement == "absolute":
        to = port + (port >= group)
        back = group - (group > to)
    elif arrangement == "relative":
        to = (group + port + 1) % groups
        back = groups - 2 - port
    else:
        step = np.where(port % 2 == 0, port // 2 + 1, -(port + 1) // 2)
        to = (group + step) % groups
        opposite = 2 * step == groups  # its own way back
        back = np.where(opposite, port, port + 1 - 2 * (port % 2))
    once = group < to
    turn = (groups - 1) * np.repeat(np.arange(bundle), np.count_nonzero(once))
    a, from_port, b, to_port = (np.tile(ends[once], bundle) for ends in (group, port, to, back))
    return a, from_port + turn, b, to_port + turn
