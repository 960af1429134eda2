"""What became of the packets of collectives and jobs, as text below their answer, and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weft import units
from weft.report.packet import busiest_links, counts_text, flows_table, transport_card
from weft.report.terminal import Column, number, table

if TYPE_CHECKING:
    from weft.engines.packet.outcome import Outcome
    from weft.engines.packet.transport import Transport

_LEFT_OUT = ("schema", "network", "transport", "wall_s")


def brief(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's figures without what is said once for all runs."""
    return {name: value for name, value in run.items() if name not in _LEFT_OUT}


def packets_as_data(outcome: Outcome, transport: Transport | str | None) -> dict[str, Any]:
    """Return what became of the packets of a step, for machines.

    Args:
        outcome: of the step.
        transport: as it was asked for.
    """
    from weft.engines.packet.inputs import DEFAULT_TRANSPORT

    run = outcome.to_dict()
    name = transport if isinstance(transport, str) else DEFAULT_TRANSPORT if transport is None else "given"
    return {
        **brief(run),
        "network": run["network"],
        "transport": {"name": name, **run["transport"]},
    }


def runs_table(sizes: Sequence[int], runs: Sequence[Mapping[str, Any]]) -> str:
    """Lay out a line a size: packets, what happened to them, the deepest queue, and slowdown of flows.

    Args:
        sizes: bytes, of the collective.
        runs: as `weft.engines.packet.summary.summary` returns them.
    """
    lost = "trimmed" if any(run["trimmed"] for run in runs) else "dropped"
    heads = ("flows", "packets", "sent again", "marked", lost, "pauses", "disordered", "most queued", "slowdown p99")
    columns = [Column(head, right=True) for head in ("# size", *heads)]
    rows = [
        [
            size,
            f"{run['flows']:,}",
            f"{run['packets']:,}",
            f"{run['retransmissions']:,}",
            f"{run['marked']:,}",
            f"{run[lost]:,}",
            f"{run['pauses']:,}",
            f"{run['disordered']:,}",
            units.format_size(run["most_queued_bytes"]),
            "-" if run["slowdown"]["p99"] is None else number(run["slowdown"]["p99"]),
        ]
        for size, run in zip(sizes, runs, strict=True)
    ]
    return table(columns, rows)


def packets_text(run: dict[str, Any], outcome: Outcome) -> str:
    """Lay out the packets of a step: the transport, its flows, what happened to packets, the busiest links."""
    parts = [transport_card(run["transport"]), flows_table(run), counts_text(run), busiest_links(outcome)]
    return "\n\n".join(part for part in parts if part)


__all__ = ["brief", "busiest_links", "packets_text", "runs_table", "transport_card"]
