"""``weft compare``: clusters side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from weft.workload.spec import Job


def compare(
    clusters: Annotated[list[Path], typer.Argument(help="two or more cluster files", metavar="CLUSTER...")],
    job: Annotated[Path | None, typer.Option(help="a job file: step time, MFU and cost of tokens as well")] = None,
    years: Annotated[float, typer.Option(help="years of ownership")] = 3.0,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Put clusters side by side: size, bisection, latency, cost, power, cost of ownership, and a job on each.

    Differences are in per cent of the first. The exit code is 1 where the job does not fit in memory on some cluster.

    \b
    Example:
      weft compare examples/dgx-h100-superpod/cluster.yaml examples/dgx-a100/cluster.yaml
      weft compare a.yaml b.yaml c.yaml --job job.yaml --json
    """
    from weft.api import load_job
    from weft.errors import ConfigError
    from weft.report.comparison import comparison_table, differences
    from weft.report.machine import to_json

    if len(clusters) < 2:
        raise ConfigError("name two or more cluster files to compare", field="CLUSTER")
    work = load_job(job) if job is not None else None
    found = [_figures(path, work, years) for path in clusters]
    if json:
        against = [differences(found[0], other) for other in found[1:]]
        answer: dict[str, Any] = {
            "schema": "weft.compare/1",
            "years": years,
            "clusters": found,
            "against_first": against,
        }
        if work is not None:
            answer["job"] = work.name
        typer.echo(to_json(answer))
    else:
        typer.echo(comparison_table(found))
        typer.echo(f"\nto own: {years:g} years of capital, energy and rents; per cent of the first")
        for cluster in found:
            for warning in cluster["warnings"]:
                typer.echo(f"{cluster['name']}: {warning}")
    if not all(cluster.get("fits", True) for cluster in found):
        raise typer.Exit(1)


def _figures(path: Path, job: Job | None, years: float) -> dict[str, Any]:
    """Return one cluster's figures, units in the names."""
    from weft.api import simulate
    from weft.economics import bill_of_materials, ownership
    from weft.fabric import build_fabric, load_cluster

    cluster = load_cluster(path)
    result = simulate(cluster, job) if job is not None else None
    fabric = result.fabric if result else build_fabric(cluster)
    bill = result.bill if result else bill_of_materials(fabric)
    owned = ownership(fabric, years=years, bill=bill)
    levels = fabric.locality.levels()
    endpoint = owned.network_cost_per_endpoint
    figures: dict[str, Any] = {
        "name": fabric.name,
        "file": str(path),
        "topology": fabric.network.topology,
        "accelerators": fabric.accelerators,
        "endpoints": fabric.endpoints,
        "switches": fabric.switches,
        "links_total": fabric.cables(),
        "links_switch_to_switch": fabric.cables(between_switches=True),
        "bisection_Bps": fabric.bisection_Bps,
        "oversubscription": max(level.oversubscription for level in levels),
        "latency_s": {level.name: level.latency_s for level in levels},
        "network_cost_usd": bill.total_cost.as_dict(),
        "cost_usd_per_endpoint": endpoint.as_dict() if endpoint else None,
        "network_power_w": bill.network_power_w,
        "cluster_cost_usd": owned.capital_cost.as_dict(),
        "grid_power_w": owned.grid_power_w.typical,
        "network_total_cost_usd": owned.network_total_cost.as_dict(),
        "total_cost_usd": owned.total_cost.as_dict(),
        "carbon_kg_per_year": owned.carbon_per_year.as_dict(),
    }
    if result is None:
        missing = [f"not in the catalog, counted as zero: {', '.join(bill.missing)}"] if bill.missing else []
        return {**figures, "warnings": missing}
    exposed = sum(value for name, value in result.breakdown_s.items() if name.startswith("exposed_"))
    return {
        **figures,
        "step_time_s": result.step_time_s,
        "mfu": result.mfu,
        "exposed_communication_s": exposed,
        "cost_usd_per_trillion_tokens": result.per_trillion_tokens.cost_usd.as_dict(),
        "fits": result.run.memory.fits,
        "warnings": result.warnings(),
    }
