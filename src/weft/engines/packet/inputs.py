"""What to simulate, from files and names: flows, the network they cross, and the transport that carries them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from weft.engines.packet.fat_tree import FatTree, regular
from weft.engines.packet.flows import Flows
from weft.engines.packet.htsim_failures import without_failed
from weft.engines.packet.htsim_matrix import Failure, Matrix, read_matrix
from weft.engines.packet.htsim_topology import read_topology
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.presets import PRESETS, preset
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError, UnknownName

#: What the UEC reference simulator calls its congestion controls.
ALIASES = {"nscc": "uec_nscc", "rccc": "uec_rccc", "both": "uec"}
#: Where none is named.
DEFAULT_TRANSPORT = "nscc"
#: Of the network that is built where no file describes one.
TIERS, RATE_Bps, HOP_s = 3, 12.5e9, 1e-6

Path = str | os.PathLike[str]


def transport_of(name: str, **changes: Any) -> Transport:
    """Return a transport by its name, with some of its fields changed.

    Raises:
        UnknownName: no such transport, or no such field.
        ConfigError: a value is out of range.
    """
    found = name.lower().replace("-", "_")
    found = ALIASES.get(found, found)
    if found not in PRESETS:
        raise UnknownName("transport", name, [*PRESETS, *ALIASES])
    return preset(found, **changes)


@dataclass(frozen=True)
class Inputs:
    """What to simulate.

    Attributes:
        flows: what is sent.
        network: that it crosses, with links down and degraded as was asked for.
    """

    flows: Flows
    network: PacketNetwork


def inputs_of(
    flows: Flows | Matrix | Path,
    network: PacketNetwork | FatTree | Path | None = None,
    *,
    degraded: int = 0,
    start_unit_s: float = 1e-6,
    tiers: int = TIERS,
    rate_Bps: float = RATE_Bps,
    hop_latency_s: float = HOP_s,
    switch_latency_s: float = 0.0,
) -> Inputs:
    """Read what is given by path, and put failures and degradation into the network.

    Args:
        flows: or the path of a connection matrix (``.cm``).
        network: or the path of a topology file (``.topo``); None: full bisection for the matrix's hosts, as the
            following say.
        degraded: the first so many core links have a quarter of their rate (`FatTree.network`).
        start_unit_s: what ``start`` counts in the matrix.
        tiers, rate_Bps, hop_latency_s, switch_latency_s: of the network that is built where none is given.

    Raises:
        ConfigError: a file is malformed; hosts, failures or degradation do not fit the network.
    """
    matrix = flows if isinstance(flows, Flows | Matrix) else read_matrix(flows, start_unit_s=start_unit_s)
    file = str(flows) if isinstance(flows, str | os.PathLike) else None
    sent, failures, nodes = _parts(matrix)
    if network is None:
        if not nodes:
            raise ConfigError("flows by themselves do not say between how many hosts; give a network", field="network")
        try:
            tree: FatTree | PacketNetwork = regular(nodes, tiers, rate_Bps, hop_latency_s, switch_latency_s)
        except ConfigError as error:
            raise ConfigError(error.message, file=file, field=error.field) from None
    elif isinstance(network, str | os.PathLike):
        tree = read_topology(network)
    else:
        tree = network
    if nodes and nodes != tree.hosts:
        where = f"; {network} has {tree.hosts}" if isinstance(network, str | os.PathLike) else f" of {tree.hosts} hosts"
        raise ConfigError(f"the flows are between {nodes} hosts{where}", file=file, field="Nodes")
    return Inputs(sent, _built(tree, degraded, failures, file))


def _parts(given: Flows | Matrix) -> tuple[Flows, tuple[Failure, ...], int]:
    if isinstance(given, Matrix):
        return given.flows, given.failures, given.nodes
    return given, (), 0


def _built(
    tree: FatTree | PacketNetwork, degraded: int, failures: tuple[Failure, ...], file: str | None
) -> PacketNetwork:
    if isinstance(tree, PacketNetwork):
        if degraded or failures:
            raise ConfigError("links are counted by tier only in a FatTree; give the network with them down or slow")
        return tree
    if degraded < 0:
        raise ConfigError(f"{degraded} links cannot be degraded", field="degraded")
    try:
        tree.checked()
    except ConfigError as error:
        raise ConfigError(error.message, file=file, field=error.field) from None
    return without_failed(tree, tree.network(degraded), failures, file)
