"""Is everything joined as the topology promises?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weft.fabric.cabling.counting import networked
from weft.fabric.checks.finding import Finding, first_of
from weft.fabric.checks.graph import components
from weft.fabric.tables import Domain, Kind

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric

_TOLERANCE = 1.01  # equal bundles may take a port more


def connected(fabric: Fabric) -> Iterator[Finding]:
    """Every node reaches every other; every switch is cabled."""
    pairs = [np.stack([lower, upper]) for link, lower, upper in networked(fabric) if link.domain in _JOINING]
    hosts = fabric.rows(Kind.HOST)
    a, b = np.concatenate(pairs, axis=1) if pairs else np.empty((2, 0), np.int64)
    label = components(a, b, len(fabric.nodes))
    parts, counts = np.unique(label[hosts], return_counts=True)
    if len(parts) > 1:
        apart = hosts[label[hosts] != parts[counts.argmax()]]
        where, more = first_of(fabric, apart)
        yield Finding(
            "connected",
            "error",
            where,
            f"has no way to most other nodes{more}",
            "add links between the parts, or describe them as clusters of their own",
        )
    switches = np.flatnonzero(np.isin(fabric.nodes.kind, _CABLED))
    joined = np.zeros(len(fabric.nodes), bool)
    joined[a], joined[b] = True, True
    for other in networked(fabric):
        joined[other[1]], joined[other[2]] = True, True
    idle = switches[~joined[switches]]
    if len(idle):
        where, more = first_of(fabric, idle)
        yield Finding("connected", "warning", where, f"has no cable{more}", "leave it out, or cable it")


_JOINING = (Domain.SCALE_OUT, Domain.LONG_HAUL)
_CABLED = (Kind.LEAF, Kind.SPINE, Kind.CORE, Kind.ROUTER)


def oversubscription_as_asked(fabric: Fabric) -> Iterator[Finding]:
    """No tier is oversubscribed more than was asked for (1 where nothing was)."""
    asked = _option(fabric, "oversubscription", 1.0)
    if fabric.network.bisection_Bps is not None:
        return  # a direct network has no tiers to oversubscribe
    tiers = fabric.network.tiers
    wanted = 1.0  # of hosts to what leads up: what was asked of a tier and of all below it
    for tier, above, built in zip(tiers, tiers[1:], fabric.locality.oversubscription[1:], strict=False):
        if above.name == "site":
            continue  # long-haul links are as many as the user says
        wanted *= float(asked.get(tier.name, 1.0) if isinstance(asked, dict) else asked)
        if built > wanted * _TOLERANCE:
            yield Finding(
                "oversubscription_as_asked",
                "error",
                tier.name,
                f"{built:.3g}:1 above a {tier.name}, {wanted:.3g}:1 was asked for",
                "give more uplinks (bundle, radix, larger switches), or ask for what can be built",
            )


def rails_aligned(fabric: Fabric) -> Iterator[Finding]:
    """A leaf of a rail has NICs of that rail only."""
    nodes = fabric.nodes
    leaf_rails = np.where(nodes.kind == Kind.LEAF, nodes.rail, -1)
    if not (leaf_rails >= 0).any():
        return
    rails = int(leaf_rails.max()) + 1
    lower, upper = fabric.links.src[::2], fabric.links.dst[::2]
    ends = (nodes.kind[lower] == Kind.NIC) & (leaf_rails[upper] >= 0)
    wrong = upper[ends][nodes.rail[lower[ends]] % rails != leaf_rails[upper[ends]]]
    if len(wrong):
        where, more = first_of(fabric, np.unique(wrong))
        yield Finding(
            "rails_aligned",
            "error",
            where,
            f"has NICs of other rails: {len(wrong):,} links are crossed{more}",
            "cable NIC r of every node to a leaf of rail r",
        )


def planes_disjoint(fabric: Fabric) -> Iterator[Finding]:
    """Planes meet in nodes only: as many separate networks of switches as there are planes."""
    expected = fabric.network.planes
    if expected < 2:
        return
    pairs = [
        np.stack([lower, upper])[:, fabric.nodes.kind[lower] != Kind.HOST]
        for link, lower, upper in networked(fabric)
        if link.domain in _JOINING
    ]
    homes = [
        upper[fabric.nodes.kind[lower] == Kind.HOST]
        for link, lower, upper in networked(fabric)
        if link.domain in _JOINING
    ]
    a, b = np.concatenate(pairs, axis=1)
    label = components(a, b, len(fabric.nodes))
    found = len(np.unique(label[np.concatenate([a, b, *homes])]))
    if found != expected:
        yield Finding(
            "planes_disjoint",
            "error",
            fabric.name,
            f"{found} separate networks of switches, {expected} planes were asked for",
            "cable every switch within its plane" if found < expected else "join the switches of each plane",
        )


def pod_limits(fabric: Fabric) -> Iterator[Finding]:
    """No pod or unit holds more nodes than was asked for."""
    limits = {Kind.POD: "pod_nodes", Kind.UNIT: "unit_nodes"}
    for kind, option in limits.items():
        limit = _option(fabric, option, None)
        inside = fabric.nodes.parent[fabric.rows(Kind.HOST)]
        inside = inside[(inside >= 0) & (fabric.nodes.kind[inside] == kind)] if len(inside) else inside
        if limit is None or not len(inside):
            continue
        places, count = np.unique(inside, return_counts=True)
        over: npt.NDArray[np.int32] = places[count > int(limit)]
        if len(over):
            where, more = first_of(fabric, over)
            yield Finding(
                "pod_limits",
                "error",
                where,
                f"{int(count.max()):,} nodes, {int(limit):,} were asked for{more}",
                f"raise {option}, or add pods",
            )


def _option(fabric: Fabric, name: str, default: Any) -> Any:
    """Return what the user wrote under ``scale_out``."""
    written = (fabric.plan.cluster.scale_out or {}).get(name)
    return default if written is None else written
