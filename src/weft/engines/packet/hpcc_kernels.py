"""HPCC: a window by what switches tell of their queues and of what they sent.

Y. Li et al., HPCC: High Precision Congestion Control, SIGCOMM 2019, algorithm 1: of each link on the way, bytes in
flight over what it carries in a round trip T are estimated as queue / (B T) + sent rate / B; the most loaded link's U
moves the flow's estimate, and the window is set so that U becomes eta, from a reference that changes once a round trip.
Below eta it grows by W_AI a round trip, for at most five round trips before it is set again. The window is paced
over T. Switches tell, not the sender's own port; of another way than the last packet's nothing is learnt (section 4.1).
"""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.memory_kernels import table
from weft.engines.packet.record_kernels import World, cables, hosts, packets, seen, senders, telemetry
from weft.engines.packet.word_kernels import constant_words, flow_words

CONSTANTS = constant_words(
    "eta",  # utilisation that is aimed at
    "most_stage",  # round trips of additive growth
    "flows",  # on a link, that additive growth reckons with
)
FLOW = flow_words(
    "reference",  # W_c, bytes
    "load",  # U
    "stage",
    "updated",  # sequence number that the reference waits for
    "additive",  # W_AI, bytes
)
_constants, _flows = table("constants", CONSTANTS), table("control", FLOW)


@kernel
def begin(w: World, f: int) -> None:
    """A flow begins, with what its port sends in a round trip."""
    sender, flow, const = senders(w, f), _flows(w, f), _constants(w, 0)
    whole = w.network_rtt_ps / cables(w, hosts(w, sender.src).port).ps_per_byte
    flow.reference = whole
    flow.load = 1.0
    flow.additive = whole * (1.0 - const.eta) / const.flows
    sender.most_cwnd = whole
    _set(w, f, whole)
    for hop in range(w.int_hops):
        seen(w, f * w.int_hops + hop).port = 0.0


@kernel
def acked(w: World, f: int, p: int) -> None:
    """Take an acknowledgement with what its packet saw."""
    sender, flow = senders(w, f), _flows(w, f)
    if _measure(w, f, p):
        update = packets(w, p).seq >= flow.updated
        _set(w, f, _window(w, f, update))
        if update:
            flow.updated = sender.sent


@kernel
def _measure(w: World, f: int, p: int) -> bool:
    """Learn the load of the most loaded link; whether anything could be learnt."""
    flow, round_ps = _flows(w, f), float(w.network_rtt_ps)
    if telemetry(w, p * w.int_hops + 1).port == 0:
        return False
    same = True
    for hop in range(1, w.int_hops):
        same = same and telemetry(w, p * w.int_hops + hop).port == seen(w, f * w.int_hops + hop).port
    most, over_ps = -1.0, 0.0
    for hop in range(1, w.int_hops):
        now, before = telemetry(w, p * w.int_hops + hop), seen(w, f * w.int_hops + hop)
        since = now.at_ps - before.at_ps
        if same and now.port > 0 and since > 0:
            ps_per_byte = cables(w, int(now.port)).ps_per_byte
            sent = (now.sent_bytes - before.sent_bytes) * ps_per_byte / since
            load = min(now.queued, before.queued) * ps_per_byte / round_ps + sent
            if load > most:
                most, over_ps = load, since
        before.queued = now.queued
        before.sent_bytes = now.sent_bytes
        before.at_ps = now.at_ps
        before.port = now.port
    if most < 0:
        return False
    part = min(over_ps, round_ps) / round_ps
    flow.load += part * (most - flow.load)
    return True


@kernel
def _window(w: World, f: int, update: bool) -> float:
    """Return the window for the load, and let the reference follow."""
    flow, const = _flows(w, f), _constants(w, 0)
    if flow.load >= const.eta or flow.stage >= const.most_stage:
        window, stage = flow.reference / (flow.load / const.eta) + flow.additive, 0.0
    else:
        window, stage = flow.reference + flow.additive, flow.stage + 1
    window = min(max(window, flow.additive), senders(w, f).most_cwnd)
    if update:
        flow.reference = window
        flow.stage = stage
    return float(window)


@kernel
def _set(w: World, f: int, window: float) -> None:
    """Set window and pace; below a packet the pace alone holds the sender back."""
    sender = senders(w, f)
    sender.ps_per_byte = w.network_rtt_ps / window
    sender.cwnd = max(window, float(w.mtu))
