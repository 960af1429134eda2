"""What the columns of nccl-tests tell: a row's times, and which collectives print such a row.

busbw over algbw is 2(n-1)/n, (n-1)/n or 1 (doc/PERFORMANCE.md of nccl-tests); reductions name their operator, rooted
collectives their root; all_to_all is never checked in place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_REDUCING = ("sum", "prod", "max", "min", "avg", "mulsum", "all")


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: the size column, and the time of one call, out of place and (where it was measured) in place."""

    line: int
    size_bytes: float
    out_of_place_s: float
    in_place_s: float | None


@dataclass(slots=True)
class Row:
    """A row as printed.

    Attributes:
        measured: size and times.
        redop, root: as printed; empty and -1 where there is none.
        ratio: busbw over algbw; not a number where algbw is printed as 0.
        precision: of that ratio, from the digits printed.
        checked_in_place: results were checked in place; None where they were not checked at all.
    """

    measured: Measured
    redop: str
    root: int
    ratio: float
    precision: float
    checked_in_place: bool | None


def possible_kinds(row: Row, ranks: int) -> list[str]:
    """Collectives among so many ranks whose columns look like a row's."""

    def near(ratio: float) -> bool:
        return not math.isfinite(row.precision) or abs(row.ratio - ratio) <= 2 * row.precision + 1e-9

    sums, rooted = row.redop in _REDUCING or not row.redop, row.root >= 0
    spread = (ranks - 1) / ranks
    found = {
        "all_reduce": sums and not rooted and near(2 * spread),
        "reduce_scatter": sums and not rooted and near(spread),
        "all_gather": not rooted and row.redop in ("", "none") and near(spread) and row.checked_in_place is not False,
        "all_to_all": not rooted and row.redop in ("", "none") and near(spread) and row.checked_in_place is not True,
        "broadcast": row.redop in ("", "none") and (rooted or not row.redop) and near(1.0),
        "reduce": sums and (rooted or not row.redop) and near(1.0),
        "send_recv": not rooted and near(1.0),
    }
    return [kind for kind, fits in found.items() if fits]
