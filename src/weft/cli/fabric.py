"""``weft fabric``: what a cluster's network is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="What a cluster's network is made of.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

_Cluster = Annotated[Path, typer.Argument(help="the cluster file", metavar="CLUSTER")]
_Json = Annotated[bool, typer.Option("--json", help="one JSON object on standard output")]


@app.command("show", epilog="Example: weft fabric show examples/llama3-405b/cluster.yaml")
def show(cluster: _Cluster, as_json: _Json = False) -> None:
    """Count nodes, switches and cables; tiers and their oversubscription, bisection, network cost and power."""
    from weft.cli import fabric_views as views
    from weft.economics import bill_of_materials
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    bill = bill_of_materials(fabric)
    typer.echo(to_json(views.fabric_json(fabric, bill)) if as_json else views.fabric_text(fabric, bill))


@app.command("bom", epilog="Example: weft fabric bom cluster.yaml --explain --csv bom.csv")
def bom(
    cluster: _Cluster,
    as_json: _Json = False,
    csv: Annotated[Path | None, typer.Option(help="write the lines to this file as well")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="the catalog rows behind every figure")] = False,
    years: Annotated[float, typer.Option(help="years of ownership")] = 3.0,
) -> None:
    """List switches, NICs, cables, modules, spares and racks with counts, cost and power; what owning them costs."""
    from weft.cli import bom_views as views
    from weft.economics import bill_of_materials, ownership
    from weft.economics.explaining import explain as rows_behind
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    bill = bill_of_materials(fabric)
    owned = ownership(fabric, years=years, bill=bill)
    rows = rows_behind(fabric, bill) if explain else None
    if csv is not None:
        from weft.files import write_atomically

        write_atomically(csv, views.bom_csv(bill))
        typer.echo(f"wrote {csv}", err=True)
    if as_json:
        typer.echo(to_json(views.bom_json(fabric, bill, owned, rows)))
        return
    typer.echo(views.bom_text(fabric, bill, owned))
    if rows is not None:
        typer.echo("\n" + views.explained_text(rows))


@app.command("export", epilog="Example: weft fabric export cluster.yaml --to graphml -o cluster.graphml")
def export(
    cluster: _Cluster,
    to: Annotated[str, typer.Option(help="graphml, csv, parquet or drawio")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the file; tables are two: .nodes and .links")],
    as_json: _Json = False,
) -> None:
    """Write the graph for other tools: GraphML, node and link tables, or a draw.io picture (by pod where large)."""
    from weft.export import export as write
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    files = [str(path) for path in write(fabric, to, output)]
    if as_json:
        counts = {"nodes": len(fabric.nodes), "links": len(fabric.links) // 2}
        typer.echo(to_json({"schema": "weft.export/1", "name": fabric.name, "format": to, "files": files, **counts}))
    else:
        typer.echo("\n".join(f"wrote {file}" for file in files), err=True)


@app.command("cable", epilog="Example: weft fabric cable examples/placed/cluster.yaml --csv cables.csv")
def cable(
    cluster: _Cluster,
    as_json: _Json = False,
    csv: Annotated[Path | None, typer.Option(help="write the whole schedule, one row a cable, to this file")] = None,
) -> None:
    """Say which cables, fibres and modules to order, and write the schedule: rack, unit and port of both ends."""
    from weft.cli import places_views as views
    from weft.fabric import build_fabric, load_cluster
    from weft.fabric.cabling.schedule import cable_schedule
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    schedule = cable_schedule(fabric)
    if csv is not None:
        from weft.files import write_atomically

        write_atomically(csv, views.cable_csv(schedule))
        typer.echo(f"wrote {csv}", err=True)
    typer.echo(to_json(views.cable_json(fabric, schedule)) if as_json else views.cable_text(fabric, schedule))


@app.command("check", epilog="Example: weft fabric check examples/placed/cluster.yaml")
def check(
    cluster: _Cluster,
    as_json: _Json = False,
    rule: Annotated[list[str] | None, typer.Option(help="only this rule; may be repeated")] = None,
) -> None:
    """Check ports, cages, reach, racks, oversubscription, rails, planes, pods and single points of failure.

    Exit code 1 if there is an error; warnings alone are 0.
    """
    from weft.cli import places_views as views
    from weft.fabric import build_fabric, load_cluster
    from weft.fabric.checks import check as run_checks
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    findings = run_checks(fabric, rule or ())
    typer.echo(to_json(views.check_json(fabric, findings)) if as_json else views.check_text(fabric, findings))
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command("drift", epilog="Example: weft fabric drift examples/lab/leaf-spine/cluster.yaml configs")
def drift(
    cluster: _Cluster,
    configs: Annotated[Path, typer.Argument(help="folder of FRR or SONiC configurations, with LLDP files if you have")],
    as_json: _Json = False,
) -> None:
    """Compare configurations, and cables as LLDP hears them, with the design: one line a difference.

    Read are HOST.conf (with HOST.interfaces) or HOST/config_db.json, and HOST.lldp.json (lldpctl -f json) or lldp.csv.
    Exit code 1 if anything differs.
    """
    from weft.cli import drift_views as views
    from weft.drift import drift as run_drift
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    found = run_drift(fabric, configs)
    typer.echo(to_json(views.drift_json(fabric, found)) if as_json else views.drift_text(fabric, found))
    if found.findings:
        raise typer.Exit(1)


@app.command("plan", epilog="Example: weft fabric plan examples/placed/cluster.yaml -o plan.svg")
def plan(
    cluster: _Cluster,
    output: Annotated[Path, typer.Option("-o", "--output", help="the SVG file")],
    as_json: _Json = False,
) -> None:
    """Draw the topology and the floor plan as one SVG, by pod and rack."""
    from weft.cli import places_views as views
    from weft.export.plan import to_plan
    from weft.fabric import build_fabric, load_cluster
    from weft.files import write_atomically
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    write_atomically(output, to_plan(fabric))
    placement = views.placement_json(fabric.placement)
    if as_json:
        typer.echo(to_json({"schema": "weft.plan/1", "name": fabric.name, "file": str(output), "placement": placement}))
    else:
        typer.echo(f"wrote {output}", err=True)
