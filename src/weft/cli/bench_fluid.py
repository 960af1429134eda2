"""``weft bench --engine fluid``: the rows on real paths, and what held up the row that suffered most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.cli.bench_scenario import scenario_of_bench
from weft.collectives import Estimate, Library
from weft.engines.fluid.bench import FluidBench
from weft.engines.what_if import WhatIf, what_ifs
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.files import located
from weft.report.bottleneck import bottleneck_text, find_bottleneck, limiting_class
from weft.report.heat_map import heat_map
from weft.report.links import links_as_data
from weft.units import format_duration, format_size

if TYPE_CHECKING:
    from weft.engines.fluid.link_use import LinkUse

#: Longer than the closed form by more than this is contention.
CONTENTION = 0.02


@dataclass(frozen=True)
class FluidRows:
    """What a fluid bench found.

    Attributes:
        rows: one a size.
        closed_form_s: what the closed form says of each.
        links: how links were used in the last row.
        bottleneck: what held up the row that suffered most; None where none did.
        show_links: tell how links were used.
    """

    rows: list[Estimate]
    closed_form_s: list[float]
    links: LinkUse | None
    bottleneck: dict[str, Any] | None
    show_links: bool

    def to_dict(self) -> dict[str, Any]:
        """What machines read beside the rows."""
        found: dict[str, Any] = {
            "engine": "fluid",
            "closed_form_time_s": self.closed_form_s,
            "bottleneck": self.bottleneck,
        }
        if self.show_links and self.links is not None:
            found["links"] = links_as_data(self.links)
        return found

    def texts(self) -> list[str]:
        """What people read below the table."""
        found = []
        if self.bottleneck is not None:
            row = self.bottleneck
            what = (
                f"{format_size(row['size_bytes'])}, {format_duration(row['time_s'])} "
                f"where the closed form has {format_duration(row['closed_form_time_s'])}"
            )
            found += ["", bottleneck_text(row, what=what)]
        if self.show_links and self.links is not None:
            found += ["", heat_map(self.links)]
        return found

    def draw(self, path: Path, *, title: str) -> None:
        """Draw how full links were."""
        if self.links is not None:
            from weft.report.link_plot import write_plot

            write_plot(path, self.links, title=title)


def run_fluid(
    fabric: Fabric,
    kind: str,
    sizes: Sequence[float],
    ranks: int,
    *,
    library: Library,
    algorithm: str,
    routing: Routing | None,
    scenario: Path | None,
    show_links: bool,
) -> FluidRows:
    """Run every size on the fluid engine.

    Raises:
        ConfigError: the scenario is wrong, or says what only a job can have.
        InfeasibleError: a part of the network is cut off.
    """
    known = scenario_of_bench(scenario, fabric, ranks)

    def made(change: WhatIf, wanted: Sequence[float]) -> FluidBench:
        with located(known):
            return FluidBench(
                change.fabric,
                kind,
                wanted,
                range(change.scenario.first, change.scenario.first + ranks),
                library=library,
                algorithm=algorithm,
                routing=change.routing,
                scenario=change.scenario,
            )

    now = WhatIf("as it is", fabric, routing or fabric.plan.cluster.routing, known)
    bench = made(now, sizes)
    rows = [bench.run(size) for size in sizes]
    closed = [bench.closed_form(size).time_s for size in sizes]
    if rows[0].algorithm == "none":
        return FluidRows(rows, closed, None, None, show_links)
    links = bench.link_use()
    late = [row.time_s / form if form > 0 else 1.0 for row, form in zip(rows, closed, strict=True)]
    worst = late.index(max(late))
    if late[worst] <= 1 + CONTENTION:
        return FluidRows(rows, closed, links, None, show_links)
    size, time_s = sizes[worst], rows[worst].time_s
    bench = made(now, [size])
    bench.run(size)
    use = bench.link_use()
    tries = what_ifs(now.fabric, now.routing, now.scenario, limiting_class(use))
    report = find_bottleneck(
        use,
        bench.prepared,
        time_s=time_s,
        alternatives=tries,
        again=lambda change: made(change, [size]).run(size).time_s,
    )
    about = {"size_bytes": size, "time_s": time_s, "closed_form_time_s": closed[worst], "slowdown_x": late[worst]}
    return FluidRows(rows, closed, links, {**about, **report}, show_links)
