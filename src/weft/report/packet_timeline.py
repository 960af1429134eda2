"""A packet simulation as a timeline: flows as slices by the host that sends, queues and links as counters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.report.perfetto import Counter, Slice

if TYPE_CHECKING:
    from weft.engines.packet.outcome import Outcome

QUEUES, LINKS = "queues (bytes)", "links (utilisation)"


def flow_slices(outcome: Outcome) -> Iterator[Slice]:
    """Yield one slice a flow that started; those that did not end last until the end."""
    flow = outcome.flow
    end_s = np.where(outcome.ended, flow["end_s"], outcome.simulated_s)
    for row in np.flatnonzero(np.isfinite(flow["start_s"])).tolist():
        start_s = float(flow["start_s"][row])
        args: dict[str, Any] = {
            "size_bytes": int(flow["size_bytes"][row]),
            "retransmissions": int(flow["retransmissions"][row]),
            "timeouts": int(flow["timeouts"][row]),
        }
        if outcome.ended[row]:
            args["slowdown"] = float(flow["slowdown"][row])
        else:
            args["unfinished"] = outcome.unfinished[row]
        host = outcome.network.host_name(int(flow["src"][row]))
        yield Slice(host, "flows", outcome.flow_name(row), start_s, max(0.0, float(end_s[row]) - start_s), args)


def port_counters(outcome: Outcome) -> Iterator[Counter]:
    """Yield depth of queues and utilisation of links, sample by sample."""
    samples = outcome.samples
    if samples is None:
        return
    begins_s = np.concatenate([[0.0], samples.time_s[:-1]])
    for column, port in enumerate(samples.port.tolist()):
        name = outcome.network.port_name(port)
        for row, time_s in enumerate(samples.time_s.tolist()):
            yield Counter(QUEUES, name, time_s, int(samples.queued_bytes[row, column]))
            yield Counter(LINKS, name, float(begins_s[row]), float(samples.utilisation[row, column]))
