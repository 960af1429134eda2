"""The switches of a fabric and the live links between them: what a routing policy walks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric.fabric import Fabric
from weft.fabric.tables import FloatArray, Kind, csr

_SWITCHING = (Kind.LEAF, Kind.SPINE, Kind.CORE, Kind.ROUTER)
# Where accelerators forward for others, a NIC that stands for an accelerator's ports is a switch like any other.
_FORWARDING = ("hamming_mesh",)


@dataclass(frozen=True)
class SwitchGraph:
    """Switches, numbered from 0, and the directed links between them that are up, sorted by the switch they leave.

    An optical circuit switch is no switch here: the two fibres that a circuit joins are one edge between the switches
    at their far ends, whose resource is the first fibre's link. Accelerators that forward are switches, by their NICs.

    Attributes:
        row: int32[switches], the node row of each.
        number: int32[nodes], the switch number of each node row; -1 for all that are none.
        indptr: int64[switches + 1]; edges ``indptr[v]:indptr[v + 1]`` leave switch v.
        head: int32[edges], the switch each edge leads to.
        resource: int32[edges].
        rate_Bps: float64[edges], above 0.
        latency_s: float64[edges].
    """

    row: npt.NDArray[np.int32]
    number: npt.NDArray[np.int32]
    indptr: npt.NDArray[np.int64]
    head: npt.NDArray[np.int32]
    resource: npt.NDArray[np.int32]
    rate_Bps: npt.NDArray[np.float64]
    latency_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)


def switch_graph(fabric: Fabric, capacity_Bps: FloatArray, latency_s: FloatArray) -> SwitchGraph:
    """Return the switches of the compute network and what joins them.

    Args:
        fabric: the fabric; its front-end and storage networks are left out.
        capacity_Bps, latency_s: float64[links], as `weft.routing.resources.link_state` gives them.
    """
    links, nodes = fabric.links, fabric.nodes
    end = fabric.others[0].rows[0] if fabric.others else len(nodes)
    kinds = (*_SWITCHING, Kind.NIC) if fabric.network.topology in _FORWARDING else _SWITCHING
    row = np.flatnonzero(np.isin(nodes.kind[:end], kinds)).astype(np.int32)
    number = np.full(len(nodes), -1, np.int32)
    number[row] = np.arange(len(row))
    resource = np.flatnonzero((number[links.src] >= 0) & (number[links.dst] >= 0) & (capacity_Bps > 0))
    tail, head = number[links.src[resource]], number[links.dst[resource]]
    if fabric.network.circuits is not None:
        first, second = 2 * fabric.network.circuits.astype(np.int64).T
        fibre = np.concatenate([first, second])
        a, b = number[links.src[fibre]], number[links.src[np.concatenate([second, first])]]
        up = capacity_Bps[fibre] > 0
        resource = np.concatenate([resource, fibre[up]])
        tail, head = np.concatenate([tail, a[up]]), np.concatenate([head, b[up]])
    indptr, order = csr(tail, len(row))
    resource = resource[order]
    return SwitchGraph(
        row,
        number,
        indptr,
        head[order],
        resource.astype(np.int32),
        capacity_Bps[resource],
        latency_s[resource],
    )
