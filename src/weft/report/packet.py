"""The answer of ``weft packet`` as a card: what ran, how long flows took, what was lost, where it was tight."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from weft import units
from weft.report.terminal import Column, heading, number, pairs, percent, style, table, width

if TYPE_CHECKING:
    from weft.engines.packet.outcome import Outcome

_BUSIEST = 5
_KEYS = ("min", "mean", "p50", "p99", "max")
_QUEUES = {
    "trim": "full queues trim",
    "drop": "full queues drop",
    "pause": "links are paused before queues are full",
    "credit": "links have credit",
}


def packet_card(answer: dict[str, Any], outcome: Outcome) -> str:
    """Lay out what ``weft packet --json`` prints, and the busiest links of a run.

    Args:
        answer: of the run, or of several seeds.
        outcome: of the run, or the first of them.
    """
    blocks = [
        _title(answer, outcome),
        transport_card(answer["transport"]),
        flows_table(answer),
        counts_text(answer),
        busiest_links(outcome),
        _seeds(answer),
        _unfinished(answer),
        _provenance(answer),
    ]
    return "\n\n".join(block for block in blocks if block)


def _title(answer: dict[str, Any], outcome: Outcome) -> str:
    net = answer["network"]
    size = units.format_size(int(outcome.flow["size_bytes"].sum()))
    what = f"{answer.get('title', 'flows')}: {_many(answer['flows'], 'flow')}, {size}, between {net['hosts']:,} hosts"
    at = f"{net['switches']:,} switches, hosts at {units.format_rate(net['host_rate_Bps'])}"
    if net["oversubscription_x"] > 1.0005:
        at += f", {net['oversubscription_x']:.3g}:1 oversubscribed"
    if net["links_down"]:
        at += f", {_many(net['links_down'], 'cable')} down"
    return (
        f"{style(what, 'bold')}\n{answer['topology']}; {at}" if "topology" in answer else f"{style(what, 'bold')}\n{at}"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def transport_card(t: dict[str, Any]) -> str:
    """Lay out a transport with its sizes and times."""
    who = {"none": "a fixed window"}.get(t["control"], t["control"])
    if t["receiver_driven"]:
        who = "credit from receivers" if t["control"] == "none" else f"{who}, and credit from receivers"
    paths = "one path a flow" if t["balance"] == "one_path" else f"{t['balance']} over {t['paths']} paths"
    packet, mtu = units.format_size, t["mtu_bytes"]
    items = [
        ("  control", f"{who}; {paths}; switches choose {t['switch_choice'].replace('_', ' ')}"),
        ("  packets", f"{mtu} B, {t['header_bytes']} B of it header"),
        (
            "  round trip",
            f"{units.format_duration(t['rtt_s'])} with no queues; bandwidth-delay product {packet(t['bdp_bytes'])}",
        ),
        ("  queues", f"{_packets(t['queue_bytes'], mtu)}; {_QUEUES[t['queues']]}; {_marks(t, mtu)}"),
        ("  sent again", f"after {units.format_duration(t['rto_s'])} of silence"),
    ]
    if t["control"] in ("nscc", "swift", "timely"):
        items.insert(4, ("  target", f"{units.format_duration(t['target_delay_s'])} of queueing"))
    return heading(f"Transport {t['name']}" if "name" in t else "Transport") + "\n" + pairs(items)


def _packets(size_bytes: int, mtu: int) -> str:
    return f"{size_bytes / mtu:.4g} packets ({units.format_size(size_bytes)})"


def _marks(t: dict[str, Any], mtu: int) -> str:
    if t["ecn_low_bytes"] >= (1 << 31) - 1:
        return "no marks"
    return f"marks from {t['ecn_low_bytes'] / mtu:.4g} to {t['ecn_high_bytes'] / mtu:.4g} packets"


def flows_table(answer: dict[str, Any]) -> str:
    """Lay out completion times, slowdown and goodput."""
    if answer["fct_s"]["mean"] is None:
        return "No flow ended."
    columns = [Column("Flows"), *(Column(key, right=True) for key in _KEYS)]
    rows = [
        ["  completion time", *(units.format_duration(answer["fct_s"][key]) for key in _KEYS)],
        ["  slowdown", *(number(answer["slowdown"][key]) for key in _KEYS)],
        ["  goodput", *(units.format_rate(answer["goodput_Bps"][key]) for key in _KEYS)],
    ]
    lines = table(columns, rows)
    whole = answer["goodput_Bps"]["all_flows"]
    if whole and answer["flows"] > 1:
        lines += f"\nAll flows together: {units.format_rate(whole)}"
    return lines


def counts_text(answer: dict[str, Any]) -> str:
    """Say what happened to packets."""
    packets, again = answer["packets"], answer["retransmissions"]
    share = f" ({percent(again / packets, 2)})" if again and packets else ""
    parts = [
        f"{packets:,.0f} packets, {again:,.0f} of them sent again{share}"
        if again
        else f"{packets:,.0f} packets, none sent again"
    ]
    for name in ("trimmed", "dropped", "lost", "retried", "marked"):
        if answer[name]:
            parts.append(f"{answer[name]:,.0f} {name}")
    if answer["timeouts"]:
        parts.append(f"{answer['timeouts']:,.0f} time-outs")
    if answer["pauses"]:
        parts.append(f"{answer['pauses']:,.0f} pauses, {units.format_duration(answer['paused_s'])} in all")
    out_of_order = f"; {answer['disordered']:,.0f} came out of order" if answer["disordered"] else ""
    hops = f"{answer['packet_hops']:,.0f} packet-hops in {units.format_duration(answer['simulated_s'])}"
    return _wrapped("; ".join([", ".join(parts) + out_of_order, hops]))


def _wrapped(text: str, used: int = 0) -> str:
    """Break a line where it is wider than the terminal; ``used`` columns are before it."""
    lines = textwrap.wrap(text, width() - max(used, 2), break_long_words=False)
    return ("\n" + " " * max(used, 2)).join(lines)


def busiest_links(outcome: Outcome) -> str:
    """Lay out the ports that carried most."""
    port = outcome.port
    order = np.lexsort((np.arange(len(port["rate_Bps"])), -port["most_queued_bytes"], -port["utilisation"].round(3)))
    shown = [int(row) for row in order[:_BUSIEST] if port["sent_bytes"][row] > 0]
    columns = [
        Column("Busiest links", shrinks=True),
        Column("rate", right=True),
        Column("utilisation", right=True),
        Column("most queued", right=True),
        Column("marked", right=True),
        Column("trimmed", right=True),
        Column("dropped", right=True),
        Column("paused", right=True),
    ]
    rows = [
        [
            "  " + outcome.network.port_name(row),
            units.format_rate(float(port["rate_Bps"][row])),
            percent(float(port["utilisation"][row])),
            units.format_size(int(port["most_queued_bytes"][row])),
            f"{port['marked'][row]:,}",
            f"{port['trimmed'][row]:,}",
            f"{port['dropped'][row]:,}",
            units.format_duration(float(port["paused_s"][row])) if port["paused_s"][row] else "-",
        ]
        for row in shown
    ]
    return table(columns, rows) if rows else ""


def _seeds(answer: dict[str, Any]) -> str:
    if "seeds" not in answer:
        return ""
    columns = [
        Column("Seed", right=True),
        *(Column(key, right=True) for key in _KEYS),
        Column("sent again", right=True),
    ]
    rows = [
        [run["seed"], *(_time(run["fct_s"][key]) for key in _KEYS), f"{run['retransmissions']:,}"]
        for run in answer["seeds"]
    ]
    return f"Means over {len(rows)} seeds above; links of the first\n" + table(columns, rows)


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else units.format_duration(seconds)


def _unfinished(answer: dict[str, Any]) -> str:
    found = answer["unfinished"]
    if not found["flows"]:
        return ""
    why = "; ".join(f"{_many(count, 'flow')}: {reason}" for reason, count in found["reasons"].items())
    such = ", ".join(found["such_as"][:4])
    return style("unfinished: ", "red") + _wrapped(f"{why} (such as {such})", 12)


def _provenance(answer: dict[str, Any]) -> str:
    source = answer.get("provenance", {})
    known = [f"weft {source['version']}"] if "version" in source else []
    known.append("engine packet")
    if source.get("inputs_sha256"):
        known.append(f"inputs {source['inputs_sha256'][:12]}")
    known.append(f"computed in {units.format_duration(answer['wall_s'])}")
    return style(", ".join(known), "dim")


def flow_lines(outcome: Outcome) -> str:
    """Lay out a line a flow."""
    flow = outcome.flow
    columns = [
        Column("Flow", shrinks=True),
        *(
            Column(name, right=True)
            for name in ("bytes", "start", "completion", "slowdown", "goodput", "sent again", "disordered")
        ),
    ]
    rows = []
    for row in range(len(outcome.flows)):
        ended = bool(outcome.ended[row])
        start_s = float(flow["start_s"][row])
        rows.append(
            [
                "  " + outcome.flow_name(row),
                f"{flow['size_bytes'][row]:,}",
                "-" if start_s != start_s else units.format_duration(start_s),
                units.format_duration(float(flow["fct_s"][row])) if ended else "-",
                number(float(flow["slowdown"][row])) if ended else "-",
                units.format_rate(float(flow["goodput_Bps"][row])) if ended else "-",
                f"{flow['retransmissions'][row]:,}",
                f"{flow['disordered'][row]:,}",
            ]
        )
    return table(columns, rows)
