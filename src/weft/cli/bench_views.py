"""What ``weft bench`` prints: the columns of nccl-tests, or one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from weft.collectives.sweep import average_busbw_Bps

if TYPE_CHECKING:
    from weft.collectives import Estimate
    from weft.fabric import CommGroup, Fabric

_FLOAT_BYTES = 4
_HEAD = "# {:>12} {:>12} {:>6} {:>6} {:>5} {:>11} {:>8} {:>8}"


def answer_of(kind: str, fabric: Fabric, library: str, rows: list[Estimate]) -> dict[str, Any]:
    """The answer for machines."""
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


def table_of(kind: str, fabric: Fabric, group: CommGroup, library: str, rows: list[Estimate]) -> str:
    """The layout of nccl-tests: sizes in bytes, times in us, bandwidths in GB/s (1e9)."""
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
