"""``weft calibrate``: constants of your own cluster, from what was measured on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.calibrate_gpu import calibrate_gpu

app = typer.Typer(
    help="Constants of your own cluster, from what was measured on it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


app.command("gpu", epilog="Example: weft calibrate gpu --accelerator h100_sxm -o mine")(calibrate_gpu)


@app.command(
    "nccl", epilog="Example: weft calibrate nccl all_reduce.log all_gather.log --cluster cluster.yaml -o mine.yaml"
)
def calibrate_nccl(
    logs: Annotated[
        list[Path], typer.Argument(help="logs of nccl-tests or rccl-tests, one test each", metavar="LOG...")
    ],
    cluster: Annotated[Path, typer.Option(help="the cluster file of where they were measured")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="write a catalog overlay here, for the cluster's catalog: list"),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="the collective, where logs do not say")] = None,
    ranks: Annotated[int | None, typer.Option(min=2, help="ranks, where logs do not list their devices")] = None,
    algorithm: Annotated[str, typer.Option(help="what NCCL_ALGO forced: ring, tree, nvls ...")] = "auto",
    in_place: Annotated[bool, typer.Option("--in-place", help="take the in-place columns")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Fit the collective library's constants to logs of the cluster.

    What the logs do not tell stays at the catalog's value, and is listed with the reason.
    """
    from weft.calibration import calibrate_nccl as fitted
    from weft.calibration import write_overlay
    from weft.cli.calibrate_views import calibration_json, calibration_text
    from weft.report.machine import to_json

    found = fitted(logs, cluster, kind=kind, ranks=ranks, algorithm=algorithm, in_place=in_place)
    if output is not None:
        write_overlay(found, output)
    typer.echo(to_json(calibration_json(found)) if as_json else calibration_text(found))
    if output is not None and not as_json:
        typer.echo(f"wrote {output}; add it to the cluster file: catalog: [{output.name}]", err=True)
