"""The wiring of direct networks: routers joined to each other, host ports on the routers.

A topology says how many routers there are and which cables join them (a `Shape`); everything else is the same for all:
host ports fill the routers in node order, p at a time; nearness is the router, the group of routers where there are
groups, and the whole network; latency between routers is the mean over pairs of host ports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from weft.errors import InfeasibleError
from weft.fabric.builder import GraphBuilder
from weft.fabric.direct_options import DirectHardware
from weft.fabric.distance import Cables, mean_latency_s
from weft.fabric.scale_out import ScaleOut, Tier
from weft.fabric.tables import IntArray, Kind
from weft.units import format_count


@dataclass(frozen=True)
class Shape:
    """A direct network's routers and the cables between them.

    Attributes:
        routers: how many.
        cables: by link class; the ends are router numbers.
        cut_Bps: one way, of the thinnest cut that halves the routers, as the topology's text says.
        coordinates: int[routers, dimensions].
        group: int[routers], ascending; None for no groups.
        kind: of the routers, one for all or one each.
        host_routers: the routers that have host ports, in the order they are filled; None for all.
        mean_hops: between two different routers, where a closed form says; None to measure it.
        tier: what the first tier is called.
        ordinal: int[routers], number of each among its kind; None to count them.
        names: what the user's file calls them, if anything.
    """

    routers: int
    cables: Sequence[Cables]
    cut_Bps: float
    coordinates: IntArray | None = None
    group: IntArray | None = None
    kind: Kind | IntArray = Kind.ROUTER
    host_routers: IntArray | None = None
    mean_hops: float | None = None
    tier: str = "router"
    ordinal: IntArray | None = None
    names: tuple[str, ...] = ()


def hosts_per_router(endpoints: int, routers: int, asked: int | None, mend: str) -> int:
    """Return p: as asked, else the fewest host ports per router that hold every NIC.

    Raises:
        InfeasibleError: the routers have too few host ports; ``mend`` says what to change.
    """
    p = asked or math.ceil(endpoints / routers)
    if p * routers < endpoints:
        raise InfeasibleError(
            f"scale_out: {format_count(routers)} routers of {p} host ports hold {format_count(p * routers)} NICs, "
            f"the nodes have {format_count(endpoints)}; {mend}"
        )
    return p


def wire_direct(
    graph: GraphBuilder,
    name: str,
    shape: Shape,
    hardware: DirectHardware,
    ports: npt.NDArray[np.int32],
    p: int,
) -> ScaleOut:
    """Add the routers and cables of a direct network.

    Args:
        graph: the fabric under construction.
        name: the topology's name.
        shape: its routers and cables.
        hardware: its parts.
        ports: int32[nodes, nics], NIC rows.
        p: host ports per router.
    """
    seat = np.arange(ports.size) // p
    return wire_at(
        graph, name, shape, hardware, ports, seat if shape.host_routers is None else shape.host_routers[seat]
    )


def wire_at(
    graph: GraphBuilder,
    name: str,
    shape: Shape,
    hardware: DirectHardware,
    ports: npt.NDArray[np.int32],
    at: IntArray,
) -> ScaleOut:
    """Add the routers and cables of a network whose host ports are each on a router of their own choice.

    Args:
        graph, name, shape, hardware, ports: as for `wire_direct`.
        at: int[endpoints], the router of each host port.
    """
    rows = _add_routers(graph, shape, hardware, at[:: ports.shape[1]])
    graph.cables(ports.ravel(), rows[at], replace(hardware.links["host"], name=f"nic-{shape.tier}"))
    join(graph, rows, shape.cables)
    host = hardware.links["host"]
    return scale_out(name, shape, hardware, at, np.argsort(rows), host.latency_up_s + host.latency_down_s)


def join(graph: GraphBuilder, rows: IntArray, cables: Sequence[Cables]) -> None:
    """Add cables whose ends are numbers of ``rows``."""
    for some in cables:
        if len(some.a):
            graph.cables(rows[some.a], rows[some.b], some.link)


def scale_out(
    name: str, shape: Shape, hardware: DirectHardware, at: IntArray, row_order: IntArray, host_s: float
) -> ScaleOut:
    """Return what the network hands back: tiers, bisection, coordinates.

    Args:
        name: the topology's name.
        shape: its routers and cables.
        hardware: its parts.
        at: int[endpoints], the router of each host port.
        row_order: int[routers], the routers in the order of their rows.
        host_s: one way between two ports of one router, NICs not counted.
    """
    coordinates = None if shape.coordinates is None else shape.coordinates[row_order].astype(np.int32)
    return ScaleOut(
        name,
        hardware.protocol.id,
        hardware.rate_Bps,
        _tiers(shape, at, host_s),
        bisection_Bps=min(shape.cut_Bps if shape.routers > 1 else math.inf, len(at) // 2 * hardware.rate_Bps),
        coordinates=coordinates,
        switch_names=tuple(shape.names[router] for router in row_order) if shape.names else (),
    )


def _add_routers(
    graph: GraphBuilder, shape: Shape, hardware: DirectHardware, router_of_node: IntArray
) -> npt.NDArray[np.int32]:
    """Add the routers, inside their groups where there are some, and place the hosts there too; return their rows."""
    parent = np.full(shape.routers, -1, np.int32)
    group = np.zeros(shape.routers, np.int64)
    if shape.group is not None:
        places = graph.nodes(Kind.GROUP, int(shape.group[-1]) + 1)
        group = shape.group.astype(np.int64)
        parent = places[group]
        graph.place(graph.hosts, parent[router_of_node])
    kinds = np.broadcast_to(np.asarray(shape.kind), shape.routers)
    rows = np.empty(shape.routers, np.int32)
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)
        if shape.ordinal is None:
            ordinal: IntArray = np.arange(len(mine)) - np.searchsorted(group[mine], group[mine], side="left")
        else:
            ordinal = shape.ordinal[mine]
        rows[mine] = graph.nodes(Kind(int(kind)), len(mine), part=hardware.switch, parent=parent[mine], ordinal=ordinal)
    return rows


def _tiers(shape: Shape, at: IntArray, host_s: float) -> tuple[Tier, ...]:
    """Return who shares which router and which group, and what leads out of them."""
    units: list[tuple[str, IntArray]] = [(shape.tier, np.arange(shape.routers))]
    if shape.group is not None and shape.group[-1] > 0:
        units.append(("group", shape.group))
    if shape.routers > 1:
        units.append(("network", np.zeros(shape.routers, np.int64)))
    if shape.mean_hops is None:
        return tiers(shape.cables, at, units, host_s, mean_latency_s(shape.cables, at, [unit for _, unit in units]))
    hop_s = shape.cables[0].link.latency_up_s
    return tiers(shape.cables, at, units, host_s, [0.0, shape.mean_hops * hop_s])


def tiers(
    cables: Sequence[Cables],
    at: IntArray,
    units: Sequence[tuple[str, IntArray]],
    host_s: float,
    apart_s: Sequence[float],
) -> tuple[Tier, ...]:
    """Return the tiers of a direct network.

    Args:
        cables: between routers.
        at: int[endpoints], the router of each host port.
        units: name, and int[routers] the unit each router is in, inner to outer.
        host_s: one way between two ports of one router.
        apart_s: for each tier, the mean latency between the routers of two ports.
    """
    return tuple(
        Tier(name, unit[at].astype(np.int32), _uplinks_Bps(cables, unit), host_s + latency_s)
        for (name, unit), latency_s in zip(units, apart_s, strict=False)
    )


def _uplinks_Bps(cables: Sequence[Cables], unit: IntArray) -> npt.NDArray[np.float64]:
    """Return the rate of all cables that leave each unit of routers."""
    total = np.zeros(int(unit.max()) + 1)
    for some in cables:
        a, b = unit[some.a], unit[some.b]
        leaves = a != b
        for end in (a, b):
            total += some.link.rate_Bps * np.bincount(end[leaves], minlength=len(total))
    return total
