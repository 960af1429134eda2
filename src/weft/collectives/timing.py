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
from typing import NamedTuple

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
        wires = [
            max((_wire(stage, level, cost, group, library, index), level) for level in range(len(group.levels)))
            for stage in cost.stages
        ]
        total = sum(seconds for seconds, _ in wires)
        if math.isfinite(total):
            bound = group.levels[max(wires)[1]].name
            latency, fill_latency = _latency(cost, group, library, index)
            cap_x = device.switch_fill_cap_x if _switched(cost) else device.fill_cap_x
            line = Line(cost.algorithm, protocol, latency, total, bound, fill_latency, device.fill_x, cap_x)
            found.append(line)
    return tuple(found)


class StageRates(NamedTuple):
    """What a library makes of one stage.

    Attributes:
        inside, outside: share of the raw rate that links of the scale-up domain, and of the network, carry as payload.
        own_s_per_byte: seconds per byte of size that the ranks themselves need, whatever else the network carries:
            their scale-up ports with what is copied at home, and the limit of the LL protocol.
        wire_s_per_byte: the closed form's, over all levels.
    """

    inside: float
    outside: float
    own_s_per_byte: float
    wire_s_per_byte: float


def stage_rates(stage_index: int, cost: Cost, group: CommGroup, library: Library, protocol: int) -> StageRates:
    """Return the rates of one stage of a cost; ``protocol`` is an index into `PROTOCOLS`."""
    stage = cost.stages[stage_index]
    levels = range(len(group.levels))
    capped_s = max(_capped_s(stage, level, cost, group, library, protocol) for level in levels)
    own_s = _wire(stage, 0, cost, group, library, protocol)
    return StageRates(
        _efficiency(stage, 0, cost, group, library, protocol),
        _efficiency(stage, 1, cost, group, library, protocol) if len(levels) > 1 else 1.0,
        max(own_s, capped_s),
        max(_wire(stage, level, cost, group, library, protocol) for level in levels),
    )


def _switched(cost: Cost) -> bool:
    return any("multicast" in stage.how for stage in cost.stages)


def _latency(cost: Cost, group: CommGroup, library: Library, protocol: int) -> tuple[float, float]:
    """Latency of the critical path, and the part of it that every chunk of a pipeline waits for.

    Chunks queue at the NICs of a ring that leaves its unit, so its hops inside are not waited for again.
    """
    device = library.device(group.accelerator)
    climbing = cost.algorithm in ("tree", "in_network")
    launch = device.switch_launch_s if _switched(cost) else device.launch_s[protocol]
    inside = _inside(cost, group, library, protocol)
    outside = waited = 0.0
    for steps, level in zip(cost.steps[1:], group.levels[1:], strict=True):
        net = library.transport(level.protocol)
        hops = steps * ((net.tree_hop_s if climbing else net.hop_s)[protocol] + level.latency_s)
        outside += hops
        waited += hops * net.fill_x
    for peers, level in zip(cost.peers[1:], group.levels[1:], strict=False):
        outside += peers * library.transport(level.protocol).peer_s
    waited += inside if climbing or cost.units == 1 else 0.0
    return launch + inside + outside, launch + waited


def _inside(cost: Cost, group: CommGroup, library: Library, protocol: int) -> float:
    """Hops over the scale-up network: at least its latency, and in a ring over nodes the time to post a message."""
    device, level, steps = library.device(group.accelerator), group.levels[0], cost.steps[0]
    if _switched(cost):
        return steps * level.latency_s + level.ranks * device.switch_rank_s
    peers = sum(cost.peers[:1]) * device.peer_s
    if cost.algorithm == "tree":
        return steps * max(device.tree_hop_s[protocol], level.latency_s) + peers
    posts = [library.transport(outer.protocol).post_s[protocol] for outer in group.levels[1:2]]
    return steps * max(device.hop_s[protocol], level.latency_s, *posts) + peers


def _wire(stage: Stage, index: int, cost: Cost, group: CommGroup, library: Library, protocol: int) -> float:
    """Seconds per byte of size that one level needs; infinite where the library has no such protocol."""
    out = stage.load[index]
    if not out:
        return 0.0
    level, how = group.levels[index], stage.how[index]
    fraction = _efficiency(stage, index, cost, group, library, protocol)
    if index == 0:
        device = library.device(group.accelerator)
        local_x = device.peers_local_x if how == "peers" else device.local_x
        out = (out + local_x * cost.local) * _skew(how, device, level)
    if how == "peers":
        fraction *= level.exchange
    capacity = unit_ranks(group, index) * level.rate_Bps * fraction / level.oversubscription
    if capacity <= 0:
        return math.inf
    return max(out / capacity, _capped_s(stage, index, cost, group, library, protocol))


def _efficiency(stage: Stage, index: int, cost: Cost, group: CommGroup, library: Library, protocol: int) -> float:
    """Share of the raw rate of one level's links that the library fills with payload."""
    how = stage.how[index]
    if index == 0:
        device = library.device(group.accelerator)
        share = (device.tree_share if cost.algorithm in _TREES else device.share)[protocol]
        return device.rate_frac.get(how, device.rate_frac.get("copy", 1.0)) * share
    net = library.transport(group.levels[index].protocol)
    fraction = net.rate_frac.get(how, net.rate_frac.get("copy", 1.0))
    if how == "peers" and group.nics_per_unit:
        fraction *= min(1.0, net.peer_nics * group.levels[0].accelerators / group.nics_per_unit)
    return fraction * net.share[protocol]


def _capped_s(stage: Stage, index: int, cost: Cost, group: CommGroup, library: Library, protocol: int) -> float:
    """Seconds per byte of size by LL's greatest bus bandwidth, at one level; 0 for other protocols."""
    if PROTOCOLS[protocol] != "LL" or stage.how[index] not in ("copy", "tree"):
        return 0.0
    device, out = library.device(group.accelerator), stage.load[index]
    if index == 0 and out:
        out = (out + device.local_x * cost.local) * _skew(stage.how[0], device, group.levels[0])
    return out / device.ll_cap_Bps[min(cost.units, 3) - 1]


def _skew(how: str, device: Device, level: Level) -> float:
    """Multicast waits for the slowest of all ranks at every chunk."""
    if how != "multicast" or level.ranks <= 8:
        return 1.0
    return 1 + device.skew_x * math.log2(level.ranks / 8)
