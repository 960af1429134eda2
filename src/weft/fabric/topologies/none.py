"""No network: a single node with nothing but its scale-up links. No switches, no cables, no bisection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.files import Strict


class Options(Strict):
    """Nothing to write."""


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add nothing.

    Raises:
        ConfigError: there is more than one node.
    """
    if plan.nodes > 1:
        raise ConfigError(
            f"{plan.nodes} nodes need a network; write one, such as {{topology: leaf_spine}}", field="scale_out"
        )
    return ScaleOut("none", "", 0.0, ())
