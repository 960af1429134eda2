"""``weft validate``: predictions against published measurements, or the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def validate(
    suite: Annotated[
        list[str] | None, typer.Option(help="training, nccl or topology; may be given more than once; default: all")
    ] = None,
    rows: Annotated[Path | None, typer.Option(help="your own measured rows (see docs/validation.md)")] = None,
    only: Annotated[
        str | None, typer.Option(help="only rows whose id or slug has this text, or matches this * pattern")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    every: Annotated[
        bool | None,
        typer.Option("--all/--summary", help="every row, or summaries only; default: every row where a suite is named"),
    ] = None,
) -> None:
    """Compare predictions with measurements.

    Prints each row's predicted and measured value, error and source, or why it cannot be expressed yet; then summaries.

    \b
    Example:
      weft validate --suite training
      weft validate --suite nccl --only 'cw_h100*'
      weft validate --rows my-cluster.yaml --json
    """
    from weft.errors import ConfigError
    from weft.report.machine import to_json
    from weft.report.progress import track
    from weft.validation import SUITES, run_rows, run_suite
    from weft.validation.present import report_text, report_to_dict

    if rows is not None and suite:
        raise ConfigError("--rows and --suite exclude each other: a rows file says its own suite under 'file:'")
    if rows is not None:
        reports = [run_rows(rows, only=only, progress=track)]
    else:
        reports = [run_suite(name, only=only, progress=track) for name in suite or SUITES]
    if only is not None and not any(report.predictions for report in reports):
        raise ConfigError(f"no row's id or slug matches --only {only!r}")
    if json:
        typer.echo(to_json(report_to_dict(reports), indent=1))
    else:
        show = bool(rows or suite or only) if every is None else every
        typer.echo("\n\n".join(report_text(report, rows=show) for report in reports))
    if any(report.internal_errors for report in reports):
        typer.echo(
            "error: some rows failed by a fault of Weft's (reason: internal error); please report them", err=True
        )
        raise typer.Exit(3)
