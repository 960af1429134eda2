"""How a lab is: every link with its rate, how busy it is and what is wrong with it, as the kernels have it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from weft.lab import state as states
from weft.lab.lab import Lab
from weft.lab.netlink.links import Counters, counters, links
from weft.lab.netlink.queues import has_clsact, is_silent, queues
from weft.lab.plan import LabLink

_FULL = 0.995  # of its rate: the kernel keeps rates to the byte, so less was set on purpose


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A link as it is.

    Attributes:
        link: which.
        rate_Bps: each way, now.
        utilisation: of the busier way, 0 to 1, while it was looked at.
        state: ``up``, ``down``, ``silent`` or ``degraded``.
        backlog_bytes: that wait at its two ends.
        dropped: packets that found no room there, since the rate was last set.
    """

    link: LabLink
    rate_Bps: float
    utilisation: float
    state: str
    backlog_bytes: int
    dropped: int


def link_statuses(lab: Lab, watch_s: float = 0.25) -> list[LinkStatus]:
    """Look at all links for a while, and return how they are."""
    before, since = _sent(lab), time.monotonic()
    time.sleep(watch_s)
    after, elapsed_s = _sent(lab), time.monotonic() - since
    carrier, rate, backlog, dropped, silent = {}, {}, {}, {}, set()
    for name, socket in lab.sockets.items():
        for state in links(socket):
            carrier[name, state.index] = state.carrier
        for queue in queues(socket):
            place = (name, queue.interface)
            rate[place], backlog[place], dropped[place] = queue.rate_Bps, queue.backlog_bytes, queue.dropped
        silent |= {(name, index) for index in has_clsact(socket) if is_silent(socket, index)}
    found = []
    for link in lab.plan.links:
        ends = [(link.a, lab.index(link.a, link.a_port)), (link.b, lab.index(link.b, link.b_port))]
        slowest = min(rate.get(end, 0.0) or link.rate_Bps for end in ends)
        busy = max(after[end].transmit_bytes - before[end].transmit_bytes for end in ends) / elapsed_s / slowest
        if not all(carrier.get(end) for end in ends):
            condition = "down"
        elif any(end in silent for end in ends):
            condition = "silent"
        else:
            condition = "degraded" if slowest < _FULL * link.rate_Bps else "up"
        waiting, lost = sum(backlog.get(end, 0) for end in ends), sum(dropped.get(end, 0) for end in ends)
        found.append(LinkStatus(link, slowest, min(1.0, busy), condition, waiting, lost))
    return found


def status(lab: Lab, watch_s: float = 0.25) -> dict[str, Any]:
    """Return how a lab is, as plain values: hosts, switches, links, events."""
    plan = lab.plan
    return {
        "schema": "weft.lab.status/1",
        "name": plan.name,
        "run": lab.run,
        "backend": lab.backend.name,
        "time_dilation": plan.dilation,
        "delays_emulated": lab.delays_run(),
        "hosts": [
            {
                "name": node.name,
                "namespace": lab.namespace(node.name),
                "addresses": {port.name: port.address for port in node.ports},
            }
            for node in plan.hosts
        ],
        "switches": [
            {"name": node.name, "namespace": lab.namespace(node.name), "kind": node.kind} for node in plan.switches
        ],
        "links": [
            {
                "a": found.link.a,
                "a_port": found.link.a_port,
                "b": found.link.b,
                "b_port": found.link.b_port,
                "rate_Bps": found.rate_Bps,
                "design_rate_Bps": found.link.design_rate_Bps,
                "delay_s": found.link.delay_s,
                "utilisation": round(found.utilisation, 4),
                "state": found.state,
                "backlog_bytes": found.backlog_bytes,
                "dropped_packets": found.dropped,
            }
            for found in link_statuses(lab, watch_s)
        ],
        "events": states.notes(lab.run),
    }


def _sent(lab: Lab) -> dict[tuple[str, int], Counters]:
    return {(name, index): count for name, socket in lab.sockets.items() for index, count in counters(socket)}
