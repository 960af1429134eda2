"""Dragonfly: groups of routers that are all joined to each other, and groups that are all joined to each other.

Counts, for p host ports and h global links a router, a routers a group and g groups: degree a - 1 + h; a full network
has g = a h + 1 groups, one link between any two, N = a p (a h + 1) host ports, g a (a - 1) / 2 local and g a h / 2
global links. Fewer groups are joined by ⌊a h / (g - 1)⌋ links each. Balanced: a = 2p = 2h. Diameter 3 (local, global,
local). Global ports are numbered along a group, h a router; `weft.fabric.global_links` says where each leads.

Bisection: with λ links between two groups, halving the groups cuts λ g² / 4 links for even g; for odd g one group is
halved as well, λ ((g - 1) / 2)² global links and ⌊a² / 4⌋ local ones in a full network. Few groups in fat bundles are
thinner across every group. The thinner of the two is reported (`weft.fabric.group_cut`): exact where a >= 2h and the
network is full, by all halvings of small ones; in general an upper bound. Coordinates: (group, router in the group).
Source: J. Kim, W. Dally, S. Scott and D. Abts, Technology-driven, highly-scalable Dragonfly topology, ISCA 2008.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import Shape, hosts_per_router, wire_direct
from weft.fabric.direct_options import Bundle, DirectOptions, check_size, resolve_direct
from weft.fabric.distance import Cables
from weft.fabric.global_links import Arrangement, global_links, links_per_pair
from weft.fabric.grid import coordinates
from weft.fabric.group_cut import first_half, thinnest_cut_Bps
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import LinkClass


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: dragonfly``. Blanks are filled to balance a = 2p = 2h."""

    a: int | None = Field(None, ge=1, le=100_000, description="routers per group; default 2h")
    h: int | None = Field(None, ge=1, le=100_000, description="global links per router; default: as small as fits")
    g: int | None = Field(None, ge=1, le=1_000_000, description="groups, at most a h + 1; default: as few as fit")
    arrangement: Arrangement = Field("absolute", description="of global links: absolute, relative or circulant")
    bundle: Bundle = Field(1, description="parallel links between two routers of a group")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the groups, routers and cables; see the module's text for counts.

    Raises:
        InfeasibleError: too few host ports, more groups than can be reached, or more links than a router has ports.
    """
    p, a, h = _balanced(plan.endpoints, options)
    g = options.g or math.ceil(plan.endpoints / (p * a))
    bundle = links_per_pair(g, a * h)
    check_size(g * a, g * a * (a - 1) // 2 * options.bundle + bundle * g * (g - 1) // 2)
    hardware = resolve_direct(plan, options)
    hosts_per_router(plan.endpoints, g * a, p, "enlarge p, a or g")
    hardware.check_ports(p, (a - 1) * options.bundle + (h if g > 1 else 0), "lower p, a or h")
    cables = _cables(g, a, h, options, hardware.links["local"], hardware.links["global"])
    group, router = coordinates((g, a)).T
    cut_Bps = thinnest_cut_Bps(cables, group, first_half(router, a, group))
    shape = Shape(g * a, cables, cut_Bps, coordinates((g, a)), group=group)
    return wire_direct(graph, "dragonfly", shape, hardware, ports, p)


def _balanced(endpoints: int, options: Options) -> tuple[int, int, int]:
    """Return p, a and h: as written, and the rest to balance a = 2p = 2h, no larger than the host ports need.

    Raises:
        ConfigError: an odd a that cannot be halved.
    """
    p, a, h = options.p, options.a, options.h
    if h is None and p is None and a is not None and a % 2:
        raise ConfigError(f"{a} routers cannot be balanced by a = 2p = 2h; write p and h as well", field="scale_out.a")
    if h is None:
        h = p or (a // 2 if a else 1)
        while not (p or a) and capacity(h, 2 * h, h, options.g) < endpoints:
            h += 1
    return p or h, a or 2 * h, h


def capacity(p: int, a: int, h: int, g: int | None = None) -> int:
    """Return the host ports of a network of g groups, or of a h + 1."""
    return p * a * (g or a * h + 1)


def _cables(g: int, a: int, h: int, options: Options, local: LinkClass, far: LinkClass) -> list[Cables]:
    """Return the links inside groups and between them."""
    first, second = (np.repeat(ends, options.bundle) for ends in np.triu_indices(a, 1))
    start = a * np.arange(g)[:, None]
    inside = Cables((start + first).ravel(), (start + second).ravel(), local)
    group_a, port_a, group_b, port_b = global_links(g, a * h, options.arrangement)
    return [inside, Cables(group_a * a + port_a // h, group_b * a + port_b // h, far)]
