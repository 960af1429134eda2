"""Rails without spines between them: NIC r of every node is in network r, and no cable joins two networks.

Traffic that changes rails does so inside a node, over its scale-up domain. Counts, for N nodes with R rails and p NICs
a node on each: R equal networks of N p host ports. Up to a switch's radix k a rail is a single switch (R switches, no
cables between switches); up to k²/2 host ports it is leaves and spines, beyond that pods under cores, each sized as in
`weft.fabric.clos_size`. Bisection at 1:1: half the host ports' bandwidth, in R equal parts.
Source: W. Wang et al., Rail-only: a low-cost high-performance network for training LLMs with trillion parameters,
arXiv:2307.12169.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.plan import Plan
from weft.fabric.planes import PlaneOptions, build_planes
from weft.fabric.scale_out import ScaleOut


class Options(PlaneOptions):
    """What to write under ``scale_out`` with ``topology: rail_only``."""

    rails: int | None = Field(None, gt=0, description="rails; default: NICs per node")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add a network for each rail; see the module's text for counts.

    Raises:
        ConfigError: the rails do not divide the NICs, or nodes have no scale-up network to change rails in.
        InfeasibleError: a rail does not fit its switches.
    """
    rails = options.rails or max(1, plan.nics)
    if plan.nics % rails:
        raise ConfigError(f"{rails} rails do not divide {plan.nics} NICs a node evenly", field="scale_out.rails")
    if rails > 1 and plan.scale_up.kind == "none":
        raise ConfigError(
            "rails meet only inside nodes, and these have no scale-up network; use rail_optimised",
            field="scale_out.topology",
        )
    return build_planes("rail_only", plan, options, graph, ports, rails)
