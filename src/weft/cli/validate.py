"""``weft validate``: predictions against published measurements, or the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def validate(
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="training, nccl (or collectives), topology, congestion, headlines, all (default); one or more"
        ),
    ] = None,
    rows: Annotated[Path | None, typer.Option(help="your own measured rows (see docs/validation.md)")] = None,
    only: Annotated[
        str | None,
        typer.Option(help="only rows whose id, slug or software stack has this text, or matches this * pattern"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    html: Annotated[
        Path | None, typer.Option(help="write a page with tables and plots of predicted against measured")
    ] = None,
    every: Annotated[
        bool | None,
        typer.Option("--all/--summary", help="every row, or summaries only; default: every row where a suite is named"),
    ] = None,
    against_baseline: Annotated[
        bool, typer.Option("--against-baseline", help="exit with 1 where predictions are worse than the baseline")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="compare with this file in place of the package's baseline, or update it")
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="write the baseline anew from these predictions")
    ] = False,
) -> None:
    """Compare predictions with measurements.

    Prints each row's predicted and measured value, error and source, or why it cannot be expressed yet; then summaries.
    The exit code is 1 where predictions are worse than the baseline that they were to be held against.

    \b
    Example:
      weft validate --suite training
      weft validate --suite nccl --only 'cw_h100*'
      weft validate --suite all --html report.html
      weft validate --suite all --against-baseline
      weft validate --rows my-cluster.yaml --json
    """
    from weft.errors import ConfigError
    from weft.files import write_atomically
    from weft.report.machine import to_json
    from weft.report.progress import track
    from weft.validation import ALL, run_rows, run_suite, suites_of
    from weft.validation.baseline import compare, packaged_path, read_baseline, write_baseline
    from weft.validation.present import baseline_text, report_text, report_to_dict, suites_text

    if rows is not None and suite:
        raise ConfigError("--rows and --suite exclude each other: a rows file says its own suite under 'file:'")
    if update_baseline and (against_baseline or only is not None):
        raise ConfigError("--update-baseline writes what all rows say: give it without --only and --against-baseline")
    compares = (against_baseline or baseline is not None) and not update_baseline
    if rows is not None and baseline is None and (compares or update_baseline):
        raise ConfigError("the package's baseline is of published rows; name one for yours with --baseline FILE")
    names = suites_of(suite or [ALL])
    kept = baseline or packaged_path()
    before = read_baseline(kept) if compares else None
    if rows is not None:
        reports = [run_rows(rows, only=only, progress=track)]
    else:
        reports = [run_suite(name, only=only, progress=track) for name in names]
    if only is not None:
        reports = [report for report in reports if report.predictions]
        if not reports:
            raise ConfigError(f"no row's id, slug or stack matches --only {only!r}")
    compared = None if before is None else compare(reports, before, whole=only is None)
    if update_baseline:
        write_baseline(kept, reports)
    if html is not None:
        from weft.validation.page import page

        write_atomically(html, page(reports, compared))
    if json:
        held = {} if compared is None else {"baseline": compared.to_dict()}
        typer.echo(to_json({**report_to_dict(reports), **held}, indent=1))
    else:
        show = bool(rows or (suite and ALL not in suite) or only) if every is None else every
        parts = [report_text(report, rows=show) for report in reports]
        parts += [suites_text(reports)] if len(reports) > 1 else []
        parts += [] if compared is None else [baseline_text(compared)]
        typer.echo("\n\n".join(parts))
    for path in (html, kept if update_baseline else None):
        if path is not None:
            typer.echo(f"wrote {path}", err=True)
    if any(report.internal_errors for report in reports):
        typer.echo(
            "error: some rows failed by a fault of Weft's (reason: internal error); please report them", err=True
        )
        raise typer.Exit(3)
    if compared is not None and compared.worse:
        raise typer.Exit(1)
