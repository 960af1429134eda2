"""DCQCN, congestion control of RoCEv2: a rate that notifications cut and that timers and bytes raise again.

Y. Zhu et al., Congestion Control for Large-Scale RDMA Deployments, SIGCOMM 2015, section 3.1: the receiver sends at
most one notification each 50 us while marked packets come. With each the sender keeps its rate as the target, cuts the
rate by alpha / 2 and moves alpha to 1 by g; 55 us without one move alpha to 0 by g. The rate rises in steps, one each
55 us and one each 10 MB, first half of the way back to the target (fast recovery, five steps), then with the target
rising by R_AI, and by i R_HAI in the i-th step that both counters are past five. Bytes are counted as acknowledged.
"""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.code_kernels import RUNNING, TICK
from weft.engines.packet.event_kernels import at_time
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, cables, hosts, senders
from weft.engines.packet.word_kernels import constant_words, flow_words

CONSTANTS = constant_words(
    "g",
    "alpha_ps",  # without a notification, that alpha falls
    "rate_ps",  # between steps by time
    "rate_bytes",  # between steps by bytes
    "recovery",  # steps of fast recovery
    "additive",  # bytes/ps
    "hyper",  # bytes/ps
    "least",  # bytes/ps
)
FLOW = flow_words(
    "rate",  # bytes/ps
    "target",
    "alpha",
    "alpha_due_ps",
    "rate_due_ps",
    "bytes",  # since the last step by bytes
    "by_time",  # steps since the last notification
    "by_bytes",
    "tick_ps",  # when the pending timer falls due, 0 where there is none
)
_constants, _flows = table("constants", CONSTANTS), table("control", FLOW)


@kernel
def begin(w: World, f: int) -> None:
    """A flow begins, at line rate and without a limiter."""
    flow = _flows(w, f)
    flow.rate = _line(w, f)
    flow.target = flow.rate
    flow.alpha = 1.0


@kernel
def notified(w: World, f: int) -> None:
    """Take a congestion notification."""
    flow, const = _flows(w, f), _constants(w, 0)
    flow.target = flow.rate
    flow.rate *= 1.0 - flow.alpha / 2
    flow.alpha += const.g * (1.0 - flow.alpha)
    flow.alpha_due_ps = w.now + const.alpha_ps
    flow.rate_due_ps = w.now + const.rate_ps
    flow.bytes = 0.0
    flow.by_time = 0.0
    flow.by_bytes = 0.0
    if flow.tick_ps == 0:
        _wait(w, f)
    _set(w, f)


@kernel
def acked(w: World, f: int, bytes_: int) -> None:
    """Take an acknowledgement: bytes have been sent."""
    flow, const = _flows(w, f), _constants(w, 0)
    flow.bytes += bytes_
    if flow.tick_ps > 0 and flow.bytes >= const.rate_bytes:
        flow.bytes = 0.0
        flow.by_bytes += 1
        _raise(w, f)


@kernel
def ticked(w: World, f: int) -> None:
    """A timer may have run down, if it is this flow's and notifications have not set it back since."""
    flow, const, now = _flows(w, f), _constants(w, 0), w.now
    if senders(w, f).state != RUNNING or now != int(flow.tick_ps):
        return
    if now >= int(flow.alpha_due_ps):
        flow.alpha -= const.g * flow.alpha
        flow.alpha_due_ps = now + const.alpha_ps
    if now >= int(flow.rate_due_ps):
        flow.rate_due_ps = now + const.rate_ps
        flow.by_time += 1
        _raise(w, f)
    _wait(w, f)


@kernel
def _wait(w: World, f: int) -> None:
    """Come back when the next timer may run down."""
    flow = _flows(w, f)
    flow.tick_ps = int(min(flow.alpha_due_ps, flow.rate_due_ps))
    at_time(w, int(flow.tick_ps), TICK, f)


@kernel
def _raise(w: World, f: int) -> None:
    """Raise the rate by a step."""
    flow, const = _flows(w, f), _constants(w, 0)
    past = min(flow.by_time, flow.by_bytes) - const.recovery
    if past > 0:
        flow.target += past * const.hyper
    elif max(flow.by_time, flow.by_bytes) >= const.recovery:
        flow.target += const.additive
    flow.target = min(flow.target, _line(w, f))
    flow.rate = (flow.rate + flow.target) / 2
    _set(w, f)


@kernel
def _set(w: World, f: int) -> None:
    """Pace by the rate."""
    flow = _flows(w, f)
    flow.rate = max(flow.rate, _constants(w, 0).least)
    senders(w, f).ps_per_byte = 1.0 / flow.rate


@kernel
def _line(w: World, f: int) -> float:
    """Return the rate of the sender's port."""
    return float(1.0 / cables(w, hosts(w, senders(w, f).src).port).ps_per_byte)
