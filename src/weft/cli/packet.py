"""``weft packet``: flows through a network packet by packet, from the UEC reference simulator's input files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.cli.sample_flags import SampleFlag, SamplePortsFlag

if TYPE_CHECKING:
    from weft.cli.packet_run import Run


def packet(
    flows: Annotated[Path, typer.Argument(help="the connection matrix (.cm)", metavar="FLOWS")],
    topo: Annotated[
        Path | None, typer.Option(help="the topology file (.topo); default: full bisection for the matrix's hosts")
    ] = None,
    htsim: Annotated[
        str | None,
        typer.Option(help="flags of htsim_uec, such as '-sender_cc_only -paths 128', for those of this command"),
    ] = None,
    transport: Annotated[
        str | None,
        typer.Option(
            help="nscc (default), rccc, both, eqds, ndp, roce_dcqcn, roce_hpcc, timely, swift, dctcp, infiniband ..."
        ),
    ] = None,
    control: Annotated[
        str | None, typer.Option(help="of congestion, by senders: none keeps the window; default: the transport's")
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(help="how senders choose paths: mixed, reps, bitmap, oblivious, round_robin, one_path ..."),
    ] = None,
    paths: Annotated[int | None, typer.Option(help="entropy values that a sender uses, a power of two")] = None,
    switch_choice: Annotated[
        str | None, typer.Option(help="among equal next hops: hashed, shortest_queue, two_choices, in_turn, flowlets")
    ] = None,
    queues: Annotated[str | None, typer.Option(help="full queues trim or drop; or pause, credit on links")] = None,
    queue_packets: Annotated[int | None, typer.Option(help="packets that a port holds", min=1)] = None,
    queue_bdps: Annotated[
        int | None,
        typer.Option(help="bandwidth-delay products that a port holds; default: 1, and 5 where it drops", min=1),
    ] = None,
    ecn_packets: Annotated[
        str | None, typer.Option(help="packets from which some, and above which all are marked", metavar="LOW,HIGH")
    ] = None,
    mtu: Annotated[str | None, typer.Option(help="a full packet on the wire, such as 4150B")] = None,
    window_packets: Annotated[int | None, typer.Option(help="packets in flight at first", min=1)] = None,
    ack_every: Annotated[str | None, typer.Option(help="data between acknowledgements, such as 16KiB")] = None,
    target_delay: Annotated[
        str | None,
        typer.Option(help="queueing that senders aim at; default: 0.75 round trips where queues trim, else 1"),
    ] = None,
    gap_packets: Annotated[
        int | None,
        typer.Option(help="a packet is lost that so many later ones overtook; 0: silence alone tells", min=0),
    ] = None,
    follow_marks: Annotated[
        bool | None,
        typer.Option(help="receivers grant less where the network is congested; default: where it is oversubscribed"),
    ] = None,
    rate: Annotated[str | None, typer.Option(help="of links, where no file says; default: 100Gb/s")] = None,
    tiers: Annotated[int | None, typer.Option(help="2 or 3, where no file says; default: 3", min=2, max=3)] = None,
    hop_latency: Annotated[str | None, typer.Option(help="of links, where no file says; default: 1us")] = None,
    switch_latency: Annotated[str | None, typer.Option(help="of switches, where no file says; default: 0s")] = None,
    degraded: Annotated[
        int | None, typer.Option(help="the first so many core links have a quarter of their rate", min=0)
    ] = None,
    start_unit: Annotated[str, typer.Option(help="what start counts: us (htsim_uec) or ps (older programs)")] = "us",
    until: Annotated[str | None, typer.Option(help="stop there, if flows still run; default: 10s")] = None,
    seed: Annotated[int | None, typer.Option(help="of all random choices; default: 13", min=0)] = None,
    seeds: Annotated[int, typer.Option(help="run with so many seeds and print means", min=1, max=10_000)] = 1,
    show_flows: Annotated[bool, typer.Option("--flows", help="print a line a flow")] = False,
    sample: SampleFlag = None,
    sample_ports: SamplePortsFlag = "16",
    sample_flows: Annotated[bool, typer.Option("--sample-flows", help="also record each flow's window")] = False,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
    tables: Annotated[
        Path | None, typer.Option(help="write tables of flows, ports and samples into this folder")
    ] = None,
    table_format: Annotated[str, typer.Option("--format", "--table-format", help="parquet or csv")] = "parquet",
    plot: Annotated[Path | None, typer.Option(help="draw distributions, queues and links (.svg or .png)")] = None,
    trace: Annotated[Path | None, typer.Option(help="write a timeline for ui.perfetto.dev (.json or .json.gz)")] = None,
    metrics: Annotated[Path | None, typer.Option(help="write metrics in Prometheus' text format")] = None,
) -> None:
    """Simulate flows packet by packet: queues, marks, trimming, pauses, loss, congestion control, path choice.

    Reads the connection matrices and topology files of htsim unchanged. Prints completion times, slowdown against the
    same flow with the network to itself, what was sent again, and the busiest links.
    The exit code is 1 where a flow did not end.

    \b
    Example:
      weft packet examples/packet/permutation.cm --topo examples/packet/leaf-spine.topo
      weft packet flows.cm --topo net.topo --transport rccc --paths 128 --json
      weft packet flows.cm --topo net.topo --htsim '-receiver_cc_only -paths 128 -linkspeed 400000'
      weft packet flows.cm --transport roce_dcqcn --tables out --plot run.svg --sample 1us
    """
    from weft.cli.packet_flags import with_htsim
    from weft.cli.packet_run import run_command
    from weft.report.machine import to_json

    given: dict[str, Any] = {
        "transport": transport, "control": control, "balance": balance, "paths": paths, "switch_choice": switch_choice,
        "queues": queues, "queue_packets": queue_packets, "queue_bdps": queue_bdps, "ecn_packets": ecn_packets,
        "mtu": mtu, "window_packets": window_packets, "ack_every": ack_every, "target_delay": target_delay,
        "gap_packets": gap_packets, "follow_marks": follow_marks, "rate": rate, "tiers": tiers,
        "hop_latency": hop_latency, "switch_latency": switch_latency, "degraded": degraded, "until": until,
        "seed": seed,
    }  # fmt: skip
    run = run_command(
        flows,
        topo,
        given if htsim is None else with_htsim(given, htsim, topo=topo is not None),
        start_unit=start_unit,
        seeds=seeds,
        sample=sample,
        sample_ports=sample_ports,
        sample_flows=sample_flows,
        writes={"tables": tables, "plot": plot, "trace": trace, "metrics": metrics},
        table_format=table_format,
    )
    if json:
        typer.echo(to_json(run.answer))
    else:
        typer.echo(_text(run, show_flows))
        for path in (tables, plot, trace, metrics):
            if path is not None:
                typer.echo(f"wrote {path}", err=True)
    if run.answer["unfinished"]["flows"]:
        raise typer.Exit(1)


def _text(run: Run, show_flows: bool) -> str:
    from weft.report.packet import flow_lines, packet_card

    card = packet_card(run.answer, run.outcome)
    return f"{flow_lines(run.outcome)}\n\n{card}" if show_flows else card
