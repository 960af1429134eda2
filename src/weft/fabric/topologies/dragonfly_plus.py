"""Dragonfly+: groups that are two-tier Clos networks, their spines all joined to the spines of all other groups.

Counts, for p host ports a leaf, ``leaves`` and ``spines`` a group, h global links a spine and g groups: every leaf to
every spine of its group, ⌊spines · h / (g - 1)⌋ links between any two groups, at most g = spines · h + 1. With switches
of radix k and leaves = spines = p = h = k / 2: k² / 4 hosts a group, k² / 4 + 1 groups, k⁴ / 16 + k² / 4 hosts. From
leaf to leaf it is 2 hops in a group and 3 to another: leaf, spine, spine, leaf.
Bisection as for the Dragonfly: the thinner of halving the groups, λ g² / 4 links for even g, and halving each of them;
an upper bound. Coordinates: (group, tier: 0 a leaf and 1 a spine, number in the group).
Source: A. Shpiner et al., Dragonfly+: low cost topology for scaling datacenters, HiPINEB 2017.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import Shape, hosts_per_router, wire_direct
from weft.fabric.direct_options import Bundle, DirectHardware, DirectOptions, Use, check_size, resolve_direct
from weft.fabric.distance import Cables
from weft.fabric.global_links import Arrangement, global_links, links_per_pair
from weft.fabric.group_cut import first_half, thinnest_cut_Bps
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Kind

NAMES: dict[Use, str] = {"host": "nic-leaf", "local": "leaf-spine", "global": "spine-spine"}


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: dragonfly_plus``. ``p`` counts host ports of a leaf."""

    leaves: int | None = Field(None, ge=1, le=100_000, description="leaves per group; default h")
    spines: int | None = Field(None, ge=1, le=100_000, description="spines per group; default h")
    h: int | None = Field(None, ge=1, le=100_000, description="global links per spine; default: as small as fits")
    g: int | None = Field(None, ge=1, le=1_000_000, description="groups; default: as few as fit")
    arrangement: Arrangement = Field("absolute", description="of global links: absolute, relative or circulant")
    bundle: Bundle = Field(1, description="parallel links between a leaf and a spine")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the groups, leaves, spines and cables; see the module's text for counts.

    Raises:
        InfeasibleError: too few host ports, more groups than can be reached, or more links than a switch has ports.
    """
    h = options.h or _smallest(plan.endpoints, options)
    leaves, spines, p = options.leaves or h, options.spines or h, options.p or h
    g = options.g or math.ceil(plan.endpoints / (p * leaves))
    bundle = links_per_pair(g, spines * h)
    check_size(g * (leaves + spines), g * leaves * spines * options.bundle + bundle * g * (g - 1) // 2)
    hardware = resolve_direct(plan, options, names=NAMES)
    hosts_per_router(plan.endpoints, g * leaves, p, "enlarge p, leaves or g")
    hardware.check_ports(p, spines * options.bundle, "lower p or spines", "a leaf")
    hardware.check_ports(0, leaves * options.bundle + (h if g > 1 else 0), "lower leaves or h", "a spine")
    group, member = np.indices((g, leaves + spines)).reshape(2, -1)
    is_spine = member >= leaves
    number = np.where(is_spine, member - leaves, member)
    cables = _cables(g, leaves, spines, h, options, hardware)
    half = np.where(is_spine, first_half(number, spines, group), first_half(number, leaves, group))
    shape = Shape(
        len(group),
        cables,
        thinnest_cut_Bps(cables, group, half),
        np.stack([group, is_spine, number], axis=1),
        group=group,
        kind=np.where(is_spine, int(Kind.SPINE), int(Kind.LEAF)),
        tier="leaf",
        host_routers=np.flatnonzero(~is_spine),
    )
    return wire_direct(graph, "dragonfly_plus", shape, hardware, ports, p)


def _smallest(endpoints: int, options: Options) -> int:
    """Return the smallest h whose network holds the host ports, the other counts as written or equal to it."""
    h = 1
    while True:
        leaves, spines, p = options.leaves or h, options.spines or h, options.p or h
        if p * leaves * (options.g or spines * h + 1) >= endpoints or h > endpoints:
            return h
        h += 1


def _cables(
    g: int, leaves: int, spines: int, h: int, options: Options, hardware: DirectHardware
) -> tuple[Cables, Cables]:
    """Return the links inside groups and between them."""
    size = leaves + spines
    start = size * np.arange(g)[:, None]
    leaf, spine = (np.repeat(ends.ravel(), options.bundle) for ends in np.indices((leaves, spines)))
    inside = Cables((start + leaf).ravel(), (start + leaves + spine).ravel(), hardware.links["local"])
    group_a, port_a, group_b, port_b = global_links(g, spines * h, options.arrangement)
    a, b = group_a * size + leaves + port_a // h, group_b * size + leaves + port_b // h
    return inside, Cables(a, b, hardware.links["global"])
