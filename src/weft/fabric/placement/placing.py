"""Puts nodes and switches into racks, and racks on the floor: first fit in order, whole columns at a time.

1. Nodes fill racks in order, as many as space and power allow; a rack holds nodes of one pod or unit only.
2. Switches with hosts (leaves, routers) stand on top of the racks of their hosts, or in network racks, by ``leaf``.
3. All other switches stand in network racks of their pod, unit or group, or of the whole cluster.
4. Racks get a sort key - those of nodes their number, network racks the middle or the end of what they serve - and
   fill the building in that order: row after row, hall after hall, site after site.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.catalog import Part
from weft.errors import InfeasibleError
from weft.fabric.floor_plan import RACK_POWER_W, FloorPlan
from weft.fabric.placement.footprint import Footprint, node_footprint
from weft.fabric.placement.model import Placement, RackUse
from weft.fabric.placement.network_racks import NetworkRacks
from weft.fabric.placement.node_racks import NodeRacks, rack_nodes
from weft.fabric.placement.switch_table import Switches, find_switches
from weft.fabric.plan import Plan
from weft.fabric.tables import IntArray, Kind, LinkTable, NodeTable
from weft.units import format_power


def place(nodes: NodeTable, links: LinkTable, parts: tuple[Part, ...], plan: Plan, floor: FloorPlan) -> Placement:
    """Place every host and switch.

    Args:
        nodes, links: the wired fabric.
        parts: what ``nodes.part`` indexes.
        plan: the cluster.
        floor: the building.

    Raises:
        InfeasibleError: something does not fit a rack, or the racks do not fit the building; says which limit binds.
    """
    node = node_footprint(plan, floor.rack_units)
    hosts = np.flatnonzero(nodes.kind == Kind.HOST)
    liquid = [part.name for part in parts if part.kind != "accelerators" and part.text("cooling") == "liquid"]
    cooling = floor.cooling or ("liquid" if liquid or node.liquid else "air")
    if cooling == "air":
        _check_air([node.name, *liquid] if node.liquid else liquid)
    limit_w = floor.rack_power or RACK_POWER_W[cooling]
    switches = find_switches(nodes, links, parts, hosts, floor, limit_w)
    edge = ~np.isnan(switches.serves)
    leaves, others = switches.only(edge), switches.only(~edge)
    packed, on_top = _pack(nodes, hosts, node, leaves, floor, limit_w)
    network = NetworkRacks(nodes, hosts, packed, floor, limit_w)
    if not on_top and floor.leaf in ("middle_of_row", "end_of_row"):
        network.add_by_row(leaves)
    elif not on_top:
        network.add_by_place(leaves)
    network.add_by_place(others)
    site = _rack_sites(nodes, hosts, packed, network)
    order, slot, halls = _lay_out(packed, network, site, floor)
    _check_building(len(order), halls, floor)
    rack, unit, height = _device_columns(nodes, hosts, node, leaves, switches, packed, network, order)
    use, power_w, units = _rack_columns(node, switches, packed, rack, order)
    return Placement(
        floor=floor,
        cooling=cooling,
        rack_power_limit_w=limit_w,
        rack=rack,
        unit=unit,
        height=height,
        use=use,
        slot=slot.astype(np.int32),
        halls_per_site=floor.halls_per_site or int(halls.max()),
        rack_power_w=power_w,
        rack_units_used=units,
        nodes_per_rack=packed.per_rack,
        binding=packed.binding,
    )


def _check_air(liquid: list[str]) -> None:
    if liquid:
        raise InfeasibleError(
            f"floor_plan.cooling: {liquid[0]} is cooled by liquid only, the hall by air; set cooling: liquid"
        )


def _pack(
    nodes: NodeTable, hosts: IntArray, node: Footprint, leaves: Switches, floor: FloorPlan, limit_w: float
) -> tuple[NodeRacks, bool]:
    """Put nodes into racks; return them and whether the leaves stand on top of them."""
    if floor.leaf in (None, "top_of_rack"):
        packed = rack_nodes(nodes, hosts, node, leaves, floor, limit_w)
        if packed is not None:
            return packed, True
        if floor.leaf is not None:
            raise InfeasibleError(
                f"floor_plan.leaf: a rack of {floor.rack_units} units and {format_power(limit_w)} has no room for the "
                f"leaves beside one {node.name} ({node.units} units, {format_power(node.power_w)}); "
                "set leaf: network_racks"
            )
    packed = rack_nodes(nodes, hosts, node, None, floor, limit_w)
    if packed is None:
        raise InfeasibleError("floor_plan: the nodes do not fit the racks")
    return packed, False


def _rack_sites(nodes: NodeTable, hosts: IntArray, packed: NodeRacks, network: NetworkRacks) -> npt.NDArray[np.int64]:
    """Return the site of every rack (node racks, then network racks) as the topology has it; 0 where it has none."""
    site = np.zeros(packed.racks + network.count, np.int64)
    for rows, rack in ((hosts, packed.rack), (network.rows, packed.racks + network.rack)):
        above = nodes.parent[rows]
        while (above >= 0).any():
            here = (above >= 0) & (nodes.kind[above] == Kind.SITE)
            site[rack[here]] = nodes.ordinal[above[here]]
            above = np.where(above >= 0, nodes.parent[above], -1)
    return site


def _lay_out(
    packed: NodeRacks, network: NetworkRacks, site: IntArray, floor: FloorPlan
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the racks in floor order, the slot of each in that order, and the halls each site takes."""
    node_rack = np.arange(packed.racks)
    key = np.concatenate([node_rack.astype(np.float64), network.key])
    block = np.zeros(len(key), np.int64)
    if network.row_nodes:  # rows of nodes and leaves, and rows of other switches between them
        block = np.concatenate([2 * (node_rack // network.row_nodes), network.block])
    order = np.lexsort((key, block, site))
    ordered = np.stack([site[order], block[order]])
    begins = np.flatnonzero(np.concatenate([[True], (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)]))
    length = np.diff(begins, append=len(order))
    rows = -(-length // floor.racks_per_row)  # every block begins a row
    site_of_block = ordered[0, begins]
    site_rows = np.bincount(site_of_block, weights=rows).astype(np.int64)
    halls = -(-site_rows // floor.rows_per_hall)
    per_site = (floor.halls_per_site or int(halls.max())) * floor.rows_per_hall
    before = np.cumsum(rows) - rows  # rows of earlier blocks, then only of the same site
    before -= (np.cumsum(site_rows) - site_rows)[site_of_block]
    first = (site_of_block * per_site + before) * floor.racks_per_row
    return order, np.repeat(first - begins, length) + np.arange(len(order)), halls


def _check_building(racks: int, halls: IntArray, floor: FloorPlan) -> None:
    """Refuse more racks than the halls have room for. One site of a topology without sites may take several."""
    if floor.halls_per_site is None:
        return
    most = floor.halls_per_site * (floor.sites if len(halls) == 1 else 1)
    if int(halls.max()) > most:
        per_hall = floor.racks_per_row * floor.rows_per_hall
        raise InfeasibleError(
            f"floor_plan.halls_per_site: {racks:,} racks take {int(halls.sum())} halls of {per_hall} racks, there are "
            f"{floor.halls_per_site * max(floor.sites, len(halls))}; add halls, rows or sites, or raise rack_power"
        )


def _device_columns(
    nodes: NodeTable,
    hosts: IntArray,
    node: Footprint,
    leaves: Switches,
    switches: Switches,
    packed: NodeRacks,
    network: NetworkRacks,
    order: IntArray,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return rack, lowest rack unit and height of every node row."""
    number = _numbers(order)
    rack, unit = np.full(len(nodes), -1, np.int32), np.zeros(len(nodes), np.int16)
    height = np.zeros(len(nodes), np.int16)
    rack[hosts], unit[hosts], height[hosts] = number[packed.rack], 1 + packed.seat * node.units, node.units
    height[switches.rows] = switches.units
    if packed.leaf_rack.size:
        rack[leaves.rows] = number[packed.leaf_rack]
        unit[leaves.rows] = packed.top - (packed.leaf_seat + 1) * int(leaves.units.max()) + 1
    if network.count:
        rack[network.rows], unit[network.rows] = number[packed.racks + network.rack], network.unit
    inside = np.isin(nodes.kind, (Kind.ACCELERATOR, Kind.NIC, Kind.SCALE_UP_SWITCH))
    rack[inside] = rack[nodes.parent[inside]]
    return rack, unit, height


def _rack_columns(
    node: Footprint, switches: Switches, packed: NodeRacks, rack: IntArray, order: IntArray
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Return use, power and rack units in use of every rack."""
    number = _numbers(order)
    use = np.full(len(order), int(RackUse.NETWORK), np.uint8)
    use[number[: packed.racks]] = int(RackUse.NODES)
    power_w, units = np.zeros(len(order)), np.zeros(len(order), np.int32)
    filled = number[(packed.rack[:, None] - node.racks // 2 + np.arange(node.racks)).ravel()]
    np.add.at(power_w, filled, node.power_w)
    np.add.at(units, filled, node.units)
    np.add.at(power_w, rack[switches.rows], switches.power_w)
    np.add.at(units, rack[switches.rows], switches.units)
    return use, power_w, units


def _numbers(order: IntArray) -> npt.NDArray[np.int64]:
    """Return each rack's number on the floor."""
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number
