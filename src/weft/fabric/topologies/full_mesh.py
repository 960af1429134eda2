"""Full mesh: every router joined to every other, p host ports on each.

Counts, for R routers: R (R - 1) / 2 links times the bundle, degree R - 1, diameter 1. Bisection ⌊R² / 4⌋ links, exact.
It is the one-dimensional HyperX, and a Dragonfly of one group.
Source: J. Ahn et al., HyperX: topology, routing, and packaging of efficient large-scale networks, SC 2009.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.fabric.builder import GraphBuilder
from weft.fabric.direct_options import Bundle, DirectOptions
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.topologies.hyperx import build_hyperx


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: full_mesh``."""

    routers: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="routers; default: as p asks, else so many that a router has a link out for every host port",
    )
    bundle: Bundle = Field(1, description="parallel links between two routers")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the routers and their cables; see the module's text for counts.

    Raises:
        InfeasibleError: too few host ports, or more links than a router has ports.
    """
    routers = options.routers or math.ceil(
        plan.endpoints / options.p if options.p else math.sqrt(plan.endpoints / options.bundle)
    )
    return build_hyperx(
        plan, options, graph, ports, "full_mesh", [routers], [options.bundle], options.p, "add routers or raise p"
    )
