"""``weft bench``: the table nccl-tests prints, predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from weft.collectives import Estimate
    from weft.fabric import CommGroup, Fabric

_SIZE_HELP = "as nccl-tests reads it: K, M, G are powers of 1024"
_FLOAT_BYTES = 4
_HEAD = "# {:>12} {:>12} {:>6} {:>6} {:>5} {:>11} {:>8} {:>8}"


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
            help="ring, tree, halving_doubling, direct, hierarchical, in_network; auto: the fastest the library has"
        ),
    ] = "auto",
    ranks: Annotated[int | None, typer.Option(help="use the first so many accelerators; default: all")] = None,
    library: Annotated[
        str | None, typer.Option(help="nccl, rccl, or ideal (no overheads); default: the vendor's")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Predict a collective over sizes.

    Prints the columns of nccl-tests (out of place), the algorithm and protocol chosen, and the link class that binds.

    \b
    Example:
      weft bench all_reduce cluster.yaml -b 8 -e 8G -f 2
      weft bench all_to_all cluster.yaml --ranks 64 -b 1M -e 1G --json
    """
    from weft.collectives import canonical, estimate, library_for, load_library
    from weft.collectives.sweep import parse_size, sizes
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    name = canonical(kind)
    wanted = sizes(parse_size(first), parse_size(last), factor, parse_size(step) if step else None)
    fabric = build_fabric(load_cluster(cluster))
    group = _group(fabric, ranks)
    chosen = load_library(library or library_for(fabric.accelerator), fabric.catalog)
    rows = [estimate(name, size, group, library=chosen, algorithm=algorithm) for size in wanted]
    if json:
        typer.echo(to_json(_answer(name, fabric, chosen.name, rows)))
    else:
        typer.echo(_table(name, fabric, group, chosen.name, rows))


def _group(fabric: Fabric, ranks: int | None) -> CommGroup:
    from weft.errors import ConfigError

    count = fabric.accelerators if ranks is None else ranks
    if not 1 <= count <= fabric.accelerators:
        raise ConfigError(f"--ranks must be 1 to {fabric.accelerators} (the cluster's accelerators), read {count}")
    return fabric.group(range(count))


def _answer(kind: str, fabric: Fabric, library: str, rows: list[Estimate]) -> dict[str, Any]:
    from dataclasses import asdict

    from weft.collectives.sweep import average_busbw_Bps

    return {
        "schema": "weft.bench/1",
        "kind": kind,
        "cluster": fabric.name,
        "accelerator": fabric.accelerator,
        "ranks": rows[0].ranks,
        "library": library,
        "catalog_revision": fabric.catalog.revision,
        "average_busbw_Bps": average_busbw_Bps(rows),
        "rows": [{key: value for key, value in asdict(row).items() if key not in ("kind", "ranks")} for row in rows],
    }


def _table(kind: str, fabric: Fabric, group: CommGroup, library: str, rows: list[Estimate]) -> str:
    """The layout of nccl-tests: sizes in bytes, times in us, bandwidths in GB/s (1e9)."""
    from weft.collectives.sweep import average_busbw_Bps

    reduces = kind in ("all_reduce", "reduce_scatter", "reduce")
    split = kind in ("all_gather", "reduce_scatter", "all_to_all")
    redop, root = "sum" if reduces else "none", 0 if kind in ("broadcast", "reduce") else -1
    bounds = sorted({row.bound for row in rows})
    lines = [
        f"# {kind}: {group.ranks} ranks of {fabric.accelerator} on {fabric.name}, {library}, predicted",
        _HEAD.format("size", "count", "type", "redop", "root", "time", "algbw", "busbw") + "  algorithm",
        _HEAD.format("(B)", "(elements)", "", "", "", "(us)", "(GB/s)", "(GB/s)"),
    ]
    for row in rows:
        count = int(row.size_bytes) // _FLOAT_BYTES // (group.ranks if split else 1)
        lines.append(
            f"  {int(row.size_bytes):>12} {count:>12} {'float':>6} {redop:>6} {root:>5} {_time(row.time_s * 1e6):>11} "
            f"{row.algbw_Bps / 1e9:>8.2f} {row.busbw_Bps / 1e9:>8.2f}  {row.algorithm}/{row.protocol}"
        )
    lines.append(f"# Avg bus bandwidth    : {average_busbw_Bps(rows) / 1e9:.4g} GB/s")
    lines.append(f"# Bound by             : {', '.join(bounds)}")
    return "\n".join(lines)


def _time(us: float) -> str:
    """Four digits or whole microseconds, as nccl-tests prints times."""
    return f"{us:.2f}" if us < 100 else f"{us:.1f}" if us < 10_000 else f"{us:.0f}"
