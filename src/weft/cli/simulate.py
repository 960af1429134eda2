"""``weft simulate``: one job on one cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    cluster: Annotated[Path, typer.Argument(help="the cluster file", metavar="CLUSTER")],
    job: Annotated[Path, typer.Argument(help="the job file", metavar="JOB")],
    engine: Annotated[str, typer.Option(help="how transfers are timed; analytic: closed form")] = "analytic",
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    trace: Annotated[Path | None, typer.Option(help="write a timeline for ui.perfetto.dev (.json or .json.gz)")] = None,
    tables: Annotated[Path | None, typer.Option(help="write result tables into this folder")] = None,
    table_format: Annotated[str, typer.Option(help="parquet or csv")] = "parquet",
) -> None:
    """Simulate one job on one cluster.

    Prints step time and where it goes, MFU, memory, the bottleneck, cost and power.
    The exit code is 1 where the job does not fit in memory.

    \b
    Example:
      weft simulate examples/llama3-405b/cluster.yaml examples/llama3-405b/job.yaml
      weft simulate cluster.yaml job.yaml --json --trace step.json.gz
    """
    from weft.api import simulate as run
    from weft.report.machine import to_json
    from weft.report.simulation import fits, simulation_card

    result = run(str(cluster), str(job), engine=engine)
    answer = result.to_dict()
    if trace is not None:
        from weft.report.perfetto import write_trace

        write_trace(trace, result.slices(), about=answer.get("provenance"))
    if tables is not None:
        from weft.report.tables import write_tables

        write_tables(tables, result.tables(), format=table_format)
    if json:
        typer.echo(to_json(answer))
    else:
        typer.echo(simulation_card(answer))
        for path in (trace, tables):
            if path is not None:
                typer.echo(f"wrote {path}", err=True)
    if not fits(answer):
        raise typer.Exit(1)
