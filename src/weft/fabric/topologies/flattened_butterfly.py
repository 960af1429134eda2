"""Flattened butterfly: the k-ary n-flat, a k-ary n-fly whose switches in each row are one router.

Counts: kⁿ host ports, k^(n-1) routers in n - 1 dimensions of k, each with k host ports and a link to every other router
that differs in one coordinate: radix n (k - 1) + 1, diameter n - 1, k^(n-1) (n - 1) (k - 1) / 2 links. It is the HyperX
with S_i = k and p = k; bisection, k even: k^n / 4 links, half of what the host ports of one half can send.
Source: J. Kim, W. Dally and D. Abts, Flattened butterfly: a cost-efficient topology for high-radix networks, ISCA 2007.
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
    """What to write under ``scale_out`` with ``topology: flattened_butterfly``."""

    k: int | None = Field(None, ge=2, le=100_000, description="routers a dimension; default: fewest that hold the NICs")
    n: int = Field(3, ge=2, le=16, description="stages of the butterfly it flattens: dimensions and one more")
    bundle: Bundle = Field(1, description="parallel links between two routers")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the routers and their cables; see the module's text for counts.

    Raises:
        InfeasibleError: too few host ports, or more links than a router has ports.
    """
    k = options.k or _fewest(plan.endpoints, options.n, options.p)
    dims = [k] * (options.n - 1)
    bundles = [options.bundle] * len(dims)
    return build_hyperx(
        plan, options, graph, ports, "flattened_butterfly", dims, bundles, options.p or k, "enlarge k, n or p"
    )


def _fewest(endpoints: int, n: int, p: int | None) -> int:
    """Return the smallest k whose network holds the host ports."""
    root = (endpoints / p) ** (1 / (n - 1)) if p else endpoints ** (1 / n)
    k = max(2, math.floor(float(root)))
    while k ** (n - 1) * (p or k) < endpoints:
        k += 1
    return k
