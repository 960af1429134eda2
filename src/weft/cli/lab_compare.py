"""``weft lab compare``: one collective measured on a lab and predicted by the fluid engine, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weft.lab import Lab
    from weft.lab.fidelity import Compared


def compare(
    kind: Annotated[str, typer.Argument(metavar="[WHAT]", help="all_reduce, all_gather or all_to_all")] = "all_reduce",
    size: Annotated[str, typer.Option(help="of a step, such as 4MB")] = "4MB",
    iterations: Annotated[int, typer.Option(min=2, max=10_000, help="steps")] = 6,
    ranks: Annotated[int | None, typer.Option(min=2, help="one a host; default: all hosts")] = None,
    fail: Annotated[str | None, typer.Option(help="then also with this link broken: leaf0,spine1")] = None,
    how: Annotated[str, typer.Option(help="how it breaks: cut, silent or degrade")] = "cut",
    to: Annotated[float, typer.Option(min=0.001, max=1, help="with degrade: share of the rate that is left")] = 0.5,
    run: Annotated[str | None, typer.Option("--run", help="which lab, where several are up")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Hold the fluid engine to the lab: the same collective, links and paths, measured and predicted."""
    from weft.errors import ConfigError
    from weft.lab import Lab
    from weft.lab.experiment import BUSIEST, fault_of
    from weft.lab.fidelity import compare as measure
    from weft.lab.lab import interruptible
    from weft.lab.workloads.gloo import GlooJob, check_kind, check_size
    from weft.lab.workloads.ranks import ranks_of
    from weft.report.machine import to_json
    from weft.units import SIZE, parse

    size_bytes = parse(size, SIZE)
    if fail == BUSIEST:
        raise ConfigError("name the link to break, such as leaf0,spine1", field="--fail")
    fault = fault_of(fail, how, 0.0, to)
    check_kind(kind)
    lab = Lab.attach(run)
    try:
        with interruptible():
            chosen = ranks_of(lab.plan, ranks)
            check_size(size_bytes, len(chosen))
            if fault is not None and fault.link is not None:
                lab.plan.link(*fault.link)
            with GlooJob(lab, chosen) as job:
                found = measure(lab, job, kind, size_bytes, iterations, fault)
    finally:
        lab.close()
    if as_json:
        typer.echo(
            to_json(
                {"schema": "weft.lab.compare/1", "run": lab.run, "kind": kind, "ranks": len(chosen)}
                | {"size_bytes": found[0].steps.size_bytes, "rows": [row.to_dict() for row in found]}
            )
        )
    else:
        typer.echo(_text(lab, kind, found))


def _text(lab: Lab, kind: str, found: list[Compared]) -> str:
    from weft.lab.fidelity import payload_share
    from weft.report.terminal import Column, table
    from weft.units import format_duration, format_size

    steps = found[0].steps
    rows = [
        (
            row.state,
            format_duration(row.measured_s),
            format_duration(row.steps.median_s),
            format_duration(row.predicted_s),
            f"{row.error:+.1%}",
        )
        for row in found
    ]
    columns = [Column("network"), *(Column(name, right=True) for name in ("fastest", "median", "predicted", "error"))]
    return (
        f"lab {lab.run}: {kind} of {format_size(steps.size_bytes)} by {steps.ranks} ranks, {len(steps.times_s)} steps; "
        f"{payload_share(lab.plan.mtu):.1%} of a port is payload\n\n{table(columns, rows)}"
    )
