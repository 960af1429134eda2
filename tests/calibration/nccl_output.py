"""Writes logs as nccl-tests prints them (2.13 and later), from times that tests give or publications printed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from weft.collectives.kinds import busbw_factor, canonical
from weft.validation.rows import RowFile, read_rows

PERF = {"all_to_all": "alltoall", "send_recv": "sendrecv"}
HEADER = (
    "# nThread 1 nGpus 1 minBytes {first} maxBytes {last} step: 2(factor) warmup iters: 5 iters: 20 agg iters: 1"
    " validation: 1 graph: 0"
)


def log_text(
    kind: str,
    ranks: int,
    rows: Iterable[tuple[float, float]],
    *,
    hosts: int = 1,
    device: str = "NVIDIA H100 80GB HBM3",
    named: bool = True,
    devices: bool = True,
) -> str:
    """A log of (size in bytes, out-of-place seconds); in place takes 1 % less."""
    rows = list(rows)
    lines = [f"# Collective test starting: {PERF.get(kind, kind)}_perf"] if named else []
    lines += [HEADER.format(first=int(rows[0][0]), last=int(rows[-1][0])), "#", "# Using devices"]
    for rank in range(ranks if devices else 0):
        host, place = divmod(rank, ranks // hosts)
        where = f"on   node{host:03} device {place:2} [0x{place:02x}] {device}"
        lines.append(f"#  Rank {rank:2} Group  0 Pid {4000 + rank:6} {where}")
    lines += [
        "#",
        "#                                                              out-of-place                       in-place",
        "#       size         count      type   redop    root" + 2 * "     time   algbw   busbw #wrong",
        "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)",
    ]
    redop = "sum" if kind in ("all_reduce", "reduce_scatter", "reduce") else "none"
    root = 0 if kind in ("broadcast", "reduce") else -1
    for size, seconds in rows:
        cells = f"{int(size):12} {int(size) // 4:13} {'float':>9} {redop:>7} {root:7}"
        for time, wrong in ((seconds, "0"), (0.99 * seconds, "N/A" if kind == "all_to_all" else "0")):
            rate = size / time / 1e9
            cells += f" {time * 1e6:8.2f} {rate:7.2f} {rate * busbw_factor(kind, ranks):7.2f} {wrong:>6}"
        lines.append(cells)
    lines += ["# Out of bounds values : 0 OK", "# Avg bus bandwidth    : 100.0", "#", ""]
    return "\n".join(lines)


@lru_cache
def _published() -> RowFile:
    return read_rows(str(files("weft.validation") / "data" / "nccl.yaml"))


def published(series: str, op: str, ranks: int) -> list[tuple[float, float]]:
    """(size, seconds) of one published log, by size."""
    rows = map(_published().conditions, _published().rows)
    found = {
        float(row["size_B"]): row["measured"]["time_us"] / 1e6
        for row in rows
        if (row.get("series"), row.get("op"), row.get("n_ranks"), row.get("algo")) == (series, op, ranks, None)
        and row.get("size_B")
        and "time_us" in row["measured"]
    }
    assert found, (series, op, ranks)
    return sorted(found.items())


def published_log(series: str, op: str, ranks: int, *, hosts: int = 1, device: str = "") -> str:
    """One published log, in nccl-tests' layout."""
    return log_text(canonical(op), ranks, published(series, op, ranks), hosts=hosts, device=device)
