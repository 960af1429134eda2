"""``weft bench``: the table nccl-tests prints, predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from weft.cli.routing_flags import EngineFlag, QueuePairsFlag, RoutingFlag, SeedFlag, TransportFlag

if TYPE_CHECKING:
    from weft.cli.bench_fluid import FluidRows
    from weft.cli.bench_packet import PacketRows
    from weft.collectives import Library
    from weft.fabric import CommGroup, Fabric
    from weft.fabric.routing_options import Routing

_SIZE_HELP = "as nccl-tests reads it: K, M, G are powers of 1024"


def bench(
    kind: Annotated[
        str,
        typer.Argument(
            help="all_reduce, all_gather, reduce_scatter, broadcast, reduce, all_to_all or send_recv", metavar="KIND"
        ),
    ],
    cluster: Annotated[Path, typer.Argument(help="the cluster file", metavar="CLUSTER")],
    first: Annotated[str, typer.Option("-b", "--minbytes", help=f"first size, {_SIZE_HELP}")] = "8",
    last: Annotated[str, typer.Option("-e", "--maxbytes", help=f"last size, {_SIZE_HELP}")] = "8G",
    factor: Annotated[
        float, typer.Option("-f", "--stepfactor", help="each size is this many times the one before")
    ] = 2.0,
    step: Annotated[str | None, typer.Option("-i", "--stepbytes", help="each size is this much more instead")] = None,
    algorithm: Annotated[
        str,
        typer.Option(
            help="ring, tree, halving_doubling, direct, hierarchical, in_network, bruck, pat, bucket, two_level; "
            "auto: the fastest the library has"
        ),
    ] = "auto",
    ranks: Annotated[int | None, typer.Option(help="use the first so many accelerators; default: all")] = None,
    library: Annotated[
        str | None, typer.Option(help="nccl, rccl, or ideal (no overheads); default: the vendor's")
    ] = None,
    engine: EngineFlag = "analytic",
    scenario: Annotated[
        Path | None, typer.Option(help="a file of faults and traffic of others; its clock starts with each row")
    ] = None,
    routing: RoutingFlag = None,
    queue_pairs: QueuePairsFlag = None,
    seed: SeedFlag = None,
    transport: TransportFlag = None,
    links: Annotated[
        bool, typer.Option("--links", help="show how full links were, of the last row; fluid only")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="draw that, with packet also queues and how long flows took, of the last row (.svg or .png)"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Predict a collective over sizes.

    Prints the columns of nccl-tests (out of place), the algorithm and protocol chosen, and the link class that binds.
    With --engine fluid also what held it up, where it took longer than on links of its own, and what would help.
    With --engine packet also what became of packets: sent again, marked, trimmed, paused, queued, out of order.

    \b
    Example:
      weft bench all_reduce cluster.yaml -b 8 -e 8G -f 2
      weft bench all_to_all cluster.yaml --ranks 64 -b 1M -e 1G --json
      weft bench all_reduce cluster.yaml -b 1G -e 1G --engine fluid --routing ecmp --links
      weft bench all_to_all cluster.yaml --ranks 32 -b 1M -e 16M --engine packet --transport roce_dcqcn
    """
    from weft.cli.bench_views import answer_of, table_of
    from weft.cli.routing_flags import check_packet_routing, routing_from, transport_from
    from weft.collectives import canonical, estimate, library_for, load_library
    from weft.collectives.sweep import parse_size, sizes
    from weft.engines.step import ENGINES
    from weft.errors import ConfigError, UnknownName
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES, field="--engine")
    chosen_transport = transport_from(engine, transport)
    if engine == "packet" and links:
        raise ConfigError("only the fluid engine tells how links were used over time", field="--links")
    name = canonical(kind)
    wanted = sizes(parse_size(first), parse_size(last), factor, parse_size(step) if step else None)
    spec = load_cluster(cluster)
    chosen_routing = routing_from(spec, routing, queue_pairs, seed)
    if plot is not None:
        from weft.report.link_plot import check_plot

        check_plot(plot)
    if engine == "analytic" and (chosen_routing is not None or scenario is not None or links or plot is not None):
        raise ConfigError("the closed form knows no single links, routing or scenarios; add --engine fluid")
    if engine == "packet":
        check_packet_routing(spec, routing)
    fabric = build_fabric(spec)
    group = _group(fabric, ranks)
    chosen = load_library(library or library_for(fabric.accelerator), fabric.catalog)
    if engine == "analytic":
        rows = [estimate(name, size, group, library=chosen, algorithm=algorithm) for size in wanted]
        typer.echo(
            to_json(answer_of(name, fabric, chosen.name, rows))
            if json
            else table_of(name, fabric, group, chosen.name, rows)
        )
        return

    from weft.cli.kernels import announce

    announce(engine)
    common: _Common = {"library": chosen, "algorithm": algorithm, "routing": chosen_routing, "scenario": scenario}
    found: FluidRows | PacketRows
    if engine == "fluid":
        from weft.cli.bench_fluid import run_fluid

        found = run_fluid(fabric, name, wanted, group.ranks, show_links=links, **common)
    else:
        from weft.cli.bench_packet import run_packet

        found = run_packet(
            fabric,
            name,
            wanted,
            group.ranks,
            transport=chosen_transport,
            named=transport,
            sampled=plot is not None,
            **common,
        )
    if plot is not None:
        found.draw(plot, title=f"{name} on {fabric.name}")
    if json:
        typer.echo(to_json({**answer_of(name, fabric, chosen.name, found.rows), **found.to_dict()}))
    else:
        typer.echo("\n".join([table_of(name, fabric, group, chosen.name, found.rows), *found.texts()]))
        if plot is not None:
            typer.echo(f"wrote {plot}", err=True)


class _Common(TypedDict):
    """What engines with real paths are told alike."""

    library: Library
    algorithm: str
    routing: Routing | None
    scenario: Path | None


def _group(fabric: Fabric, ranks: int | None) -> CommGroup:
    from weft.errors import ConfigError

    count = fabric.accelerators if ranks is None else ranks
    if not 1 <= count <= fabric.accelerators:
        raise ConfigError(f"--ranks must be 1 to {fabric.accelerators} (the cluster's accelerators), read {count}")
    return fabric.group(range(count))
