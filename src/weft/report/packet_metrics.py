"""A packet simulation's ports and flows as Prometheus metrics, named as an exporter on real switches would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.report.prometheus import Labels, Metric

if TYPE_CHECKING:
    from weft.engines.packet.outcome import Outcome

_QUANTILES = (0.5, 0.9, 0.99)
#: name: (column, kind, what it says)
_PORTS = {
    "weft_link_utilization_ratio": ("utilisation", "gauge", "Part of the simulated time that the link was busy."),
    "weft_link_capacity_bytes_per_second": ("rate_Bps", "gauge", "Rate of the link."),
    "weft_link_transmitted_bytes_total": ("sent_bytes", "counter", "Bytes sent by the port, headers included."),
    "weft_queue_depth_peak_bytes": ("most_queued_bytes", "gauge", "Most data that waited before the port."),
    "weft_packets_marked_total": ("marked", "counter", "Packets marked with congestion experienced."),
    "weft_packets_trimmed_total": ("trimmed", "counter", "Packets trimmed to their header for want of room."),
    "weft_packets_dropped_total": ("dropped", "counter", "Packets dropped for want of room, or of a way."),
    "weft_packets_lost_total": ("lost", "counter", "Packets lost to bit errors on the wire."),
    "weft_link_retries_total": ("retried", "counter", "Packets sent again by link-level retry."),
    "weft_pauses_total": ("pauses", "counter", "Times that the far end paused the port."),
    "weft_pause_seconds_total": ("paused_s", "counter", "Time that the port was paused."),
}


def packet_metrics(outcome: Outcome) -> Iterator[Metric]:
    """Yield the metrics of a run: of its ports, its flows, and as a whole."""
    links = list(_links(outcome))
    for name, (column, kind, about) in _PORTS.items():
        values = outcome.port[column].tolist()
        yield Metric(name, kind, about, zip(links, values, strict=True))  # type: ignore[arg-type]
    if outcome.samples is not None and len(outcome.samples.time_s):
        kept = [links[port] for port in outcome.samples.port.tolist()]
        depth = outcome.samples.queued_bytes[-1].tolist()
    else:
        kept, depth = links, [0] * len(links)
        if outcome.unfinished:
            kept, depth = [], []
    if kept:
        about = "Data before the port at the end of the run, that in service too."
        yield Metric("weft_queue_depth_bytes", "gauge", about, zip(kept, depth, strict=True))
    yield from _flow_metrics(outcome)
    yield Metric("weft_simulated_seconds", "gauge", "Simulated time.", [({}, outcome.simulated_s)])
    yield Metric("weft_packet_hops_total", "counter", "Links crossed by packets.", [({}, outcome.packet_hops)])


def _links(outcome: Outcome) -> Iterator[Labels]:
    """Labels of every port: which link, from where, to where."""
    for port in range(outcome.network.ports):
        name = outcome.network.port_name(port)
        source, _, target = name.partition(" -> ")
        yield {"link": name, "source": source, "target": target}


def _flow_metrics(outcome: Outcome) -> Iterator[Metric]:
    flow, ended = outcome.flow, outcome.ended
    states = [({"state": "completed"}, int(ended.sum())), ({"state": "unfinished"}, len(outcome.unfinished))]
    yield Metric("weft_flows", "gauge", "Flows by what became of them.", states)
    yield _summary(
        "weft_flow_completion_seconds",
        "Time from a flow's start to its last byte's acknowledgement.",
        flow["fct_s"][ended],
    )
    yield _summary("weft_flow_slowdown_ratio", "Completion time over that on an idle network.", flow["slowdown"][ended])
    counts = {
        "weft_flow_packets_total": ("packets", "Packets sent, each counted once."),
        "weft_flow_packets_retransmitted_total": ("retransmissions", "Packets sent again."),
        "weft_flow_timeouts_total": ("timeouts", "Retransmission timers that ran out."),
        "weft_flow_packets_disordered_total": ("disordered", "Packets that came before an earlier one."),
    }
    for name, (column, about) in counts.items():
        yield Metric(name, "counter", about, [({}, int(flow[column].sum()))])


def _summary(name: str, about: str, values: Any) -> Metric:
    quantiles = np.quantile(values, _QUANTILES).tolist() if len(values) else [float("nan")] * len(_QUANTILES)
    labelled = [({"quantile": f"{q:g}"}, value) for q, value in zip(_QUANTILES, quantiles, strict=True)]
    return Metric(name, "summary", about, labelled, total=float(values.sum()), count=len(values))
