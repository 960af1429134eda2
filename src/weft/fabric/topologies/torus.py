"""n-dimensional torus and mesh: routers on a grid, each joined to its neighbours.

Counts, for N = Π k_i routers: a wrapped dimension has N links, an open one N - N / k_i, so that a torus has n · N links
and routers of degree 2n. Two routers in a dimension share one link, wrapped or not (a hypercube for all k_i = 2); a
bundle repeats every link. Diameter Σ ⌊k_i / 2⌋ (torus), Σ (k_i - 1) (mesh). Bisection, largest k even: 2 N / k links
(torus), N / k (mesh); in general `weft.fabric.grid.product_cut`. Coordinates: the position in each dimension.
Sources: W. Dally and B. Towles, Principles and practices of interconnection networks (2004), chapter 5; N. Jouppi et
al., TPU v4, ISCA 2023.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import Shape, hosts_per_router, wire_direct
from weft.fabric.direct_options import Bundle, DirectHardware, DirectOptions, check_size, resolve_direct
from weft.fabric.distance import Cables
from weft.fabric.grid import along, coordinates, per_dimension, product_cut
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: torus``."""

    dims: list[Annotated[int, Field(ge=1, le=4_000_000)]] = Field(
        min_length=1, max_length=16, description="routers along each dimension, such as [8, 8, 8]"
    )
    wrap: bool | list[bool] = Field(True, description="close each dimension to a ring; one value, or one a dimension")
    bundle: Bundle | list[Bundle] = Field(1, description="parallel links between neighbours; one value, or one each")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the routers and their cables; see the module's text for counts.

    Raises:
        ConfigError: lists that do not match ``dims``.
        InfeasibleError: too few host ports, or more links than a router has ports.
    """
    dims = options.dims
    rings = [
        k > 2 and bool(wrap) for k, wrap in zip(dims, per_dimension(options.wrap, dims, "scale_out.wrap"), strict=True)
    ]
    bundles = per_dimension(options.bundle, dims, "scale_out.bundle")
    routers = math.prod(dims)
    degree = sum(b * min(2, k - 1) for k, b in zip(dims, bundles, strict=True))
    check_size(routers, routers * degree // 2)
    hardware = resolve_direct(plan, options)
    p = hosts_per_router(plan.endpoints, routers, options.p, "enlarge dims or p")
    hardware.check_ports(p, degree, "lower p, bundle or the number of dimensions")
    line_cuts = [bundle * (2 if ring else 1) for bundle, ring in zip(bundles, rings, strict=True)]
    shape = Shape(
        routers,
        _cables(dims, rings, bundles, hardware),
        product_cut(dims, line_cuts) * hardware.uplink_Bps,
        coordinates(dims),
        mean_hops=mean_hops(dims, rings),
    )
    return wire_direct(graph, "torus", shape, hardware, ports, p)


def _cables(dims: list[int], rings: list[bool], bundles: list[int], hardware: DirectHardware) -> list[Cables]:
    """Return the links of all dimensions, as one class."""
    ends = []
    for dim, (k, ring, bundle) in enumerate(zip(dims, rings, bundles, strict=True)):
        first = np.arange(k if ring else k - 1)
        ends.append(np.repeat(np.stack(along(dims, dim, first, (first + 1) % k)), bundle, axis=1))
    a, b = np.concatenate(ends, axis=1)
    return [Cables(a, b, hardware.links["local"])]


def mean_hops(dims: list[int], rings: list[bool]) -> float:
    """Return the mean distance between two different routers: k/4 - (odd k: 1/4k) a ring, (k² - 1)/3k an open line."""
    total = 0.0
    for k, ring in zip(dims, rings, strict=True):
        total += (k * k // 4) / k if ring else (k * k - 1) / (3 * k)
    routers = math.prod(dims)
    return total * routers / (routers - 1) if routers > 1 else 0.0
