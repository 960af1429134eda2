"""Links that a connection matrix says are down, as links of the network it is run on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.engines.packet.fat_tree import FatTree
from weft.engines.packet.htsim_matrix import Failure
from weft.engines.packet.network import PacketNetwork
from weft.errors import ConfigError

_NAMES = ("TOR", "AGG", "CORE")


def without_failed(
    tree: FatTree, network: PacketNetwork, failures: Sequence[Failure], file: str | None
) -> PacketNetwork:
    """Return the network without the failed links, both ways.

    Args:
        tree: what the network was made of.
        failures: the so many-th link up of a switch; down, for a switch of the top tier.
        file: that names them, for messages.

    Raises:
        ConfigError: there is no such switch, or it has no such link.
    """
    down = [2 * _pair(tree, network, failure, file) + way for failure in failures for way in (0, 1)]
    return network.without(down) if down else network


def _pair(tree: FatTree, network: PacketNetwork, failure: Failure, file: str | None) -> int:
    """Return which of the cables between switches it is: links 2 i and 2 i + 1 are cable i."""
    counts = tree.counts()
    name = _NAMES[failure.tier]
    if failure.tier >= len(counts):
        raise ConfigError(
            f"there is no {name} switch in {len(counts)} tiers", file=file, line=failure.line, field="failure"
        )
    if failure.switch >= counts[failure.tier]:
        last = counts[failure.tier] - 1
        message = f"there is no {name} switch {failure.switch}; 0 to {last}"
        raise ConfigError(message, file=file, line=failure.line, field="switch_id")
    switch = sum(counts[: failure.tier]) + failure.switch
    below, above = network.link_src[::2], network.link_dst[::2]
    cables = np.flatnonzero((above if failure.tier == len(counts) - 1 else below) == switch)
    if failure.link >= len(cables):
        message = f"{name} switch {failure.switch} has no link {failure.link}; 0 to {len(cables) - 1}"
        raise ConfigError(message, file=file, line=failure.line, field="link_id")
    return int(cables[failure.link])
