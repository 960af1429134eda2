"""By which ports an accelerator's traffic enters and leaves the network, and where those ports are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric.fabric import Fabric
from weft.fabric.tables import Domain, FloatArray, Kind, csr
from weft.routing.switch_graph import SwitchGraph


@dataclass(frozen=True)
class HostPorts:
    """The ports of every accelerator: those of its NICs, each of which may have several.

    Attributes:
        switch: int32[accelerators, ports], switch number; -1 where there are fewer ports.
        nic: int16[accelerators, ports], which of the accelerator's NICs the port belongs to, from 0.
        out: int32[accelerators, ports, 2], links to the NIC and to the switch, -1 where the NIC is the switch; the
            way in is ``out + 1``, reversed.
        leaves, enters: bool[accelerators, ports], all links of that direction are up.
    """

    switch: npt.NDArray[np.int32]
    nic: npt.NDArray[np.int16]
    out: npt.NDArray[np.int32]
    leaves: npt.NDArray[np.bool_]
    enters: npt.NDArray[np.bool_]


def host_ports(
    fabric: Fabric, graph: SwitchGraph, number: npt.NDArray[np.int32], capacity_Bps: FloatArray
) -> HostPorts:
    """Return the ports of a fabric's accelerators.

    Args:
        fabric: the fabric.
        graph: its switches.
        number: int32[nodes], the accelerator number of each node row; -1 for others.
        capacity_Bps: float64[links], 0 for those that are down.
    """
    links, nodes = fabric.links, fabric.nodes
    domain = np.array([c.domain for c in links.classes], np.uint8)[links.link_class[::2]]
    lower, upper = links.src[::2], links.dst[::2]
    to_nic = np.flatnonzero((domain == Domain.HOST) & (number[lower] >= 0) & (nodes.kind[upper] == Kind.NIC))
    to_switch = np.flatnonzero((domain == Domain.SCALE_OUT) & (nodes.kind[lower] == Kind.NIC))
    to_switch = to_switch[graph.number[upper[to_switch]] >= 0]
    to_nic = to_nic[np.lexsort((upper[to_nic], number[lower[to_nic]]))]
    if not len(to_nic):
        none = np.full((fabric.accelerators, 1), -1, np.int32)
        return HostPorts(none, none.astype(np.int16), np.stack([none, none], axis=2), none > 0, none > 0)
    accelerator = number[lower[to_nic]]
    first_nic, _ = csr(accelerator, fabric.accelerators)
    nic = np.arange(len(to_nic)) - first_nic[accelerator]
    # every port of every NIC of every accelerator
    at, order = csr(lower[to_switch], len(nodes))
    forwards = graph.number[upper[to_nic]] >= 0
    sides = np.where(forwards, 1, np.diff(at)[upper[to_nic]])
    link = np.repeat(np.arange(len(to_nic)), sides)
    side = np.arange(len(link)) - np.repeat(np.cumsum(sides) - sides, sides)
    cable = np.full(len(link), -1, np.int64)
    leads = ~forwards[link]
    cable[leads] = to_switch[order][at[upper[to_nic]][link[leads]] + side[leads]]
    owner = accelerator[link]
    first_port, _ = csr(owner, fabric.accelerators)
    column = np.arange(len(owner)) - first_port[owner]
    shape = (fabric.accelerators, int(column.max(initial=0)) + 1)
    switch, number_of_nic = np.full(shape, -1, np.int32), np.zeros(shape, np.int16)
    out = np.full((*shape, 2), -1, np.int32)
    switch[owner, column] = graph.number[np.where(leads, upper[cable], upper[to_nic[link]])]
    number_of_nic[owner, column] = nic[link]
    out[owner, column, 0], out[owner, column, 1] = 2 * to_nic[link], np.where(leads, 2 * cable, -1)
    known = switch >= 0
    leaves, enters = (known & ((capacity_Bps[out + way] > 0) | (out < 0)).all(axis=2) for way in (0, 1))
    return HostPorts(switch, number_of_nic, out, leaves, enters)
