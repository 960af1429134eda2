"""From a closed form to seconds: latencies in the critical path, the slowest level's wire time, filling the pipeline.

    time = L + W + fill    L = launch + Σ steps × hop
                           W = max over levels of bytes out / rate
                           fill = min(2 sqrt(f L W), c L)

With the vector cut in k chunks a pipeline of latency L and wire time W takes L + W + kL' + W/k', least at 2 sqrt(L
W) extra; a library's chunks are neither ideal (f) nor unbounded (c).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from weft.collectives.cost import Cost, Stage, unit_ranks
from weft.collectives.library import PROTOCOLS, Device, Library
from weft.fabric.group import CommGroup, Level

_TREES = frozenset({"tree"})
_SIMPLE = PROTOCOLS.index("Simple")


@dataclass(frozen=True, slots=True)
class Line:
    """Time over size for one algorithm and protocol, and the level that binds."""

    algorithm: str
    protocol: str
    latency_s: float
    wire_s_per_byte: float
    bound: str
    fill_latency_s: float
    fill_x: float
    fill_cap_x: float

    def fill_s(self, size_bytes: float) -> float:
        """Time lost while the pipeline fills."""
        wire, latency = self.wire_s_per_byte * size_bytes, self.fill_latency_s
        return min(2 * math.sqrt(self.fill_x * latency * wire), self.fill_cap_x * latency)

    def time_s(self, size_bytes: float) -> float:
        """Time for a vector of ``size_bytes``."""
        return self.latency_s + self.wire_s_per_byte * size_bytes + self.fill_s(size_bytes)


def lines(cost: Cost, group: CommGroup, library: Library) -> tuple[Line, ...]:
    """One line per protocol that the library has for this algorithm."""
    device = library.device(group.accelerator)
    found = []
    for index, protocol in enumerate(PROTOCOLS):
        if _switched(cost) and index != _SIMPLE:
            continue
        wire, bound = 0.0, group.levels[0].name
        for stage in cost.stages:
            slowest = [(_wire(stage, level, cost, group, library, index), level) for level in range(len(group.levels))]
            seconds, level = max(slowest)
            if seconds >= wire:
                bound = group.levels[level].name
            wire += seconds
        if math.isfinite(wire):
            inside, outside, waited = _latency(cost, group, device, library, index)
            cap_x = device.switch_fill_cap_x if _switched(cost) else device.fill_cap_x
            line = (inside + outside, wire, bound, inside + waited, device.fill_x, cap_x)
            found.append(Line(cost.algorithm, protocol, *line))
    return tuple(found)


def _switched(cost: Cost) -> bool:
    return any("multicast" in stage.how for stage in cost.stages)


def _latency(
    cost: Cost, group: CommGroup, device: Device, library: Library, protocol: int
) -> tuple[float, float, float]:
    """Launch and hops inside; hops outside (library and fabric together); what chunks wait of those."""
    climbing = cost.algorithm in ("tree", "in_network")
    inner = device.tree_hop_s if climbing else device.hop_s
    inside, outside, waited = device.switch_launch_s if _switched(cost) else device.launch_s[protocol], 0.0, 0.0
    for index, (steps, level) in enumerate(zip(cost.steps, group.levels, strict=True)):
        if not steps:
            continue
        if index == 0:
            if _switched(cost):
                inside += steps * level.latency_s + level.ranks * device.switch_rank_s
            else:
                inside += steps * max(inner[protocol], level.latency_s)
        else:
            net = library.transport(level.protocol)
            hop = (net.tree_hop_s if climbing else net.hop_s)[protocol]
            outside += steps * (hop + level.latency_s)
            waited += steps * (hop + level.latency_s) * net.fill_x
    for index, (peers, level) in enumerate(zip(cost.peers, group.levels, strict=False)):
        if index == 0:
            inside += peers * device.peer_s
        else:
            outside += peers * library.transport(level.protocol).peer_s
    return inside, outside, waited


def _wire(stage: Stage, index: int, cost: Cost, group: CommGroup, library: Library, protocol: int) -> float:
    """Seconds per byte of size that one level needs; infinite where the library has no such protocol."""
    out = stage.load[index]
    if not out:
        return 0.0
    level = group.levels[index]
    how = stage.how[index]
    device = library.device(group.accelerator)
    if index == 0:
        share = (device.tree_share if cost.algorithm in _TREES else device.share)[protocol]
        local_x = device.peers_local_x if how == "peers" else device.local_x
        out = (out + local_x * cost.local) * _skew(how, device, level)
        fraction = device.rate_frac.get(how, device.rate_frac.get("copy", 1.0))
    else:
        net = library.transport(level.protocol)
        share = net.share[protocol]
        fraction = net.rate_frac.get(how, net.rate_frac.get("copy", 1.0))
        if how == "peers" and group.nics_per_unit:
            fraction *= min(1.0, net.peer_nics * group.levels[0].accelerators / group.nics_per_unit)
    capacity = unit_ranks(group, index) * level.rate_Bps * fraction * share / level.oversubscription
    if capacity <= 0:
        return math.inf
    seconds = out / capacity
    if PROTOCOLS[protocol] == "LL" and how in ("copy", "tree"):
        cap = device.ll_cap_Bps[min(cost.units, 3) - 1]
        seconds = max(seconds, out / cap)
    return seconds


def _skew(how: str, device: Device, level: Level) -> float:
    """Multicast waits for the slowest of all ranks at every chunk."""
    if how != "multicast" or level.ranks <= 8:
        return 1.0
    return 1 + device.skew_x * math.log2(level.ranks / 8)
