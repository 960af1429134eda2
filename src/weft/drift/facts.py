"""What a configuration says, whatever it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class PortFacts:
    """What is configured on a port; None or empty where nothing is.

    Attributes:
        says: the neighbour that its description names, ``spine0:swp3``.
        addresses: with prefix lengths.
        mtu: bytes of IP packet.
        speed_mbps: one way.
        pfc: priorities with flow control, as ``3,4``.
        classes: by code point: traffic class, queue, priority group.
        marks: by queue: lowest and highest threshold, bytes, and the probability at the highest, per cent.
        headroom_bytes: by priority group.
    """

    says: str | None = None
    addresses: frozenset[str] = frozenset()
    mtu: int | None = None
    speed_mbps: int | None = None
    pfc: str | None = None
    classes: Mapping[int, tuple[str, str, str]] | None = None
    marks: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    headroom_bytes: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class NeighbourFacts:
    """A BGP session.

    Attributes:
        asn: of the neighbour; None for any other than the own (``external``).
        bfd: watched by BFD.
        up: not shut down.
    """

    asn: int | None = None
    bfd: bool = False
    up: bool = True


@dataclass(slots=True)
class DeviceFacts:
    """What a switch's configuration says.

    Attributes:
        hostname: as the configuration has it.
        ports: by name.
        neighbours: by port name or address.
        asn: None where BGP is not configured.
        loopbacks, announced: prefixes.
        paths: equal paths used at most.
        relaxed: also paths through different AS numbers of one length.
        bfd_timers: ms between packets and packets lost.
        untold: what this kind of file does not say: ``mtu``, ``speed``, ``qos``, ``bfd_timers``.
    """

    hostname: str
    ports: dict[str, PortFacts] = field(default_factory=dict)
    neighbours: dict[str, NeighbourFacts] = field(default_factory=dict)
    asn: int | None = None
    loopbacks: frozenset[str] = frozenset()
    announced: frozenset[str] = frozenset()
    paths: int = 1
    relaxed: bool = False
    bfd_timers: tuple[int, int] | None = None
    untold: frozenset[str] = frozenset()


class NotReadable(Exception):
    """A file is no configuration; the text says where and why. Becomes a finding."""
