"""Swift: a window that holds the round trip at a target.

G. Kumar et al., Swift: Delay is Simple and Effective for Congestion Control in the Datacenter, SIGCOMM 2020, algorithm
1: below the target the window grows by a_i packets a round trip, above it shrinks by beta x (delay - target) / delay,
at most by half and once a round trip. The target (section 3.1) is a base, more for each hop of the way there, and more
the smaller the window is: fs_range at fs_min packets, nothing at fs_max, by 1 / sqrt(window). Windows below a packet
are paced. Hosts take no time here, so that the delay at the receiver has no window of its own.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, packets, senders
from weft.engines.packet.word_kernels import constant_words, flow_words

CONSTANTS = constant_words(
    "additive",  # packets a round trip
    "beta",
    "most_cut",
    "base_ps",  # of the target
    "hop_ps",  # a link, both ways
    "range_ps",  # most that a small window adds
    "scale_ps",  # alpha of the paper
    "offset_ps",  # beta of the paper's target
    "least",  # packets
)
FLOW = flow_words("window", "decreased_ps", "rtt_ps")
_constants, _flows = table("constants", CONSTANTS), table("control", FLOW)
_LONG_PS = 1e18


@kernel
def begin(w: World, f: int) -> None:
    """A flow begins, with its window already set."""
    flow = _flows(w, f)
    flow.window = senders(w, f).cwnd / w.mtu
    flow.rtt_ps = w.network_rtt_ps
    flow.decreased_ps = -_LONG_PS


@kernel
def acked(w: World, f: int, p: int, bytes_: int, rtt_ps: int) -> None:
    """Take an acknowledgement; ``rtt_ps`` is -1 where it tells no round trip."""
    flow, const = _flows(w, f), _constants(w, 0)
    if rtt_ps < 0:
        return
    flow.rtt_ps = rtt_ps
    links = packets(w, p).hops + 1
    target = target_ps(w, flow.window, links)
    if rtt_ps < target:
        flow.window += const.additive * (bytes_ / w.mtu) / max(flow.window, 1.0)
        _set(w, f)
    else:
        _cut(w, f, max(1.0 - const.beta * (rtt_ps - target) / rtt_ps, 1.0 - const.most_cut))


@kernel
def lost(w: World, f: int) -> None:
    """A packet is taken for lost."""
    _cut(w, f, 1.0 - _constants(w, 0).most_cut)


@kernel
def target_ps(w: World, window: float, links: int) -> float:
    """Return the target round trip of a window of packets over so many links."""
    const = _constants(w, 0)
    scaled = const.scale_ps / np.sqrt(window) + const.offset_ps
    return float(const.base_ps + links * const.hop_ps + max(0.0, min(scaled, const.range_ps)))


@kernel
def _cut(w: World, f: int, factor: float) -> None:
    """Shrink the window, once a round trip."""
    flow = _flows(w, f)
    if w.now - flow.decreased_ps >= flow.rtt_ps:
        flow.window *= factor
        flow.decreased_ps = w.now
        _set(w, f)


@kernel
def _set(w: World, f: int) -> None:
    """Bound the window; below one packet keep one in flight, and send one each round trip over window."""
    sender, flow = senders(w, f), _flows(w, f)
    flow.window = min(max(flow.window, _constants(w, 0).least), sender.most_cwnd / w.mtu)
    sender.cwnd = max(flow.window, 1.0) * w.mtu
    if flow.window >= 1.0:
        sender.ps_per_byte = 0.0
        return
    pause_ps = flow.rtt_ps / flow.window
    if sender.ps_per_byte == 0:
        sender.next_ps = w.now + int(pause_ps - flow.rtt_ps)  # since the packet that this answers was sent
    sender.ps_per_byte = pause_ps / w.mtu
