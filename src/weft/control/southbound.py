"""The one interface between a controller and a network: events come up, groups of next hops go down, acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Change(Enum):
    """What happened to a link."""

    DOWN = "down"  # its port lost carrier
    UP = "up"
    SILENT = "silent"  # its port is up, but heartbeats no longer come through
    HEARD = "heard"  # they do again
    SLOW = "slow"  # it carries less than it should


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a device noticed.

    Attributes:
        time_s: on the southbound's clock.
        device: hostname.
        port: its name.
        change: what happened.
        share: of a slow link, what is left of its rate; else 1 or 0.
    """

    time_s: float
    device: str
    port: str
    change: Change
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """Next hops of a device towards one destination.

    Attributes:
        device: hostname.
        destination: hostname of the switch that announces the prefix.
        hops: (port name, weight) pairs, in the order of ports; never empty.
    """

    device: str
    destination: str
    hops: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """A device's answer.

    Attributes:
        group: what it was asked for.
        error: "" where it is in place.
    """

    group: Group
    error: str = ""


class Southbound(Protocol):
    """A network under control."""

    def now_s(self) -> float:
        """The clock of its events."""
        ...

    def groups(self) -> Sequence[Group]:
        """All groups as they are in place now."""
        ...

    def events(self, timeout_s: float) -> Sequence[Event]:
        """Wait for events at most so long; what came until then, in order of time."""
        ...

    def replace(self, groups: Sequence[Group]) -> Sequence[Ack]:
        """Put groups in place of those of the same device and destination; one answer each, when they forward so."""
        ...
