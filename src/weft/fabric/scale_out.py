"""What a topology hands back: who shares which unit of each tier, and how thick the tier's uplinks are.

Groups, oversubscription and bisection follow from it for every topology alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import FloatArray, IntArray


@dataclass(frozen=True)
class Tier:
    """One tier of a scale-out network: ports in the same unit of it reach each other without leaving it.

    Attributes:
        name: ``leaf``, ``spine`` or ``core``: the highest switches such traffic passes; in direct networks what holds
            both ports: ``router``, ``group``, ``network``.
        unit: int32[endpoints], the unit each host port (node-major) is in, counted from 0.
        uplink_Bps: float64[units], one-way bandwidth from each unit into the next tier; zeros at the top.
        latency_s: one way between two ports whose lowest common tier this is, NICs not counted.
        rail_unit: int32[endpoints], where rails differ: the unit a node's ports share when traffic changes rails
            inside the node (NVLink) before it leaves; None where that changes nothing.
    """

    name: str
    unit: npt.NDArray[np.int32]
    uplink_Bps: FloatArray
    latency_s: float
    rail_unit: npt.NDArray[np.int32] | None = None


@dataclass(frozen=True)
class ScaleOut:
    """A built scale-out network.

    Attributes:
        topology: its name.
        protocol: catalog protocol id.
        rate_Bps: of a host port, one way.
        tiers: inner to outer; the last holds every port (or every port of a plane).
        reduces: switches reduce in the network (SHARP).
        bisection_Bps: one way, from the topology's own closed form; None where its tiers are a tree of switches and
            say it themselves.
        coordinates: int32[switches, dimensions], in the order of their rows: where each stands in the topology, as its
            text explains; None where it has none to tell.
        switch_names: what the user's file calls each switch, in the order of their rows; empty where none does.
        circuits: int32[circuits, 2], cable numbers: the two fibres that an optical circuit switch joins, each led to
            it from the switch at its lower end; None without such switches.
        planes: separate networks that meet in nodes only.
    """

    topology: str
    protocol: str
    rate_Bps: float
    tiers: tuple[Tier, ...]
    reduces: bool = False
    bisection_Bps: float | None = None
    coordinates: npt.NDArray[np.int32] | None = None
    switch_names: tuple[str, ...] = ()
    circuits: npt.NDArray[np.int32] | None = None
    planes: int = 1


def bisection_Bps(network: ScaleOut) -> float:
    """Return the one-way bandwidth between two halves of the network: its own closed form, else that of a tree.

    In a tree it is what crosses between the first and the second half of the host ports, taken in node order, so that
    the halves are made of whole racks and pods: in a tree of switches whose units are alike no other even split is
    thinner. It is the exact minimum cut of the tree in which a unit's uplinks are one edge (equal bundles to every
    switch above make that exact): from the leaves up, a unit's switches stand on one side or the other, and the cheaper
    choice is kept.
    """
    if network.bisection_Bps is not None:
        return network.bisection_Bps
    return float(sides_Bps(network.tiers, network.rate_Bps).min(axis=0).sum())


def sides_Bps(tiers: tuple[Tier, ...], rate_Bps: float, second_half: FloatArray | None = None) -> FloatArray:
    """Return what must be cut inside each unit of the last tier if its switches stand with the first or second half.

    Args:
        tiers: of a tree of switches, inner to outer.
        rate_Bps: of a host port.
        second_half: float64[endpoints], 1 for those in the second half; default: the later half in node order.

    Returns:
        float64[2, units], one way.
    """
    endpoints = len(tiers[0].unit)
    if second_half is None:
        second_half = (np.arange(endpoints) >= (endpoints + 1) // 2).astype(np.float64)
    # cost[side]: what must be cut below each unit if its switches stand on that side (0: with the first half)
    here = cost = np.stack([second_half, 1 - second_half]) * rate_Bps
    inside: IntArray = np.arange(endpoints)
    for tier in tiers:
        units = len(tier.uplink_Bps)
        parent = np.zeros(cost.shape[1], dtype=np.int64)
        parent[inside] = tier.unit
        here = np.stack([np.bincount(parent, weights=side, minlength=units) for side in cost])
        # above: the parent may stand on the other side, at the price of the uplinks
        cost = np.minimum(here, here[::-1] + tier.uplink_Bps)
        inside = tier.unit
    return here
