"""Jellyfish: routers joined at random, every one to as many others.

Counts, for R routers of degree r: R r / 2 links (R r even), R p host ports; with switches of radix k, p = k - r. The
graph is drawn from all simple r-regular ones: ends are paired at random, and pairs that repeat or close on themselves
are exchanged with others until none do; a seed always gives the same network. Diameter about log R / log (r - 1).
Bisection: with high probability at least R (r / 4 - √(r ln 2) / 2) links, which is reported. By default p is the most
for which that bound still leaves a link for every host of one half. Coordinates: none.
Sources: A. Singla, C. Hong, L. Popa and P. Godfrey, Jellyfish: networking data centers randomly, NSDI 2012;
B. Bollobás, The isoperimetric number of random graphs, European J. of Combinatorics 9 (1988), for the bound.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError, InfeasibleError
from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import Shape, hosts_per_router, wire_direct
from weft.fabric.direct_options import DirectHardware, DirectOptions, check_size, resolve_direct
from weft.fabric.distance import Cables, distances_s
from weft.fabric.plan import Plan
from weft.fabric.random_regular import random_regular
from weft.fabric.scale_out import ScaleOut

TRIES = 20  # graphs drawn until one is connected; of degree 3 and more nearly all are


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: jellyfish``."""

    routers: int | None = Field(None, ge=1, le=4_000_000, description="routers; default: as few as hold every NIC")
    degree: int | None = Field(
        None, ge=1, le=100_000, description="links per router to others (r); default: what p leaves of the radix"
    )
    seed: int = Field(1, ge=0, le=2**63 - 1, description="of the random graph")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the routers and their cables; see the module's text for counts.

    Raises:
        ConfigError: no graph has that many routers of that degree.
        InfeasibleError: too few host ports, more links than a router has ports, or no connected graph was found.
    """
    hardware = resolve_direct(plan, options)
    routers, degree, asked_p = _counts(plan.endpoints, options, hardware)
    check_size(routers, routers * degree // 2)
    p = hosts_per_router(plan.endpoints, routers, asked_p, "add routers or raise p")
    hardware.check_ports(p, degree, "lower p or degree")
    cables = _connected(routers, degree, options.seed, hardware)
    links = max(0.0, routers * (degree / 4 - math.sqrt(degree * math.log(2)) / 2))
    shape = Shape(routers, [cables], links * hardware.uplink_Bps)
    return wire_direct(graph, "jellyfish", shape, hardware, ports, p)


def _counts(endpoints: int, options: Options, hardware: DirectHardware) -> tuple[int, int, int]:
    """Return routers, degree and host ports a router, every blank filled.

    Raises:
        ConfigError: no graph has that many routers of that degree.
    """
    routers, degree, p = options.routers, options.degree, options.p
    if p is None:
        p = math.ceil(endpoints / routers) if routers else _balanced_hosts(hardware, degree)
    routers = routers or math.ceil(endpoints / p)
    if degree is None:
        left = math.floor((hardware.radix - p) * hardware.rate_Bps / hardware.uplink_Bps + 1e-9)
        degree = max(0, min(left, routers - 1))
        degree -= routers * degree % 2
    if degree >= routers > 1 or routers * degree % 2:
        raise ConfigError(
            f"no graph has {routers} routers of {degree} links each to different others: "
            "the degree is below the number of routers, and their product even",
            field="scale_out.degree",
        )
    return routers, degree if routers > 1 else 0, p


def _balanced_hosts(hardware: DirectHardware, degree: int | None) -> int:
    """Return the most host ports for which Bollobás' bound is one link for each host of a half, at least one."""
    if degree is not None:
        return max(1, hardware.most_hosts(degree))
    p = 1
    while True:
        r = (hardware.radix - p - 1) * hardware.rate_Bps / hardware.uplink_Bps
        if r < 1 or (r / 2 - math.sqrt(r * math.log(2))) * hardware.uplink_Bps < (p + 1) * hardware.rate_Bps:
            return p
        p += 1


def _connected(routers: int, degree: int, seed: int, hardware: DirectHardware) -> Cables:
    """Draw graphs until one is connected.

    Raises:
        InfeasibleError: none was.
    """
    random = np.random.default_rng(seed)
    for _ in range(TRIES):
        a, b = random_regular(routers, degree, random)
        cables = Cables(a, b, hardware.links["local"])
        if routers == 1 or np.isfinite(distances_s([cables], routers, np.array([0]))).all():
            return cables
    raise InfeasibleError(
        f"scale_out: {TRIES} random graphs of {routers:,} routers of degree {degree} all fell apart; raise degree"
    )
