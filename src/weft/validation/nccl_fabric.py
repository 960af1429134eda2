"""From a row's hardware to a communicator on a real fabric: a cluster built in memory, non-blocking unless the row
says more."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from weft.catalog import load_catalog
from weft.fabric import Cluster, CommGroup, Node, ScaleUp, build_fabric
from weft.validation.nccl_setup import Network, Setup, UnsupportedError

_NICS = ("cx6_dx", "cx6", "cx7", "cx8")
_EFA_NICS = ("aws_efav2", "aws_efav3")
#: Transports that are software over Ethernet: the fabric is Ethernet, the library's constants are the transport's.
_OVER_ETHERNET = ("tcpx", "tcpxo")


@lru_cache(maxsize=1024)
def build_group(setup: Setup) -> CommGroup:
    """Return the communicator of a row: node-major ranks, the first ones of each scale-up domain.

    Raises:
        UnsupportedError: counts that no cluster has.
        ConfigError, InfeasibleError: the catalog has no part for it, or it can't be built.
    """
    try:
        cluster = _cluster(setup)
    except ValueError as error:  # pydantic's: a count or rate outside what a cluster file may say
        raise UnsupportedError(f"the hardware is outside what a cluster can be: {error.__class__.__name__}") from None
    fabric = build_fabric(cluster)
    per_unit = setup.ranks // setup.units
    group = fabric.group([unit * setup.domain + place for unit in range(setup.units) for place in range(per_unit)])
    if setup.network is None or setup.network.transport not in _OVER_ETHERNET:
        return group
    inner, *outer = group.levels
    return replace(group, levels=(inner, *(replace(level, protocol=setup.network.transport) for level in outer)))


def _cluster(setup: Setup) -> Cluster:
    scale_up = ScaleUp(in_network_reduction=setup.reduces)
    node = Node(accelerator=setup.accelerator, accelerators=setup.domain, scale_up=scale_up, nics=0)
    if setup.network is None:
        return Cluster(nodes=setup.units, node=node)
    nics = {"nic": _nic(setup.network), "nics": setup.network.nics}
    return Cluster(nodes=setup.units, node=node.model_copy(update=nics), scale_out=_scale_out(setup.network))


def _scale_out(network: Network) -> dict[str, Any]:
    protocol = {"ib": "infiniband", "eth": "roce", "tcpx": "roce", "tcpxo": "roce"}.get(network.transport)
    return {
        "topology": "rail_optimised" if network.transport == "ib" else "leaf_spine",
        "protocol": protocol or network.transport,
        "rate": f"{network.rate_Bps:.6g}B/s",
        "in_network_reduction": network.reduces,
    }


def _nic(network: Network) -> str:
    """The slowest NIC of the catalog that has the rate."""
    catalog = load_catalog()
    names = _EFA_NICS if network.transport == "efa_srd" else _NICS
    return next((n for n in names if catalog.get("nics", n).si("port_gbps") >= network.rate_Bps * 0.999), names[-1])
