"""The wiring of folded Clos networks of two and three tiers, whose sizes `weft.fabric.clos_size` works out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from weft.fabric.builder import GraphBuilder
from weft.fabric.clos_options import Hardware
from weft.fabric.clos_size import ClosSize
from weft.fabric.scale_out import ScaleOut, Tier
from weft.fabric.tables import IntArray, Kind, LinkClass


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
        leaf_of_port: int[nodes * nics] or int[nodes * nics, sides], leaf index (plane-major, then pod by pod) of each
            NIC, or of each of its ports. Ports of one NIC go to like leaves in planes of their own, or else to leaves
            next to each other.
        leaf_parent, leaf_ordinal, leaf_rail: columns of the leaf rows.
        pod_rows: places of the spines, one a pod; None for no places.
        rail_leaf: see ``Tier.rail_unit``, of the leaf tier.
        reduces: switches reduce.
    """
    planes, leaves, spines = size.planes, size.leaves, size.spines
    ends = leaf_of_port.reshape(len(leaf_of_port), -1)
    leaf = graph.nodes(
        Kind.LEAF,
        planes * leaves,
        part=hardware.switch["leaf"],
        parent=leaf_parent,
        ordinal=leaf_ordinal,
        rail=leaf_rail,
    )
    graph.cables(np.repeat(ports.ravel(), ends.shape[1]), leaf[ends.ravel()], hardware.links["leaf"])
    if size.leaf_up:
        pod_of_leaf = (
            np.arange(planes * leaves) // leaves * size.pods + np.arange(planes * leaves) % leaves // size.pod_leaves
        )
        spine = _add_spines(graph, size, hardware, pod_rows)
        above = spine.reshape(planes * size.pods, spines)[pod_of_leaf]
        _bundles(graph, leaf, above, size.bundle, broken_out(hardware.links["spine"], size.breakout))
    if size.spine_up:
        core = graph.nodes(Kind.CORE, planes * spines * size.cores, part=hardware.switch["core"])
        groups = core.reshape(planes, 1, spines, size.cores)
        above = np.broadcast_to(groups, (planes, size.pods, spines, size.cores)).reshape(len(spine), size.cores)
        _bundles(graph, spine, above, size.core_bundle, hardware.links["core"])
    tiers = _tiers(size, hardware, ends, rail_leaf)
    return ScaleOut(name, hardware.protocol.id, hardware.rate_Bps * ends.shape[1], tiers, reduces, planes=planes)


def broken_out(link: LinkClass, links: int) -> LinkClass:
    """Return the class of the links that one port of ``link`` is split into."""
    return replace(link, rate_Bps=link.rate_Bps / links, breakout=links)


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


def _bundles(graph: GraphBuilder, lower: IntArray, above: IntArray, bundle: int, link: LinkClass) -> None:
    """Join each ``lower[i]`` with ``bundle`` links to every switch in ``above[i]``."""
    graph.cables(np.repeat(lower, above.shape[1] * bundle), np.repeat(above.ravel(), bundle), link)


def _tiers(size: ClosSize, hardware: Hardware, ends: IntArray, rail_leaf: IntArray | None) -> tuple[Tier, ...]:
    """Return who shares which switch, and the uplinks, tier by tier.

    A NIC with several sides is in as many leaves at once. Those leaves count as one, as wide as all of them; so do the
    planes, where the sides are in planes of their own.
    """
    links, sides = hardware.links, ends.shape[1]
    mirrored = sides > 1 and bool((ends[:, 1] - ends[:, 0] >= size.leaves).all())
    leaf_of_port, planes, leaves, pod_leaves = ends[:, 0], size.planes, size.leaves, size.pod_leaves
    if mirrored:
        planes //= sides
    elif sides > 1:
        leaf_of_port, leaves, pod_leaves = leaf_of_port // sides, leaves // sides, pod_leaves // sides
    plane, leaf = np.divmod(leaf_of_port, leaves)
    pod = plane * size.pods + leaf // pod_leaves
    anywhere = np.zeros(len(leaf), np.int32) if planes > 1 else None
    latency_s = links["leaf"].latency_up_s + links["leaf"].latency_down_s
    widths = np.full(planes * leaves, sides * size.leaf_up * hardware.uplink_Bps / size.breakout)
    tiers = [_tier("leaf", leaf_of_port, widths, latency_s, rail_leaf)]
    if size.leaf_up:
        latency_s += links["spine"].latency_up_s + links["spine"].latency_down_s
        widths = np.full(planes * size.pods, size.spines * size.spine_up * hardware.uplink_Bps)
        widths *= sides if mirrored else 1
        together = None if anywhere is None else pod % size.pods
        tiers.append(_tier("spine", pod, widths, latency_s, together))
    if size.spine_up:
        latency_s += links["core"].latency_up_s + links["core"].latency_down_s
        tiers.append(_tier("core", plane, np.zeros(planes), latency_s, anywhere))
    return tuple(tiers)


def _tier(
    name: str, unit: IntArray, widths: npt.NDArray[np.float64], latency_s: float, rail_unit: IntArray | None
) -> Tier:
    rails = None if rail_unit is None else rail_unit.astype(np.int32)
    return Tier(name, unit.astype(np.int32), widths, latency_s, rails)
