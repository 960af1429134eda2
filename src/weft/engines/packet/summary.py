"""A simulation's outcome in figures, as machines read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet.outcome import Outcome
from weft.engines.packet.transport import FIELDS, Settings

SCHEMA = "weft.packet/1"
_SHOWN = 16  # flows that did not end, by name


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return one run as data; SI units in the names, None where no flow ended."""
    flow, port, ended = outcome.flow, outcome.port, outcome.ended
    done_bytes = int(flow["size_bytes"][ended].sum())
    begun = flow["start_s"][ended].min(initial=np.inf)
    over_s = float(flow["end_s"][ended].max() - begun) if ended.any() else 0.0
    counts = {name: int(port[name].sum()) for name in ("marked", "trimmed", "dropped", "lost", "retried", "pauses")}
    per_flow = {name: int(flow[name].sum()) for name in ("timeouts", "acks", "nacks", "disordered", "duplicates")}
    return {
        "schema": SCHEMA,
        "flows": len(outcome.flows),
        "fct_s": spread(flow["fct_s"][ended]),
        "slowdown": spread(flow["slowdown"][ended]),
        "goodput_Bps": {
            **spread(flow["goodput_Bps"][ended]),
            "all_flows": done_bytes / over_s if over_s > 0 else None,
        },
        "packets": int(flow["packets"].sum()),
        "retransmissions": int(flow["retransmissions"].sum()),
        **counts,
        **per_flow,
        "most_queued_bytes": int(port["most_queued_bytes"].max(initial=0)),
        "paused_s": float(port["paused_s"].sum()),
        "packet_hops": outcome.packet_hops,
        "events": outcome.events,
        "simulated_s": outcome.simulated_s,
        "wall_s": outcome.wall_s,
        "unfinished": unfinished(outcome),
        "network": _network(outcome),
        "transport": settled(outcome.settings),
    }


def spread(values: npt.NDArray[Any]) -> dict[str, float | None]:
    """Return least, mean, median, 99th percentile (between the nearest ranks) and most."""
    if not len(values):
        return dict.fromkeys(("min", "mean", "p50", "p99", "max"))
    p50, p99 = np.percentile(values, [50, 99])
    return {
        "min": float(values.min()),
        "mean": float(values.mean()),
        "p50": float(p50),
        "p99": float(p99),
        "max": float(values.max()),
    }


def unfinished(outcome: Outcome) -> dict[str, Any]:
    """How many flows did not end, why, and which, so far as a list of them stays short."""
    reasons: dict[str, int] = {}
    for reason in outcome.unfinished.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    named = [outcome.flow_name(flow) for flow in list(outcome.unfinished)[:_SHOWN]]
    return {"flows": len(outcome.unfinished), "reasons": reasons, "such_as": named}


def _network(outcome: Outcome) -> dict[str, Any]:
    network = outcome.network
    return {
        "name": network.name,
        "hosts": network.hosts,
        "switches": network.switches,
        "links_switch_to_switch": len(network.link_src) // 2,
        "links_down": int((network.weight == 0).sum()) // 2 if network.weight is not None else 0,
        "host_rate_Bps": float(network.rate_Bps[: network.hosts].max()),
        "oversubscription_x": network.oversubscription(),
    }


def settled(settings: Settings) -> dict[str, Any]:
    """A transport with its sizes and times filled in."""
    given = asdict(settings.transport)
    filled = {each.name: getattr(settings, each.name) for each in fields(settings) if each.name != "transport"}
    return {name: given[name] for name in FIELDS} | filled


def mean_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return figures that are means over runs of different seeds, with each run's own under ``seeds``.

    Counts are means too. A figure that a run does not have (no flow ended) is None.
    """
    first = runs[0]
    names = [name for name, value in first.items() if _is_number(value)]
    joined: dict[str, Any] = {name: _mean([run[name] for run in runs]) for name in names}
    for name in ("fct_s", "slowdown", "goodput_Bps"):
        joined[name] = {key: _mean([run[name][key] for run in runs]) for key in first[name]}
    joined["wall_s"] = sum(run["wall_s"] for run in runs)
    joined["flows"] = first["flows"]
    worst = max(runs, key=lambda run: run["unfinished"]["flows"])
    joined["unfinished"] = worst["unfinished"]
    brief = ("fct_s", "slowdown", "retransmissions", "trimmed", "dropped", "simulated_s", "wall_s")
    joined["seeds"] = [
        {
            "seed": run["transport"]["seed"],
            **{name: run[name] for name in brief},
            "unfinished": run["unfinished"]["flows"],
        }
        for run in runs
    ]
    return {**first, **joined}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
