"""A simulation's outcome as tables on disk: plain columns, units in their names, blanks where there is no value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet.outcome import Outcome
from weft.engines.packet.samples import Samples

Table = dict[str, list[Any]]


def outcome_tables(outcome: Outcome) -> dict[str, Table]:
    """Return ``flows``, ``ports`` and, where there are samples, ``samples`` and ``flow_samples``."""
    flows = {name: plain(column) for name, column in outcome.flow.items()}
    reasons = [outcome.unfinished.get(flow) for flow in range(len(outcome.flows))]
    names = [outcome.flow_name(flow) for flow in range(len(outcome.flows))]
    ports = {name: plain(column) for name, column in outcome.port.items()}
    tables: dict[str, Table] = {
        "flows": {"flow": names, **flows, "unfinished": reasons},
        "ports": {"port": [outcome.network.port_name(port) for port in range(outcome.network.ports)], **ports},
    }
    if outcome.samples is not None:
        tables["samples"] = _samples(outcome, outcome.samples)
        if outcome.samples.in_flight_bytes is not None:
            tables["flow_samples"] = _flow_samples(names, outcome.samples)
    return tables


def plain(column: npt.NDArray[Any]) -> list[Any]:
    """Return a column as Python's numbers, None for what is not a number."""
    if column.dtype.kind != "f":
        values: list[Any] = column.tolist()
        return values
    return [None if value != value else value for value in column.tolist()]


def _samples(outcome: Outcome, samples: Samples) -> Table:
    times, ports = samples.utilisation.shape
    names = [outcome.network.port_name(int(port)) for port in samples.port]
    return {
        "time_s": np.repeat(samples.time_s, ports).tolist(),
        "port": names * times,
        "queued_bytes": samples.queued_bytes.ravel().tolist(),
        "utilisation": samples.utilisation.ravel().tolist(),
        "paused_x": samples.paused_x.ravel().tolist(),
    }


def _flow_samples(names: list[str], samples: Samples) -> Table:
    """Rows of flows at times at which they ran."""
    in_flight = samples.in_flight_bytes
    if in_flight is None or samples.cwnd_bytes is None or samples.pace_Bps is None:
        return {}
    time, flow = np.nonzero(np.isfinite(in_flight))
    return {
        "time_s": samples.time_s[time].tolist(),
        "flow": [names[row] for row in flow],
        "cwnd_bytes": plain(samples.cwnd_bytes[time, flow]),
        "in_flight_bytes": plain(in_flight[time, flow]),
        "pace_Bps": plain(samples.pace_Bps[time, flow]),
    }
