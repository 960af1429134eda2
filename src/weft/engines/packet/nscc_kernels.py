"""NSCC, the sender's congestion control of Ultra Ethernet: a window by packets' queueing delay and by their marks.

Unmarked and little delay: grow in proportion to what is missing to the target delay, fast where there is none at all.
Unmarked in spite of delay: grow a little. Marked and delayed: shrink by how far the mean delay is over the target, once
a round trip. Marked without delay: leave it to the choice of paths. Losses shrink the window by what was lost; where
much is lost, or the delay is four times the target, the window is set to what got through in the last round trip
(quick adapt). UE Specification 1.0, 3.6.13.
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, cables, hosts, senders

#: Constants, as `weft.engines.packet.transport` works them out.
CONSTANTS = np.dtype(
    [
        (name, np.float64)
        for name in (
            "target_ps",
            "alpha",
            "fair",
            "eta",
            "gamma",
            "fast",
            "fast_delay_ps",
            "mean_weight",
            "adjust_ps",
            "adjust_bytes",
            "quick_shift",
            "quick_delay_ps",
            "rtt_on_loss",
            "bdp_x",
        )
    ]
)
#: What each flow remembers.
FLOW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "increase",
            "received",
            "achieved",
            "ignored",
            "to_ignore",
            "mean_ps",
            "fast_bytes",
            "fast_on",
            "quick_asked",
            "quick_end_ps",
            "adjusted_ps",
            "decreased_ps",
            "_13",
            "_14",
            "_15",
            "_16",
        )
    ]
)
_constants, _flows = table("constants", CONSTANTS), table("control", FLOW)


@kernel
def acked(w: World, f: int, bytes_: int, rtt_ps: int, marked: bool) -> None:
    """Take an acknowledgement; ``rtt_ps`` is -1 where it tells no round trip."""
    sender, flow, const = senders(w, f), _flows(w, f), _constants(w, 0)
    flow.achieved += bytes_
    flow.received += bytes_
    flow.ignored += bytes_
    delay = flow.mean_ps
    if rtt_ps >= 0:
        learn_base_rtt(w, f, rtt_ps)
        delay = float(rtt_ps - sender.base_rtt_ps)
        _learn_delay(w, f, delay, marked)
    if _quick_adapt(w, f, False, marked, delay):
        return
    if not marked:
        if delay >= const.target_ps:
            flow.increase += const.fair * bytes_
        else:
            _grow(w, f, bytes_, delay)
    elif delay >= const.target_ps:
        _shrink(w, f)
    _bound(w, f)
    now = w.now
    since = now - flow.adjusted_ps
    if flow.received > const.adjust_bytes or since > const.adjust_ps:
        sender.cwnd += flow.increase / sender.cwnd
        if since >= const.adjust_ps:
            sender.cwnd += const.eta
            flow.adjusted_ps = now
        flow.increase = 0.0
        flow.received = 0.0
    _bound(w, f)


@kernel
def nacked(w: World, f: int, bytes_: int, rtt_ps: int, last_hop: bool) -> None:
    """Take word that a packet was trimmed; ``rtt_ps`` is -1 where it tells no round trip."""
    sender, flow = senders(w, f), _flows(w, f)
    if rtt_ps >= 0 and _constants(w, 0).rtt_on_loss > 0:
        learn_base_rtt(w, f, rtt_ps)
    flow.ignored += bytes_
    _learn_delay(w, f, float(w.network_rtt_ps), True)
    flow.quick_asked = 1.0
    adapted = _quick_adapt(w, f, True, True, 0.0)
    if not adapted and not (w.receiver_driven and last_hop):
        sender.cwnd -= bytes_
        _bound(w, f)


@kernel
def learn_base_rtt(w: World, f: int, rtt_ps: int) -> None:
    """Bound the round trip without queues, and the window by it."""
    sender = senders(w, f)
    if rtt_ps < sender.base_rtt_ps:
        sender.base_rtt_ps = rtt_ps
        sender.most_cwnd = _constants(w, 0).bdp_x * rtt_ps / cables(w, hosts(w, sender.src).port).ps_per_byte


@kernel
def _learn_delay(w: World, f: int, delay: float, marked: bool) -> None:
    """Move the mean delay; an unmarked packet with a long delay counts as short, for its path has no queue now."""
    flow, const = _flows(w, f), _constants(w, 0)
    sample, weight = delay, const.mean_weight
    if not marked and delay > const.target_ps:
        sample = senders(w, f).base_rtt_ps * 0.25
    flow.mean_ps += weight * (sample - flow.mean_ps)


@kernel
def _grow(w: World, f: int, bytes_: int, delay: float) -> None:
    sender, flow, const = senders(w, f), _flows(w, f), _constants(w, 0)
    if delay < const.fast_delay_ps:
        flow.fast_bytes += bytes_
        if flow.fast_bytes > sender.cwnd or flow.fast_on > 0:
            sender.cwnd += bytes_ * const.fast
            flow.fast_on = 1.0
            return
    else:
        flow.fast_bytes = 0.0
    flow.fast_on = 0.0
    flow.increase += const.alpha * bytes_ * (const.target_ps - delay)


@kernel
def _shrink(w: World, f: int) -> None:
    sender, flow, const = senders(w, f), _flows(w, f), _constants(w, 0)
    flow.fast_on = 0.0
    flow.fast_bytes = 0.0
    mean, now = flow.mean_ps, w.now
    if mean > const.target_ps and now - flow.decreased_ps > sender.base_rtt_ps:
        sender.cwnd *= max(1.0 - const.gamma * (mean - const.target_ps) / mean, 0.5)
        sender.cwnd = max(sender.cwnd, float(w.mtu))
        flow.decreased_ps = now


@kernel
def _bound(w: World, f: int) -> None:
    sender = senders(w, f)
    sender.cwnd = max(min(sender.cwnd, sender.most_cwnd), float(w.mtu))


@kernel
def _quick_adapt(w: World, f: int, lost: bool, marked: bool, delay: float) -> bool:
    """Set the window to what got through, if it was little; whether that holds this feedback's place."""
    sender, flow, const = senders(w, f), _flows(w, f), _constants(w, 0)
    now, done = w.now, False
    if const.quick_shift < 0:
        return False
    if flow.ignored < flow.to_ignore and marked:
        done = True
    elif now > flow.quick_end_ps:
        asked = flow.quick_asked > 0 or lost or delay > const.quick_delay_ps
        little = flow.achieved < np.floor(sender.most_cwnd / 2.0**const.quick_shift)
        if flow.quick_end_ps != 0 and asked and little:
            sender.cwnd = max(flow.achieved, float(w.mtu))
            flow.to_ignore = sender.in_flight
            flow.ignored = 0.0
            flow.quick_asked = 0.0
            done = True
        flow.achieved = 0.0
        flow.quick_end_ps = now + sender.base_rtt_ps + const.target_ps
    if done:
        flow.increase = 0.0
        flow.received = 0.0
    return done
