"""The states that a fabric goes through while faults come and go: what works, and what routing believes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.engines.scenario import Fault
from weft.errors import ConfigError
from weft.fabric import Fabric

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """A fabric for some time.

    Attributes:
        start_s: when it begins; it lasts until the next one does.
        rate_x: float64[links], what is left of each directed link's rate.
        known_x: float64[links], what routing believes is left.
    """

    start_s: float
    rate_x: FloatArray
    known_x: FloatArray


def states(fabric: Fabric, faults: Sequence[Fault]) -> tuple[State, ...]:
    """Return the states in order of time, the first at 0.

    Where faults overlap on a link, the worst decides.

    Raises:
        ConfigError: a fault names what the fabric does not have.
    """
    links = [_links(fabric, fault, f"faults[{number}]") for number, fault in enumerate(faults)]
    times = {0.0}
    for fault in faults:
        times |= {fault.at, fault.at + fault.reroute}
        if fault.until is not None:
            times |= {fault.until, fault.until + fault.reroute}
    found: list[State] = []
    for now in sorted(times):
        state = State(now, *(_left(fabric, faults, links, now, late) for late in (False, True)))
        if found and all(np.array_equal(a, b) for a, b in _pairs(found[-1], state)):
            continue
        found.append(state)
    return tuple(found)


def _pairs(a: State, b: State) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    return (a.rate_x, b.rate_x), (a.known_x, b.known_x)


def _left(
    fabric: Fabric, faults: Sequence[Fault], links: list[npt.NDArray[np.int64]], now: float, late: bool
) -> FloatArray:
    """What is left of each link's rate now, or as far as routing, which learns of things late, knows.

    What is mended before routing would have acted, it never acts upon.
    """
    left = np.ones(len(fabric.links))
    for fault, those in zip(faults, links, strict=True):
        delay = fault.reroute if late else 0.0
        if fault.until is not None and fault.until - fault.at <= delay:
            continue
        if fault.at + delay <= now and (fault.until is None or now < fault.until + delay):
            left[those] = np.minimum(left[those], fault.rate)
    return left


def _links(fabric: Fabric, fault: Fault, field: str) -> npt.NDArray[np.int64]:
    """The directed links that a fault is about, both ways."""
    ends = [_row(fabric, name, field) for name in (fault.link or (fault.node or "",))]
    src, dst = fabric.links.src, fabric.links.dst
    if len(ends) == 1:
        found = np.flatnonzero((src == ends[0]) | (dst == ends[0]))
        if not len(found):
            raise ConfigError(f"{fault.node} has no links to lose", field=f"{field}.node")
        return found
    up = np.flatnonzero((src == ends[0]) & (dst == ends[1]) | (src == ends[1]) & (dst == ends[0]))
    if not len(up):
        raise ConfigError(f"no cable joins {' and '.join(fault.link or ())}", field=f"{field}.link")
    cables = np.unique(up // 2)
    if fault.cable is not None:
        if fault.cable >= len(cables):
            many = f"{len(cables)} cable{'s' if len(cables) > 1 else ''}, counted from 0"
            raise ConfigError(f"{' and '.join(fault.link or ())} are joined by {many}", field=f"{field}.cable")
        cables = cables[[fault.cable]]
    return np.sort(np.concatenate([2 * cables, 2 * cables + 1]))


def _row(fabric: Fabric, name: str, field: str) -> int:
    try:
        return fabric.node(name).row
    except ConfigError as error:
        error.field = field
        raise
