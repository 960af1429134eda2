"""``weft lab run``: real collectives, a training run, MPI or iperf3 on a lab, with or without something breaking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weft.lab import Lab
    from weft.lab.experiment import Fault

KINDS = ("all_reduce", "all_gather", "all_to_all", "training", "mpi", "iperf3")


def run(
    kind: Annotated[str, typer.Argument(metavar="WHAT", help=", ".join(KINDS))],
    size: Annotated[str, typer.Option(help="of a step, such as 8MB")] = "8MB",
    iterations: Annotated[int, typer.Option(min=1, max=100_000, help="steps")] = 20,
    ranks: Annotated[int | None, typer.Option(min=2, help="one a host; default: all hosts")] = None,
    react: Annotated[bool, typer.Option("--react", help="let the reaction loop look after the lab")] = False,
    fail: Annotated[
        str | None, typer.Option(help="what breaks: two ends such as leaf0,spine1, or busiest; mended at the end")
    ] = None,
    how: Annotated[str, typer.Option(help="how it breaks: cut, silent or degrade")] = "cut",
    to: Annotated[float, typer.Option(min=0.001, max=1, help="with degrade: share of the rate that is left")] = 0.2,
    at: Annotated[str, typer.Option(help="when it breaks, from the first step on")] = "1s",
    timeout: Annotated[str, typer.Option(help="without progress for so long, a collective fails")] = "20s",
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="of iperf3")] = 5.0,
    lab_run: Annotated[str | None, typer.Option("--run", help="which lab, where several are up")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Run something real on the lab's hosts: what a step takes, bus bandwidth, the worst stall, what was done."""
    from weft.errors import ConfigError, UnknownName
    from weft.lab import Lab
    from weft.lab.experiment import fault_of
    from weft.lab.lab import interruptible
    from weft.units import DURATION, SIZE, parse

    if kind not in KINDS:
        raise UnknownName("workload", kind, KINDS)
    size_bytes, timeout_s = parse(size, SIZE), parse(timeout, DURATION)
    fault = fault_of(fail, how, parse(at, DURATION), to)
    if kind in ("mpi", "iperf3") and (fault or react):
        raise ConfigError(f"{kind} takes no fault and no reaction loop; the collectives over gloo do", field="--fail")
    lab = Lab.attach(lab_run)
    try:
        with interruptible():
            code = _run(lab, kind, size_bytes, iterations, ranks, react, fault, timeout_s, seconds, as_json)
    finally:
        lab.close()
    if code:
        raise typer.Exit(code)


def _run(
    lab: Lab,
    kind: str,
    size_bytes: float,
    iterations: int,
    count: int | None,
    react: bool,
    fault: Fault | None,
    timeout_s: float,
    seconds: float,
    as_json: bool,
) -> int:
    from weft.cli import lab_run_views as views
    from weft.lab.experiment import Outcome, experiment
    from weft.lab.workloads.gloo import GlooJob, check_size
    from weft.lab.workloads.iperf3 import iperf3_pairs
    from weft.lab.workloads.mpi import mpi_all_reduce
    from weft.lab.workloads.ranks import ranks_of
    from weft.report.machine import to_json

    ranks = ranks_of(lab.plan, count)
    check_size(size_bytes, len(ranks))
    if fault is not None and fault.link is not None:
        lab.plan.link(*fault.link)
    if kind == "iperf3":
        streams = iperf3_pairs(lab, ranks, seconds)
        typer.echo(to_json(views.streams_as_data(lab, streams)) if as_json else views.streams_text(lab, streams))
        return 0
    if kind == "mpi":
        steps = mpi_all_reduce(lab, ranks, size_bytes, iterations)
        outcome = Outcome(tuple(ranks), steps, None, [], None)
    else:
        with GlooJob(lab, ranks, timeout_s=timeout_s) as job:
            outcome = experiment(lab, job, kind, size_bytes, iterations, react=react, fault=fault)
    typer.echo(to_json(views.as_data(lab, kind, outcome)) if as_json else views.text(lab, kind, outcome))
    return 1 if outcome.steps.error else 0
