"""What a simulation found: its flows and its ports as tables, and why flows did not end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet import code_kernels
from weft.engines.packet.flow_rows import PS
from weft.engines.packet.flows import Flows
from weft.engines.packet.ideal import ideal_fct_s
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.samples import Samples
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.transport import Settings
from weft.engines.packet.ways import best_ways

Columns = dict[str, npt.NDArray[Any]]

#: Why a flow did not end.
REASONS = (
    "the time was over",
    "it would have started later",
    "no trigger started it",
    "nothing moved any more",
    "what was left of it went by another port",
)


@dataclass(frozen=True)
class Outcome:
    """What a simulation found.

    Attributes:
        network, flows, settings: what was simulated.
        flow: a row a flow: src, dst, size_bytes, priority, start_s, end_s (all acknowledged; of a fabric's engine,
            all received), received_s, fct_s,
            ideal_fct_s (with the network to itself), slowdown, packets, retransmissions, timeouts, acks, nacks, marked
            (acknowledgements that told of congestion), disordered (packets that came before an earlier one),
            most_beyond_gap (packets held at once for a missing one), duplicates, goodput_Bps. NaN where it did not end.
        port: a row a port: rate_Bps, sent_bytes, utilisation, most_queued_bytes (that waited, of the fullest class),
            and counts: marked, trimmed, dropped, lost, retried, pauses, and paused_s.
        unfinished: flow -> why it did not end, one of `REASONS`.
        packet_hops: packets that crossed a link.
        events: taken from the queue of events.
        simulated_s: until the last flow ended, or the time was over.
        wall_s: that it took.
        samples: over time, where they were asked for.
    """

    network: PacketNetwork
    flows: Flows
    settings: Settings
    flow: Columns
    port: Columns
    unfinished: Mapping[int, str]
    packet_hops: int
    events: int
    simulated_s: float
    wall_s: float = 0.0
    samples: Samples | None = None

    def flow_name(self, flow: int) -> str:
        """Return a flow's name."""
        names = self.flows.names
        return names[flow] if len(names) else f"{self.flows.src[flow]}->{self.flows.dst[flow]}"

    @property
    def ended(self) -> npt.NDArray[np.bool_]:
        """bool[flows]: whether each ended."""
        return np.isfinite(self.flow["fct_s"])

    def to_dict(self) -> dict[str, Any]:
        """Return what ``weft packet --json`` prints of a run."""
        from weft.engines.packet.summary import summary

        return summary(self)

    def tables(self) -> dict[str, dict[str, list[Any]]]:
        """Return columns of ``flows``, ``ports`` and, where there are samples, ``samples`` and ``flow_samples``."""
        from weft.engines.packet.outcome_tables import outcome_tables

        return outcome_tables(self)


def ideal_of(simulation: Simulation) -> npt.NDArray[np.float64]:
    """Return float64[flows]: how long each flow would take with the network to itself.

    Raises:
        InfeasibleError: a flow has no way.
    """
    network, flows = simulation.network, simulation.flows
    cut = np.asarray(simulation.tables["ports"].cut > 0)
    return ideal_fct_s(network, simulation.settings, flows, best_ways(network, flows), cut)


def outcome(
    simulation: Simulation,
    ideal_s: npt.NDArray[np.float64],
    *,
    stuck: bool = False,
    samples: Samples | None = None,
    wall_s: float = 0.0,
) -> Outcome:
    """Return what a simulation has found so far.

    Args:
        simulation: that has run.
        ideal_s: of each flow, with the network to itself.
        stuck: it came back for want of events, not of time.
        samples: taken meanwhile.
        wall_s: that it took.
    """
    flow = _flows(simulation, ideal_s)
    ended = np.isfinite(flow["end_s"])
    simulated_s = float(flow["end_s"].max(initial=0.0)) if ended.all() else simulation.now_s
    return Outcome(
        network=simulation.network,
        flows=simulation.flows,
        settings=simulation.settings,
        flow=flow,
        port=port_columns(simulation, simulated_s),
        unfinished=_unfinished(simulation, stuck),
        packet_hops=int(simulation.world.hops),
        events=int(simulation.world.event_count),
        simulated_s=simulated_s,
        wall_s=wall_s,
        samples=samples,
    )


def _flows(simulation: Simulation, ideal_s: npt.NDArray[np.float64]) -> Columns:
    sender, receiver = simulation.tables["senders"], simulation.tables["receivers"]
    return flow_columns(simulation.flows, sender, receiver, sender.state == code_kernels.DONE, sender.end_ps, ideal_s)


def flow_columns(
    flows: Flows,
    sender: Mapping[str, npt.NDArray[Any]],
    receiver: Mapping[str, npt.NDArray[Any]],
    done: npt.NDArray[np.bool_],
    ended_ps: npt.NDArray[Any],
    ideal_s: npt.NDArray[np.float64],
) -> Columns:
    """Return what became of flows.

    Args:
        flows: what was sent.
        sender, receiver: columns of their records, in the flows' order.
        done: bool[flows], those that have ended.
        ended_ps: int64[flows], when.
        ideal_s: of each flow, with the network to itself.
    """
    start_ps = sender["start_ps"]
    start_s = np.where(sender["state"] != code_kernels.WAITING, start_ps / PS, np.nan)
    fct_s = np.where(done, (ended_ps - start_ps) / PS, np.nan)
    return {
        "src": flows.src,
        "dst": flows.dst,
        "size_bytes": flows.size_bytes,
        "priority": np.zeros(len(flows), np.int64) if flows.priority is None else flows.priority,
        "start_s": start_s,
        "end_s": np.where(done, ended_ps / PS, np.nan),
        "received_s": np.where(sender["got_ps"] > 0, sender["got_ps"] / PS, np.nan),
        "fct_s": fct_s,
        "ideal_fct_s": ideal_s,
        "slowdown": fct_s / ideal_s,
        "packets": sender["high"].astype(np.int64),
        "retransmissions": sender["again"].astype(np.int64),
        "timeouts": sender["timeouts"].astype(np.int64),
        "acks": sender["acks"].astype(np.int64),
        "nacks": sender["nacks"].astype(np.int64),
        "marked": sender["marked"].astype(np.int64),
        "disordered": receiver["disordered"].astype(np.int64),
        "most_beyond_gap": receiver["most_beyond"].astype(np.int64),
        "duplicates": receiver["duplicates"].astype(np.int64),
        "goodput_Bps": flows.size_bytes / fct_s,
    }


def port_columns(simulation: Simulation, span_s: float) -> Columns:
    """Return what became of ports over a span of time."""
    network, tables, world = simulation.network, simulation.tables, simulation.world
    ports, tally = tables["ports"], tables["tally"]
    most = tables["queues"].most.reshape(network.ports, int(world.classes))[:, 1:]
    paused_ps = tally.paused_ps + np.where(ports.paused > 0, int(world.now) - tally.paused_since, 0)
    counts = ("marked", "trimmed", "dropped", "lost", "retried", "pauses")
    carried = network.rate_Bps * span_s
    return {
        "rate_Bps": network.rate_Bps,
        "sent_bytes": ports.sent_bytes.astype(np.int64),
        "utilisation": ports.sent_bytes / carried if span_s > 0 else np.zeros(network.ports),
        "most_queued_bytes": most.max(axis=1, initial=0),
        **{name: tally[name].astype(np.int64) for name in counts},
        "paused_s": paused_ps / PS,
    }


def _unfinished(simulation: Simulation, stuck: bool) -> dict[int, str]:
    sender = simulation.tables["senders"]
    why = {}
    for flow in np.flatnonzero(sender.state != code_kernels.DONE):
        if sender.state[flow] == code_kernels.RUNNING:
            why[int(flow)] = REASONS[3] if stuck else REASONS[0]
        else:
            why[int(flow)] = REASONS[2] if sender.waits[flow] > 0 else REASONS[1]
    return why
