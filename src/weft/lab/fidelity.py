"""The lab against the twin: the same collective on the same links, measured here and predicted by the fluid engine.

What the prediction takes from the lab is which way the kernels' hash sends each of the job's connections, as the
kernels say themselves. Nothing else is fitted: a port's rate carries MTU-sized frames whose headers are counted, and
ranks exchange what the algorithm says they do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from weft.control.links import cable_of
from weft.control.prediction import GLOO, collective_s
from weft.errors import InfeasibleError
from weft.lab import faults
from weft.lab.connections import connections, switches_on
from weft.lab.controller import Controller
from weft.lab.experiment import RECOVERED_WITHIN_S, Fault
from weft.lab.lab import Lab, wait_until
from weft.lab.plan import LabLink
from weft.lab.workloads.gloo import GlooJob
from weft.lab.workloads.steps import Steps

#: Bytes of a full TCP segment that are none of the payload: IPv4 20, TCP 20, timestamps 12 (RFC 791, 9293, 7323).
HEADERS_BYTES = 52
#: Bytes around an IP packet that a shaped port counts: addresses and type (IEEE 802.3, 3.2); no preamble, no gap.
ETHERNET_BYTES = 14
_ACT_WITHIN_S = 15.0
_TRIES = 3
_SETTLE_S = 1.2


@dataclass(frozen=True)
class Compared:
    """One state of the network.

    Attributes:
        state: ``healthy``, or what is broken.
        steps: as measured.
        predicted_s: of a step.
        ways: by (source rank, destination rank) that exchanged anything, the switches between.
    """

    state: str
    steps: Steps
    predicted_s: float
    ways: dict[tuple[int, int], list[str]]

    @property
    def measured_s(self) -> float:
        """The fastest step but for the first: what a busy machine adds is none of the network's."""
        times = self.steps.times_s
        return min(times[1:] or times)

    @property
    def error(self) -> float:
        """By what part the prediction is longer than what was measured; negative where it is shorter."""
        return self.predicted_s / self.measured_s - 1

    def to_dict(self) -> dict[str, Any]:
        """What machines read."""
        return {
            "state": self.state,
            "measured_s": self.measured_s,
            "measured_median_s": self.steps.median_s,
            "predicted_s": self.predicted_s,
            "error": self.error,
            "ways": [{"source": a, "destination": b, "switches": way} for (a, b), way in sorted(self.ways.items())],
        }


def payload_share(mtu: int) -> float:
    """Return what part of a port's rate full TCP segments carry as payload; acknowledgements are too few to count.

    Receivers merge segments (GRO) and answer once for many.
    """
    return (mtu - HEADERS_BYTES) / (mtu + ETHERNET_BYTES)


def compare(
    lab: Lab, job: GlooJob, kind: str, size_bytes: float, iterations: int, fault: Fault | None = None
) -> list[Compared]:
    """Measure and predict a collective on the lab as it is, and after a fault once the controller has reacted.

    A link between switches that loses rate is measured without a controller, too, as the job survives that.

    Raises:
        InfeasibleError: the job failed, or nobody reacted to the fault.
    """
    work = _Work(lab, job, kind, size_bytes, iterations)
    found = [work.compared("healthy", None, 1.0)]
    if fault is None or fault.link is None:
        return found
    link = lab.plan.link(*fault.link)
    if fault.how == "degrade":
        return found + _slowed(work, link, fault.share)
    state = f"{link.a} - {link.b} {fault.how}"
    with Controller(lab) as controller:
        time.sleep(_SETTLE_S)
        (faults.cut if fault.how == "cut" else faults.silent)(lab, link)
        try:
            if not wait_until(lambda: controller.amiss(link), _ACT_WITHIN_S, 0.02):
                raise InfeasibleError(f"nobody reacted to {state} within {_ACT_WITHIN_S:g} s")
            time.sleep(0.2)  # until heartbeats agree with the carrier
            found.append(work.compared(state, link, 0.0))
        finally:
            _mend(lab, link, controller, state)
    return found


def _slowed(work: _Work, link: LabLink, share: float) -> list[Compared]:
    """Measure with a link that keeps a share of its rate: while nobody reacts, and after the controller has."""
    lab, state = work.lab, f"{link.a} - {link.b} at {share:.0%}"
    faults.degrade(lab, link, share)
    try:
        found = [work.compared(state, link, share)]
        if not {link.a, link.b} <= {node.name for node in lab.plan.switches}:
            return found  # there is no way round it
        with Controller(lab) as controller:
            try:
                time.sleep(_SETTLE_S)
                for _ in range(_TRIES):  # it is found by the job's own traffic, where that goes over it
                    if not controller.slow:
                        work.run()
                found.append(work.compared(f"{state}, weights follow", link, share))
            finally:
                _mend(lab, link, controller, state)
        return found
    finally:
        faults.heal(lab, link)


def _mend(lab: Lab, link: LabLink, controller: Controller, state: str) -> None:
    """Mend a link, and wait until the controller uses it again."""
    faults.heal(lab, link)
    if not wait_until(lambda: not controller.amiss(link), RECOVERED_WITHIN_S, 0.05):
        raise InfeasibleError(f"{state} was mended, and nobody noticed within {RECOVERED_WITHIN_S:g} s")


@dataclass(frozen=True)
class _Work:
    lab: Lab
    job: GlooJob
    kind: str
    size_bytes: float
    iterations: int

    def run(self) -> Steps:
        return self.job.run(self.kind, self.size_bytes, self.iterations)

    def compared(self, state: str, broken: LabLink | None, share: float) -> Compared:
        lab, kind, ranks = self.lab, self.kind, self.job.ranks
        before = connections(lab, ranks)
        steps = self.run()
        if steps.error:
            raise InfeasibleError(f"{kind} failed ({state}): {steps.error}")
        after = connections(lab, ranks)
        # Between ranks that are no neighbours only a few bytes of barriers go
        ways = {
            pair: switches_on(lab, flow)
            for pair, (flow, sent) in after.items()
            if sent - (before[pair][1] if pair in before else 0) > self.iterations * steps.size_bytes / len(ranks) / 2
        }
        underlay = lab.underlay
        left = {}
        if broken is not None:
            left = {cable_of(underlay.device(broken.a).port(broken.a_port)): share}
        # gloo's rings go from each rank to the one before, the engine's to the one after. Links are alike both ways, so
        # the engine is given all ways from their far end.
        predicted_s = collective_s(
            underlay,
            kind,
            steps.size_bytes * lab.plan.dilation / payload_share(lab.plan.mtu),
            [underlay.device(rank.host).port(rank.port).accelerator for rank in ranks],
            slow=left,
            ways=[way[::-1] for way in ways.values()] if GLOO[kind] == "ring" else list(ways.values()),
        )
        return Compared(state, steps, predicted_s, ways)
