"""Folded Clos networks of two and three tiers: the arithmetic of their sizes, and their wiring.

Let a leaf have D ports down and U = ⌈D / o⌉ up (o its oversubscription). With two tiers there are S = ⌈U / B⌉ spines,
where B links to every leaf fit a spine's radix, and each has b = ⌈U / S⌉ links to every leaf: the fewest spines, and
equal bundles, so that every path is as wide as the next. With three tiers the same holds inside each pod; a spine has
U' = ⌈its ports down / o'⌉ links up, and spine j of every pod joins core group j, sized and bundled alike.
At radix k, 1:1 and full this is the k-ary fat tree: k³/4 hosts and 5k²/4 switches (Al-Fares et al., SIGCOMM 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.errors import InfeasibleError
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos_options import ClosOptions, Hardware, pick
from weft.fabric.scale_out import ScaleOut, Tier
from weft.fabric.tables import IntArray, Kind


@dataclass(frozen=True, slots=True)
class ClosSize:
    """Every count of a folded Clos. ``planes`` are equal, separate networks; the other counts are of one plane.

    Attributes:
        planes: separate networks.
        leaves: leaf switches.
        leaf_up: links from a leaf up; 0 where it stands alone.
        pod_leaves: leaves in a full pod.
        pods: pods; 1 for two tiers.
        spines: spines in a pod.
        bundle: links between a leaf and each of its spines.
        spine_up: links from a spine up; 0 for two tiers.
        cores: core switches in each of the ``spines`` core groups.
        core_bundle: links between a spine and each of its cores.
    """

    planes: int
    leaves: int
    leaf_up: int
    pod_leaves: int
    pods: int
    spines: int
    bundle: int
    spine_up: int
    cores: int
    core_bundle: int


def ports_down(radix: int, oversubscription: float, unit: float = 1.0) -> int:
    """Return the most ports a switch can give downwards if ⌈down / (o · unit)⌉ ports of ``unit`` rates go up."""
    down = math.floor(radix * oversubscription / (1 + oversubscription) + 1e-9)
    while down > 1 and down + ports_up(down, oversubscription, unit) * unit > radix + 1e-9:
        down -= 1
    return down


def ports_up(down: int, oversubscription: float, unit: float = 1.0) -> int:
    """Return how many links up keep the oversubscription at or below what was asked."""
    return max(1, math.ceil(down / (oversubscription * unit) - 1e-9))


def size_clos(
    leaves: int,
    leaf_ports: int,
    options: ClosOptions,
    hardware: Hardware,
    *,
    planes: int = 1,
    pod_leaves: int | None = None,
    three_tiers: bool = False,
) -> ClosSize:
    """Work out all counts above ``leaves`` leaf switches of ``leaf_ports`` used ports.

    Args:
        leaves: leaf switches of one plane.
        leaf_ports: host ports of a full leaf.
        options: oversubscription and bundles.
        hardware: radices and rates.
        planes: equal, separate networks.
        pod_leaves: leaves per pod; default: as many as a spine has ports down.
        three_tiers: allow a third tier.

    Raises:
        InfeasibleError: it does not fit the switches; says what would.
    """
    unit = hardware.uplink_Bps / hardware.rate_Bps
    leaf_o, spine_o = (pick(options.oversubscription, tier, 1.0) for tier in ("leaf", "spine"))
    radix = hardware.radix
    if leaves == 1:
        _check(leaf_ports, radix["leaf"], "a leaf", "leaf", "its host ports")
        return ClosSize(planes, 1, 0, 1, 1, 0, 0, 0, 0, 0)
    up = ports_up(leaf_ports, leaf_o, unit)
    _check(leaf_ports + up * unit, radix["leaf"], "a leaf", "leaf", f"{leaf_ports} host ports and {up} uplinks")
    room = int((radix["leaf"] - leaf_ports) / unit + 1e-9)
    asked, asked_core = (pick(options.bundle, tier, 0) for tier in ("spine", "core"))
    if not three_tiers or (pod_leaves or 0) >= leaves:
        what = f"links to {leaves} leaves; use fat_tree (three tiers), or tiers: 3" if not three_tiers else "its leaves"
        _check(leaves, radix["spine"], "a spine", "spine", what)
        spines, bundle = _spread(up, leaves, radix["spine"], room, asked, "spine")
        return ClosSize(planes, leaves, spines * bundle, leaves, 1, spines, bundle, 0, 0, 0)
    down = ports_down(radix["spine"], spine_o)
    pod_leaves = pod_leaves or down
    _check(pod_leaves, down, "a spine", "spine", f"links to {pod_leaves} leaves below (and as many as asked above)")
    spines, bundle = _spread(up, pod_leaves, down, room, asked, "spine")
    spine_up = ports_up(pod_leaves * bundle, spine_o)
    pods = math.ceil(leaves / pod_leaves)
    _check(pods, radix["core"], "a core", "core", f"links to {pods} pods")
    room = radix["spine"] - pod_leaves * bundle
    cores, core_bundle = _spread(spine_up, pods, radix["core"], room, asked_core, "core")
    return ClosSize(
        planes, leaves, spines * bundle, pod_leaves, pods, spines, bundle, cores * core_bundle, cores, core_bundle
    )


def _check(needed: float, ports: int, what: str, tier: str, why: str) -> None:
    if needed > ports + 1e-9:
        raise InfeasibleError(
            f"scale_out.radix: {what} needs {math.ceil(needed)} ports for {why}, it has {ports} ({tier})"
        )


def _spread(up: int, below: int, ports: int, room: int, asked: int, tier: str) -> tuple[int, int]:
    """Return ``(switches, bundle)`` above a switch with ``up`` links: the fewest switches, equal bundles to each.

    Args:
        up: links wanted; equal bundles may take a few more.
        below: switches that each upper switch must reach.
        ports: the upper switch's ports for them.
        room: the lower switch's free ports.
        asked: bundle the user asked for; 0 to choose.
        tier: of the upper switches, for errors.
    """
    widest = ports // below
    if asked:
        switches = math.ceil(up / asked)
        if asked > widest or switches * asked > room:
            raise InfeasibleError(
                f"scale_out.bundle: {asked} links to each {tier} do not fit; at most {min(widest, room)} do"
            )
        return switches, asked
    for switches in range(math.ceil(up / widest), up):
        bundle = math.ceil(up / switches)
        if switches * bundle <= room:
            return switches, bundle
    return up, 1


def wire_clos(
    graph: GraphBuilder,
    name: str,
    size: ClosSize,
    hardware: Hardware,
    ports: npt.NDArray[np.int32],
    leaf_of_port: IntArray,
    *,
    leaf_parent: IntArray | int = -1,
    leaf_ordinal: IntArray | None = None,
    leaf_rail: IntArray | int = -1,
    pod_rows: IntArray | None = None,
    rail_leaf: IntArray | None = None,
    reduces: bool = False,
) -> ScaleOut:
    """Add the switches and cables of a Clos network.

    Args:
        graph: the fabric under construction.
        name: the topology's name.
        size: its counts.
        hardware: its parts.
        ports: int32[nodes, nics], NIC rows.
        leaf_of_port: int[nodes * nics], leaf index (plane-major, then pod by pod) of each host port.
        leaf_parent, leaf_ordinal, leaf_rail: columns of the leaf rows.
        pod_rows: places of the spines, one a pod; None for no places.
        rail_leaf: see ``Tier.rail_unit``, of the leaf tier.
        reduces: switches reduce.
    """
    planes, leaves, spines = size.planes, size.leaves, size.spines
    leaf = graph.nodes(
        Kind.LEAF,
        planes * leaves,
        part=hardware.switch["leaf"],
        parent=leaf_parent,
        ordinal=leaf_ordinal,
        rail=leaf_rail,
    )
    graph.cables(ports.ravel(), leaf[leaf_of_port], hardware.links["leaf"])
    if size.leaf_up:
        pod_of_leaf = (
            np.arange(planes * leaves) // leaves * size.pods + np.arange(planes * leaves) % leaves // size.pod_leaves
        )
        spine = _add_spines(graph, size, hardware, pod_rows)
        above = spine.reshape(planes * size.pods, spines)[pod_of_leaf]
        _bundles(graph, leaf, above, size.bundle, hardware, "spine")
    if size.spine_up:
        core = graph.nodes(Kind.CORE, planes * spines * size.cores, part=hardware.switch["core"])
        groups = core.reshape(planes, 1, spines, size.cores)
        above = np.broadcast_to(groups, (planes, size.pods, spines, size.cores)).reshape(len(spine), size.cores)
        _bundles(graph, spine, above, size.core_bundle, hardware, "core")
    tiers = _tiers(size, hardware, leaf_of_port, rail_leaf)
    return ScaleOut(name, hardware.protocol.id, hardware.rate_Bps, tiers, reduces)


def _add_spines(
    graph: GraphBuilder, size: ClosSize, hardware: Hardware, pod_rows: IntArray | None
) -> npt.NDArray[np.int32]:
    count = size.planes * size.pods * size.spines
    if pod_rows is None:
        return graph.nodes(Kind.SPINE, count, part=hardware.switch["spine"])
    parent = np.tile(np.repeat(pod_rows, size.spines), size.planes)
    ordinal = np.tile(np.arange(size.spines), size.pods * size.planes)
    ordinal += np.repeat(np.arange(size.planes), size.pods * size.spines) * size.spines
    return graph.nodes(Kind.SPINE, count, part=hardware.switch["spine"], parent=parent, ordinal=ordinal)


def _bundles(graph: GraphBuilder, lower: IntArray, above: IntArray, bundle: int, hardware: Hardware, tier: str) -> None:
    """Join each ``lower[i]`` with ``bundle`` cables to every switch in ``above[i]``."""
    graph.cables(np.repeat(lower, above.shape[1] * bundle), np.repeat(above.ravel(), bundle), hardware.links[tier])


def _tiers(size: ClosSize, hardware: Hardware, leaf_of_port: IntArray, rail_leaf: IntArray | None) -> tuple[Tier, ...]:
    """Return who shares which switch, and the uplinks, tier by tier."""
    links = hardware.links
    plane, leaf = np.divmod(leaf_of_port, size.leaves)
    pod = plane * size.pods + leaf // size.pod_leaves
    anywhere = np.zeros(len(leaf), np.int32) if size.planes > 1 else None
    latency_s = links["leaf"].latency_up_s + links["leaf"].latency_down_s
    widths = np.full(size.planes * size.leaves, size.leaf_up * hardware.uplink_Bps)
    tiers = [_tier("leaf", leaf_of_port, widths, latency_s, rail_leaf)]
    if size.leaf_up:
        latency_s += links["spine"].latency_up_s + links["spine"].latency_down_s
        widths = np.full(size.planes * size.pods, size.spines * size.spine_up * hardware.uplink_Bps)
        together = None if anywhere is None else pod % size.pods
        tiers.append(_tier("spine", pod, widths, latency_s, together))
    if size.spine_up:
        latency_s += links["core"].latency_up_s + links["core"].latency_down_s
        tiers.append(_tier("core", plane, np.zeros(size.planes), latency_s, anywhere))
    return tuple(tiers)


def _tier(
    name: str, unit: IntArray, widths: npt.NDArray[np.float64], latency_s: float, rail_unit: IntArray | None
) -> Tier:
    rails = None if rail_unit is None else rail_unit.astype(np.int32)
    return Tier(name, unit.astype(np.int32), widths, latency_s, rails)
