"""What tiers' latencies become when the media of their links change."""

from __future__ import annotations

from dataclasses import replace

from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Domain, LinkClass


def with_latencies(network: ScaleOut, before: tuple[LinkClass, ...], after: tuple[LinkClass, ...]) -> ScaleOut:
    """Return the network with its tiers' latencies moved by what its links' latencies changed, on average.

    The lowest tier crosses host links only. In a tree every further tier adds the links that lead up to it; in any
    other network the way through it stretches as its links between switches do.
    """
    names = list(dict.fromkeys(link.name for link in before if link.domain == Domain.SCALE_OUT))
    hosts = [name for name in names if name.startswith("nic-")]
    between = [name for name in names if name not in hosts]
    shift = {name: _latency_s(after, [name]) - _latency_s(before, [name]) for name in names}
    moved = sum(shift[name] for name in hosts) / max(1, len(hosts))
    tree = {name.rpartition("-")[2] for name in between} <= {tier.name for tier in network.tiers[1:]}
    stretch = 1.0
    if between and not tree:
        stretch = _latency_s(after, between) / _latency_s(before, between)
    lowest_s = network.tiers[0].latency_s if network.tiers else 0.0
    tiers = []
    for depth, tier in enumerate(network.tiers):
        if tree and depth:
            moved += sum(shift[name] for name in between if name.endswith(f"-{tier.name}"))
        beyond_s = (tier.latency_s - lowest_s) * (stretch - 1.0)
        tiers.append(replace(tier, latency_s=tier.latency_s + moved + beyond_s))
    return replace(network, tiers=tuple(tiers))


def _latency_s(classes: tuple[LinkClass, ...], names: list[str]) -> float:
    """Return up and down latency together, averaged over the cables of some names."""
    alike = [link for link in classes if link.name in names]
    total = sum((link.latency_up_s + link.latency_down_s) * link.cables for link in alike)
    return total / max(1, sum(link.cables for link in alike))
