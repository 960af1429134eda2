"""Flows in, what became of them out: what ``weft packet`` runs and Python callers call."""

from __future__ import annotations

import math
import os

from weft.engines.packet.drive import Progress, run_flows
from weft.engines.packet.fat_tree import FatTree
from weft.engines.packet.flows import Flows
from weft.engines.packet.htsim_matrix import Matrix
from weft.engines.packet.inputs import inputs_of, transport_of
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.outcome import Outcome
from weft.engines.packet.samples import Sampling
from weft.engines.packet.transport import Transport


def packet(
    flows: Flows | Matrix | str | os.PathLike[str],
    network: PacketNetwork | FatTree | str | os.PathLike[str] | None = None,
    transport: Transport | str = "uec_nscc",
    *,
    degraded: int = 0,
    until_s: float = math.inf,
    sampling: Sampling | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Simulate flows packet by packet.

    Args:
        flows: what is sent, or the path of a connection matrix (``.cm``).
        network: that it crosses, or the path of a topology file (``.topo``). None: a network of three tiers with full
            bisection, 100 Gb/s and 1 us a link, for the hosts that the matrix has.
        transport: or its name (`weft.engines.packet.presets`).
        degraded: the first so many core links have a quarter of their rate.
        until_s: stop there, if flows still run.
        sampling: what to record over time.
        progress: told (kilobytes that have arrived, of how many) every so often.

    Raises:
        ConfigError: a file is malformed, or what is given does not fit together.
        InfeasibleError: a flow has no way, or links of a lossless network wait for each other in a circle.
    """
    given = inputs_of(flows, network, degraded=degraded)
    chosen = transport if isinstance(transport, Transport) else transport_of(transport)
    return run_flows(given.network, chosen, given.flows, until_s=until_s, sampling=sampling, progress=progress)
