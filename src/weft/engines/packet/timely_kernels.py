"""TIMELY: a rate by the round trip's gradient.

R. Mittal et al., TIMELY: RTT-based Congestion Control for the Datacenter, SIGCOMM 2015, algorithm 1: below T_low the
rate grows by delta, above T_high it shrinks by how far the round trip is beyond it; between, it grows while round trips
do not get longer (five times as fast after five such answers) and shrinks by the smoothed gradient over the least
round trip where they do. An answer stands for a segment; the paper's have 16 to 64 KB.

Between the thresholds any share is a fixed point (Y. Zhu et al., ECN or Delay, CoNEXT 2016): TIMELY bounds the delay,
but does not make flows that began apart equal.
"""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, cables, hosts, senders
from weft.engines.packet.word_kernels import constant_words, flow_words

CONSTANTS = constant_words(
    "alpha",  # weight of a new difference of round trips
    "beta",  # of decreases
    "low_ps",
    "high_ps",
    "least_rtt_ps",
    "step",  # delta, bytes/ps
    "calm",  # answers without growing delay, after which the rate grows fast
    "fast",  # how fast, in steps
)
FLOW = flow_words("rate", "rtt_ps", "difference_ps", "calm")
_constants, _flows = table("constants", CONSTANTS), table("control", FLOW)


@kernel
def begin(w: World, f: int) -> None:
    """A flow begins, at line rate."""
    _flows(w, f).rate = _line(w, f)
    _set(w, f)


@kernel
def acked(w: World, f: int, rtt_ps: int) -> None:
    """Take an acknowledgement; ``rtt_ps`` is -1 where it tells no round trip."""
    if rtt_ps < 0:
        return
    flow, const = _flows(w, f), _constants(w, 0)
    if flow.rtt_ps > 0:
        flow.difference_ps += const.alpha * (rtt_ps - flow.rtt_ps - flow.difference_ps)
    flow.rtt_ps = rtt_ps
    gradient = flow.difference_ps / const.least_rtt_ps
    if rtt_ps < const.low_ps:
        flow.rate += const.step
        flow.calm = 0.0
    elif rtt_ps > const.high_ps:
        flow.rate *= 1.0 - const.beta * (1.0 - const.high_ps / rtt_ps)
        flow.calm = 0.0
    elif gradient <= 0:
        flow.calm += 1
        flow.rate += const.step * (const.fast if flow.calm >= const.calm else 1.0)
    else:
        flow.calm = 0.0
        flow.rate *= 1.0 - const.beta * gradient
    _set(w, f)


@kernel
def _set(w: World, f: int) -> None:
    """Bound the rate and pace by it."""
    flow = _flows(w, f)
    flow.rate = min(max(flow.rate, _constants(w, 0).step), _line(w, f))
    senders(w, f).ps_per_byte = 1.0 / flow.rate


@kernel
def _line(w: World, f: int) -> float:
    """Return the rate of the sender's port."""
    return float(1.0 / cables(w, hosts(w, senders(w, f).src).port).ps_per_byte)
