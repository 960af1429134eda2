"""What a rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from weft.fabric.tables import IntArray

if TYPE_CHECKING:
    from weft.fabric.fabric import Fabric

Rule = Callable[["Fabric"], Iterator["Finding"]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule.

    Attributes:
        rule: its name.
        severity: ``error`` where it cannot work, ``warning`` where it works worse than it looks.
        where: a node, link or rack; the first of several.
        what: what is wrong, and how many more are like it.
        fix: what to change.
    """

    rule: str
    severity: Literal["error", "warning"]
    where: str
    what: str
    fix: str


def first_of(fabric: Fabric, rows: IntArray) -> tuple[str, str]:
    """Return the name of the first of some node rows, and ``" (and 3 more)"``."""
    rows = np.asarray(rows)
    more = f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""
    return fabric.node_name(int(rows[0])), more
