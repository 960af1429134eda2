"""What ``weft lab run`` prints, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.lab import Lab
from weft.lab.experiment import Outcome
from weft.lab.status import status
from weft.lab.workloads.iperf3 import Stream
from weft.report.terminal import Column, pairs, table
from weft.units import format_duration, format_rate, format_size

_SHOWN = 12  # of steps, and of reactions


def as_data(lab: Lab, kind: str, outcome: Outcome) -> dict[str, Any]:
    """What machines read of a job."""
    steps, struck = outcome.steps, outcome.struck
    found: dict[str, Any] = {
        "schema": "weft.lab.run/1",
        "run": lab.run,
        "backend": lab.backend.name,
        "workload": kind,
        **steps.to_dict(),
        "ideal_busbw_Bps": outcome.ideal_Bps,
        "efficiency": outcome.efficiency,
        "stall_s": outcome.stall_s(),
        "fault": None,
        "reactions": outcome.reactions,
    }
    if struck is not None:
        link = struck.link
        found["fault"] = {
            "a": f"{link.a}:{link.a_port}",
            "b": f"{link.b}:{link.b_port}",
            "how": struck.how,
            "time_s": struck.time_s - steps.ends_s[0] if steps.ends_s else None,
        }
    if outcome.trained is not None:
        found |= {"losses": outcome.trained.losses, "bit_equal": outcome.trained.bit_equal}
    now = status(lab, 0.0)
    found |= {"hosts": now["hosts"], "events": now["events"]}
    used = {(link.a, link.a_port): share for link, share in outcome.used.items()}
    found["links"] = [
        {"a": link["a"], "b": link["b"], "rate_Bps": link["rate_Bps"], "state": link["state"]}
        | {"a_port": link["a_port"], "b_port": link["b_port"]}
        | {"utilisation": round(used.get((link["a"], link["a_port"]), 0.0), 4)}
        for link in now["links"]
    ]
    return found


def text(lab: Lab, kind: str, outcome: Outcome) -> str:
    """What people read of a job."""
    steps, struck = outcome.steps, outcome.struck
    count = len(steps.times_s)
    head = f"lab {lab.run}: {kind} of {format_size(steps.size_bytes)}, {steps.ranks} ranks, {count} steps"
    facts = []
    if count:
        ideal = f"{outcome.efficiency:.1%} of the ideal {format_rate(outcome.ideal_Bps)}"
        facts = [
            ("step, median", format_duration(steps.median_s)),
            ("bus bandwidth", f"{format_rate(steps.busbw_Bps)}, {ideal}"),
            ("worst stall", format_duration(max(0.0, outcome.stall_s()))),
        ]
    if outcome.trained is not None and outcome.trained.losses:
        losses = outcome.trained.losses
        same = "the same on all ranks, bit by bit" if outcome.trained.bit_equal else "NOT the same on all ranks"
        facts += [("loss", f"{losses[0]:.4f} to {losses[-1]:.4f}"), ("parameters", same)]
    parts = [head + (f"\n{pairs(facts, indent=2)}" if facts else "")]
    if count:
        times = "  ".join(format_duration(time_s) for time_s in steps.times_s[:_SHOWN])
        parts.append(f"Steps\n  {times}" + (f"  and {count - _SHOWN} more" if count > _SHOWN else ""))
    zero = steps.ends_s[0] if steps.ends_s else 0.0
    if struck is not None:
        link = struck.link
        parts.append(f"Fault\n  {struck.time_s - zero:8.3f} s  {link.a} - {link.b} {struck.how}; mended at the end")
    if outcome.reactions:
        rows = [
            (
                f"{reaction['began_s'] - (struck.time_s if struck else zero):.4f}",
                ", ".join(map(_noticed, reaction["events"])),
                f"{(reaction['acknowledged_s'] - reaction['began_s']) * 1e3:.2f}",
                str(reaction["groups_replaced"]),
            )
            for reaction in outcome.reactions[:_SHOWN]
        ]
        since = "s after the fault" if struck else "s"
        columns = [Column(since, right=True), Column("noticed", shrinks=True), Column("done in ms", right=True)]
        parts.append("Reactions\n" + table([*columns, Column("groups", right=True)], rows))
    if steps.error:
        parts.append(f"FAILED on {steps.failed_ranks} of {steps.ranks} ranks; {steps.error}")
    return "\n\n".join(parts)


def _noticed(event: dict[str, Any]) -> str:
    """Return in words what a port noticed."""
    change = event["change"]
    if change == "slow":
        change = f"at {event['share']:.0%} of its rate" if event["share"] < 1 else "whole again"
    return f"{event['device']}:{event['port']} {change}"


def streams_as_data(lab: Lab, streams: Sequence[Stream]) -> dict[str, Any]:
    """What machines read of iperf3."""
    rows = [
        {"source": s.source, "destination": s.destination, "rate_Bps": s.rate_Bps, "retransmits": s.retransmits}
        for s in streams
    ]
    return {"schema": "weft.lab.run/1", "run": lab.run, "workload": "iperf3", "streams": rows}


def streams_text(lab: Lab, streams: Sequence[Stream]) -> str:
    """What people read of iperf3."""
    columns = [Column("from"), Column("to"), Column("rate", right=True), Column("sent again", right=True)]
    rows = [(s.source, s.destination, format_rate(s.rate_Bps), str(s.retransmits)) for s in streams]
    slowest, whole = min(s.rate_Bps for s in streams), sum(s.rate_Bps for s in streams)
    last = f"slowest {format_rate(slowest)}, in all {format_rate(whole)}"
    return f"lab {lab.run}: iperf3, {len(streams)} connections at once\n\n{table(columns, rows)}\n\n{last}"
