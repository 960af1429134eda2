"""What ``weft lab`` prints for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from weft.lab import Lab, LabPlan
from weft.lab.clearing import Cleared
from weft.lab.probe import Capability
from weft.report.terminal import Column, pairs, table
from weft.units import format_duration, format_rate


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('ch') else 's'}"


def up_text(lab: Lab, took_s: float) -> str:
    """Say what was brought up and what to do with it."""
    plan = lab.plan
    sizes = ", ".join(
        _counted(len(many), what)
        for many, what in ((plan.hosts, "host"), (plan.switches, "switch"), (plan.links, "link"))
    )
    first = plan.hosts[0]
    facts = [("rate", rate_text(plan)), ("packets", f"MTU {plan.mtu}, a port queues {plan.queue_bytes // 1024} KiB")]
    facts += [("delay", delay_text(lab))] if delay_text(lab) else []
    after = [
        "weft lab status",
        f"ip netns exec {lab.namespace(first.name)} ip address",
        "weft lab down",
    ]
    head = f"lab {lab.run}: {plan.name}, {sizes}; {lab.backend.name} backend, up in {took_s:.2f} s"
    return f"{head}\n{pairs(facts, indent=2)}\n\nnext:\n" + "\n".join(f"  {line}" for line in after)


def rate_text(plan: LabPlan) -> str:
    """Say how rates and time are scaled."""
    fastest = max(port.rate_Bps for host in plan.hosts for port in host.ports)
    design = format_rate(fastest * plan.dilation)
    return f"{format_rate(fastest)} for the design's {design}: 1 s of the design takes {plan.dilation:,.4g} s"


def delay_text(lab: Lab) -> str:
    """Say what becomes of the delay of long links; "" where there are none."""
    sites = [link for link in lab.plan.links if link.delay_s]
    if not sites:
        return ""
    how = "emulated" if lab.delays_run() else "not emulated: the program that holds packets back has ended"
    longest = format_duration(max(link.delay_s for link in sites))
    return f"{_counted(len(sites), 'long link')} of up to {longest} one way, in the lab's time; {how}"


def status_text(lab: Lab, found: dict[str, Any]) -> str:
    """A lab's links, and what has happened to it."""
    plan = lab.plan
    rows = [
        (
            f"{link['a']}:{link['a_port']}",
            f"{link['b']}:{link['b_port']}",
            format_rate(link["rate_Bps"]),
            f"{link['utilisation']:.0%}",
            f"{link['backlog_bytes'] / 1024:.0f} KiB",
            link["state"],
        )
        for link in found["links"]
    ]
    columns = [
        Column("link"),
        Column("to"),
        Column("rate", right=True),
        Column("busy", right=True),
        Column("waiting", right=True),
        Column("state"),
    ]
    facts = [("rate", rate_text(plan))] + ([("delay", delay_text(lab))] if delay_text(lab) else [])
    head = f"lab {lab.run}: {plan.name}, {lab.backend.name} backend, namespaces {lab.prefix}*\n{pairs(facts, indent=2)}"
    hosts = [
        (host["name"], ", ".join(f"{port} {address}" for port, address in host["addresses"].items()))
        for host in found["hosts"]
    ]
    parts = [head, table([Column("host"), Column("addresses", shrinks=True)], hosts), table(columns, rows)]
    if found["events"]:
        parts.append("\n".join(["Events", *(f"  {_event(event)}" for event in found["events"][-10:])]))
    return "\n\n".join(parts)


def probe_text(found: Sequence[Capability]) -> str:
    """What the machine can do, and what to do about the rest."""
    rows = [(one.key, one.what, "yes" if one.there else "no", "" if one.there else one.remedy) for one in found]
    return table([Column("name"), Column("what"), Column("here"), Column("what to do", shrinks=True)], rows)


def cleared_text(found: Iterable[Cleared]) -> str:
    """What was taken away."""
    lines = [
        f"lab {one.run}: {_counted(one.namespaces, 'namespace')} and {one.processes} process"
        f"{'' if one.processes == 1 else 'es'} taken away"
        for one in found
    ]
    return "\n".join(lines) or "nothing was left behind"


def _event(event: dict[str, Any]) -> str:
    when = datetime.fromtimestamp(event["time_s"]).strftime("%H:%M:%S.%f")[:-3]
    rest = " ".join(str(value) for key, value in event.items() if key not in ("time_s", "what"))
    return f"{when}  {event['what']} {rest}".rstrip()
