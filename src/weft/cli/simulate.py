"""``weft simulate``: one job on one cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.cli.routing_flags import EngineFlag, QueuePairsFlag, RoutingFlag, SeedFlag, TransportFlag
from weft.cli.sample_flags import SampleFlag, SamplePortsFlag

if TYPE_CHECKING:
    from weft.result import Result


def simulate(
    cluster: Annotated[Path, typer.Argument(help="the cluster file", metavar="CLUSTER")],
    job: Annotated[Path, typer.Argument(help="the job file", metavar="JOB")],
    engine: EngineFlag = "analytic",
    scenario: Annotated[
        Path | None,
        typer.Option(help="a file of faults, slow hosts, traffic of others, other jobs; fluid and packet"),
    ] = None,
    routing: RoutingFlag = None,
    queue_pairs: QueuePairsFlag = None,
    seed: SeedFlag = None,
    transport: TransportFlag = None,
    sample: SampleFlag = None,
    sample_ports: SamplePortsFlag = "16",
    fold: Annotated[
        bool, typer.Option("--fold/--no-fold", help="let one stand for all that behave alike; the answer is the same")
    ] = True,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="say where each second goes, on which facts that rests, and what would help"),
    ] = False,
    links: Annotated[bool, typer.Option("--links", help="show how full links were; fluid only")] = False,
    explain_links: Annotated[
        bool,
        typer.Option("--explain-links", help="say which links held it up, and try in runs what helps; fluid only"),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="draw how full links were, with packet also queues and how long flows took (.svg or .png)"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    trace: Annotated[Path | None, typer.Option(help="write a timeline for ui.perfetto.dev (.json or .json.gz)")] = None,
    tables: Annotated[Path | None, typer.Option(help="write result tables into this folder")] = None,
    table_format: Annotated[str, typer.Option(help="parquet or csv")] = "parquet",
) -> None:
    """Simulate one job on one cluster.

    Prints step time and where it goes, MFU, memory, the bottleneck, cost and power.
    The exit code is 1 where the job does not fit in memory, or a part of the network is cut off.

    \b
    Example:
      weft simulate examples/llama3-405b/cluster.yaml examples/llama3-405b/job.yaml
      weft simulate cluster.yaml job.yaml --explain
      weft simulate cluster.yaml job.yaml --json --trace step.json.gz
      weft simulate cluster.yaml job.yaml --engine fluid --routing ecmp --explain-links
      weft simulate cluster.yaml job.yaml --engine fluid --scenario broken.yaml --links
      weft simulate cluster.yaml job.yaml --engine packet --transport roce_dcqcn --plot queues.svg
    """
    from weft.api import simulate as run
    from weft.cli.kernels import announce
    from weft.cli.routing_flags import check_packet_routing, routing_from, transport_from
    from weft.cli.sample_flags import sampling_from
    from weft.fabric import load_cluster
    from weft.report.machine import to_json
    from weft.report.progress import Line
    from weft.report.simulation import fits, simulation_card

    if plot is not None:
        from weft.report.link_plot import check_plot

        check_plot(plot)
    chosen_transport = transport_from(engine, transport)
    sampling = sampling_from(engine, sample, sample_ports, drawn=plot is not None or trace is not None)
    if engine == "packet":
        _check_packet(links, explain_links)
    spec = load_cluster(cluster)
    if engine == "packet":
        check_packet_routing(spec, routing)
    # A timeline and tables of the fluid engine have the links in them.
    watch = engine != "packet" and bool(links or explain_links or plot or (engine == "fluid" and (trace or tables)))
    announce(engine)
    with Line("operations") as line:
        result = run(
            spec,
            str(job),
            engine=engine,
            fold=fold,
            scenario=None if scenario is None else str(scenario),
            routing=routing_from(spec, routing, queue_pairs, seed),
            watch=watch,
            progress=line.update,
            transport=chosen_transport and transport,
            sampling=sampling,
        )
    answer = result.to_dict()
    if explain:
        with Line("changes tried") as line:
            answer["explanation"] = result.explanation(line.update).to_dict()
    if explain_links:
        answer["held_up"] = result.held_up
    if trace is not None:
        from weft.report.perfetto import write_trace

        write_trace(trace, result.slices(), result.counters(), about=answer.get("provenance"))
    if tables is not None:
        from weft.report.tables import write_tables

        write_tables(tables, result.tables(), format=table_format)
    if plot is not None:
        _draw(plot, result, f"{answer['job']['name']} on {answer['cluster']['name']}")
    if json:
        typer.echo(to_json(answer))
    else:
        typer.echo(
            "\n\n".join(
                [
                    simulation_card(answer),
                    *_about_step(answer),
                    *_about_links(result, links, explain_links),
                    *_about_packets(answer, result),
                ]
            )
        )
        for path in (trace, tables, plot):
            if path is not None:
                typer.echo(f"wrote {path}", err=True)
    if not fits(answer):
        raise typer.Exit(1)


def _check_packet(links: bool, explain_links: bool) -> None:
    """Refuse what only the fluid engine tells."""
    from weft.errors import ConfigError

    for flag, given in (("--links", links), ("--explain-links", explain_links)):
        if given:
            raise ConfigError("only the fluid engine tells how links were used over time", field=flag)


def _draw(path: Path, result: Result, title: str) -> None:
    """Draw how full links were, or how long flows of packets took."""
    if result.packets is not None:
        from weft.report.packet_plot import write_packet_plot

        write_packet_plot(path, result.packets, title=title)
    elif result.links is not None:
        from weft.report.link_plot import write_plot

        write_plot(path, result.links, title=title)


def _about_packets(answer: dict[str, Any], result: Result) -> list[str]:
    """What became of packets, as text, where there were any."""
    if result.packets is None:
        return []
    from weft.report.packet_runs import packets_text

    return [packets_text(answer["packet"], result.packets)]


def _about_step(answer: dict[str, Any]) -> list[str]:
    """Its explanation as text, where one was asked for."""
    if "explanation" not in answer:
        return []
    from weft.report.explanation import explanation_text

    return [explanation_text(answer["explanation"])]


def _about_links(result: Result, links: bool, explain: bool) -> list[str]:
    """What was asked for about the links, as text."""
    from weft.units import format_duration

    parts = []
    if explain:
        from weft.report.bottleneck import bottleneck_text

        what = f"a step of {format_duration(result.step_time_s)}"
        parts.append(bottleneck_text(result.held_up, what=what))
    if links and result.links is not None:
        from weft.report.heat_map import heat_map

        parts.append(heat_map(result.links))
    return parts
