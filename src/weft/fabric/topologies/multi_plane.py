"""Several planes: equal Clos networks side by side, over which every node's traffic is spread.

Either whole NICs are spread (NIC i of a node is in plane i mod P; planes then meet only inside nodes), or every NIC is
split into P ports of a P-th of its rate, one in each plane (``split``), so that any NIC reaches any other in every
plane and switches have P times as many ports. Counts: P times those of one plane, which is a single switch, leaves and
spines or pods under cores, whichever suffices, as in `weft.fabric.clos_size`. At radix k, 1:1, full and with two tiers:
P k²/2 host ports and 3 P k/2 switches; with eight planes of 64-port switches 16,384, 768 and 16,384 cables between
switches. A split NIC gains reach instead: k²P²/2 NICs from switches of k ports at the full rate. Bisection at 1:1: half
the host ports' bandwidth.
Sources: C. Zhao et al., Insights into DeepSeek-V3, ISCA 2025 (multi-plane fat tree); K. Qian et al., Alibaba HPN: a
data center network for large language model training, SIGCOMM 2024 (dual plane).
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
    """What to write under ``scale_out`` with ``topology: multi_plane``."""

    planes: int | None = Field(
        None, gt=0, le=1024, description="planes; default: NICs per node, or 2 where NICs are split"
    )
    split: bool = Field(False, description="every NIC has a port in each plane, at its part of the rate")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the planes; see the module's text for counts.

    Raises:
        ConfigError: the planes do not divide the NICs, or nodes have no scale-up network to change planes in.
        InfeasibleError: a plane does not fit its switches.
    """
    planes = options.planes or (2 if options.split else max(1, plan.nics))
    if not options.split and plan.nics % planes:
        raise ConfigError(
            f"{planes} planes do not divide {plan.nics} NICs a node evenly; choose another number, or split: true",
            field="scale_out.planes",
        )
    if not options.split and planes > 1 and plan.scale_up.kind == "none":
        raise ConfigError(
            "planes meet only inside nodes, and these have no scale-up network; set split: true",
            field="scale_out.planes",
        )
    return build_planes("multi_plane", plan, options, graph, ports, planes, split=options.split)
