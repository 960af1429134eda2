"""HyperX: routers on a grid of L dimensions, each joined to all others that share its line in any dimension.

Counts, for N = Π S_i routers with K_i parallel links in dimension i: degree Σ K_i (S_i - 1), links N / 2 times that,
diameter the number of dimensions longer than one. A hypercube has all S_i = 2, a full mesh L = 1. Bisection: the
thinnest halving along one dimension, min K_i S_i N / 4 links for even S_i; odd ones by
`weft.fabric.grid.product_cut`, with ⌊S_i² / 4⌋ · K_i links a line, which is an upper bound where every dimension is
odd: 3 x 5 routers with 3 and 2 links are halved by 40, not by its 42. Coordinates: the position in each dimension.
Source: J. Ahn et al., HyperX: topology, routing, and packaging of efficient large-scale networks, SC 2009.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import Shape, hosts_per_router, wire_direct
from weft.fabric.direct_options import Bundle, DirectOptions, check_size, resolve_direct
from weft.fabric.distance import Cables
from weft.fabric.grid import along, coordinates, per_dimension, product_cut
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: hyperx``."""

    dims: list[Annotated[int, Field(ge=1, le=100_000)]] = Field(
        min_length=1, max_length=16, description="routers along each dimension (S), such as [8, 8]"
    )
    bundle: Bundle | list[Bundle] = Field(1, description="parallel links (K) in each dimension; one value, or one each")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the routers and their cables; see the module's text for counts.

    Raises:
        ConfigError: a list of bundles that does not match ``dims``.
        InfeasibleError: too few host ports, or more links than a router has ports.
    """
    bundles = per_dimension(options.bundle, options.dims, "scale_out.bundle")
    return build_hyperx(plan, options, graph, ports, "hyperx", options.dims, bundles, options.p, "enlarge dims or p")


def build_hyperx(
    plan: Plan,
    options: DirectOptions,
    graph: GraphBuilder,
    ports: npt.NDArray[np.int32],
    name: str,
    dims: list[int],
    bundles: list[int],
    p: int | None,
    mend: str,
) -> ScaleOut:
    """Add the network, for every topology that is a HyperX under another name; ``mend`` says what makes it larger.

    Raises:
        InfeasibleError: too few host ports, or more links than a router has ports.
    """
    routers = math.prod(dims)
    degree = sum(bundle * (k - 1) for k, bundle in zip(dims, bundles, strict=True))
    check_size(routers, routers * degree // 2)
    hardware = resolve_direct(plan, options)
    p = hosts_per_router(plan.endpoints, routers, p, mend)
    hardware.check_ports(p, degree, "lower the host ports or the links of each router,")
    ends = []
    for dim, (k, bundle) in enumerate(zip(dims, bundles, strict=True)):
        ends.append(np.repeat(np.stack(along(dims, dim, *np.triu_indices(k, 1))), bundle, axis=1))
    a, b = np.concatenate(ends, axis=1)
    line_cuts = [bundle * (k * k // 4) for k, bundle in zip(dims, bundles, strict=True)]
    hops = sum((k - 1) / k for k in dims) * routers / (routers - 1) if routers > 1 else 0.0
    shape = Shape(
        routers,
        [Cables(a, b, hardware.links["local"])],
        product_cut(dims, line_cuts) * hardware.uplink_Bps,
        coordinates(dims),
        mean_hops=hops,
    )
    return wire_direct(graph, name, shape, hardware, ports, p)
