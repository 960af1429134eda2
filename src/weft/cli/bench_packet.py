"""``weft bench --engine packet``: the rows packet by packet, and what became of the packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.cli.bench_scenario import scenario_of_bench
from weft.collectives import Estimate, Library
from weft.engines.packet.bench import PacketBench
from weft.engines.packet.inputs import DEFAULT_TRANSPORT
from weft.engines.packet.outcome import Outcome
from weft.engines.packet.samples import Sampling
from weft.engines.packet.transport import Transport
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.files import located
from weft.report.packet_runs import brief, busiest_links, runs_table, transport_card
from weft.report.simulation import warning_text


@dataclass(frozen=True)
class PacketRows:
    """What a packet bench found.

    Attributes:
        rows: one a size.
        closed_form_s: what the closed form says of each.
        runs: what became of the packets of each; empty where there is nobody to send to.
        outcome: of the last.
    """

    rows: list[Estimate]
    closed_form_s: list[float]
    runs: list[dict[str, Any]]
    outcome: Outcome | None

    @property
    def warnings(self) -> list[str]:
        """What a reader should know."""
        return [] if self.outcome is None else self.outcome.settings.transport.hazards

    def to_dict(self) -> dict[str, Any]:
        """What machines read beside the rows."""
        found: dict[str, Any] = {"engine": "packet", "closed_form_time_s": self.closed_form_s, "packet": None}
        if self.runs:
            about = {name: self.runs[-1][name] for name in ("network", "transport")}
            found["packet"] = {**about, "rows": [brief(run) for run in self.runs], "warnings": self.warnings}
        return found

    def texts(self) -> list[str]:
        """What people read below the table."""
        if self.outcome is None:
            return []
        sizes = [int(row.size_bytes) for row in self.rows]
        parts = [transport_card(self.runs[-1]["transport"]), runs_table(sizes, self.runs)]
        parts.append(busiest_links(self.outcome))
        parts += [warning_text(warning) for warning in self.warnings]
        return [line for part in parts if part for line in ("", part)]

    def draw(self, path: Path, *, title: str) -> None:
        """Draw how long flows of the last row took, and its queues and links over time."""
        if self.outcome is not None:
            from weft.report.packet_plot import write_packet_plot

            write_packet_plot(path, self.outcome, title=title)


def run_packet(
    fabric: Fabric,
    kind: str,
    sizes: Sequence[float],
    ranks: int,
    *,
    library: Library,
    algorithm: str,
    routing: Routing | None,
    scenario: Path | None,
    transport: Transport | None,
    named: str | None,
    sampled: bool = False,
) -> PacketRows:
    """Run every size on the packet engine.

    Args:
        named: what the transport is called; None: the one that is used where none is named.
        sampled: whether to record queues and links over time.

    Raises:
        ConfigError: the scenario is wrong or says what packets cannot do, or the runs would take too long.
        InfeasibleError: a part of the network is cut off.
    """
    known = scenario_of_bench(scenario, fabric, ranks)
    with located(known):
        bench = PacketBench(
            fabric,
            kind,
            sizes,
            range(known.first, known.first + ranks),
            library=library,
            algorithm=algorithm,
            routing=routing,
            scenario=known,
            transport=transport,
            sampling=Sampling() if sampled else None,
        )
    bench.check(sizes)
    rows, runs, outcome = [], [], None
    for size in sizes:
        row = bench.run(size)
        rows.append(row)
        if row.algorithm != "none":
            outcome = bench.outcome()
            answer = outcome.to_dict()
            runs.append({**answer, "transport": {"name": named or DEFAULT_TRANSPORT, **answer["transport"]}})
    return PacketRows(rows, [bench.closed_form(size).time_s for size in sizes], runs, outcome)
