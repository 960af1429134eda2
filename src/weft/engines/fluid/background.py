"""Traffic of others: flows between accelerators that begin and end at given times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from weft.collectives import patterns
from weft.engines.fluid.carriage import Event
from weft.engines.fluid.carrying import Carrier, Family
from weft.engines.scenario import Background
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.tables import Kind

#: Keys of background connections, apart from those of jobs.
_KEYS = 1 << 48


def add_background(carrier: Carrier, background: Background, number: int) -> int:
    """Route the flows of one entry; return the number of their pattern.

    Raises:
        ConfigError: it names accelerators that are not there.
    """
    fabric = carrier.fabric
    src, dst = pairs_of(fabric, background, f"background[{number}]")
    rows = fabric.rows(Kind.ACCELERATOR)
    nobody = np.empty((len(src), 0), np.int32)
    family = Family(np.stack([src, dst], axis=1), nobody, _KEYS + number, background.priority, background.weight)
    return carrier.alone(rows[src], rows[dst], family)


def events_of(background: Background, transfers: NDArray[np.int64]) -> list[Event]:
    """When the classes of transfers of an entry begin and end."""
    which, cap_Bps = tuple(transfers.tolist()), background.rate or math.inf
    found = [Event(background.start, True, which, cap_Bps)]
    if background.until is not None:
        found.append(Event(background.until, False, which, cap_Bps))
    return found


def pairs_of(fabric: Fabric, background: Background, field: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return accelerators that send, and to whom, by number.

    Raises:
        ConfigError: it names accelerators that are not there; ``field`` is what the entry is called.
    """
    if background.pattern == "pairs":
        ends = np.array([[_accelerator(fabric, name, field) for name in pair] for pair in background.pairs])
        if (ends[:, 0] == ends[:, 1]).any():
            raise ConfigError("an accelerator cannot send to itself", field=f"{field}.pairs")
        return ends[:, 0], ends[:, 1]
    count = background.count or fabric.accelerators - background.first
    if count < 2 or background.first + count > fabric.accelerators:
        raise ConfigError(
            f"{count} accelerators from number {background.first} on are not among the cluster's {fabric.accelerators}",
            field=f"{field}.count" if background.count else f"{field}.first",
        )
    if background.pattern == "permutation":
        src, dst = patterns.permutation(count, background.seed)
    elif background.pattern == "shift":
        src, dst = patterns.shift(count, background.distance)
    else:
        src, dst = patterns.incast(count)
    return src + background.first, dst + background.first


def _accelerator(fabric: Fabric, name: str, field: str) -> int:
    try:
        row = fabric.node(name).row
    except ConfigError as error:
        error.field = f"{field}.pairs"
        raise
    number = np.flatnonzero(fabric.rows(Kind.ACCELERATOR) == row)
    if not len(number):
        raise ConfigError(f"{name} is no accelerator; name one, such as host0/gpu0", field=f"{field}.pairs")
    return int(number[0])
