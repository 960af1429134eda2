"""A packet."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.engines.packet.reference.host import Host
    from weft.engines.packet.reference.port import Inlet, Port
    from weft.engines.packet.reference.sender import Sender


class Kind(Enum):
    """What a packet is."""

    DATA = auto()
    TRIMMED = auto()  # the header of a packet whose data found no room
    ACK = auto()
    NACK = auto()
    PULL = auto()  # a receiver's grant
    ASK = auto()  # a sender's word that it waits for one
    NOTICE = auto()  # a receiver's word that packets have met congestion


@dataclass(frozen=True, slots=True)
class Told:
    """What a switch's port writes into data that begins to leave it (in-band telemetry, as HPCC asks for).

    Attributes:
        queued: bytes of data that stay behind.
        sent_bytes: what the port has sent before.
    """

    port: Port
    queued: int
    sent_bytes: int
    at_ps: int


@dataclass(eq=False, slots=True)
class Packet:
    """A packet and what a port or host has written on it.

    Attributes:
        level: class of queue; 0 is control's.
        via: edge switch that it goes to first.
        inlet: what its place in a switch is counted for.
        first: still to choose between the direct way and a detour.
        broken: damaged on a wire, and thrown away where it is taken in whole.
        asks: wants to be acknowledged at once.
        again: sent before, or the answer to such a packet.
        last_hop: trimmed on the port to its receiver.
        cum, base, have: of an acknowledgement: the first sequence number that has not come; those of the 64 from
            ``base`` on that have.
        word: bytes received in all; the quantum up to which a sender asks for credit, or has it granted.
        told: what switches on the way told; of an acknowledgement: on the way of what it answers.
        links: of an acknowledgement: on that way.
    """

    kind: Kind
    flow: Sender
    dst: Host
    size: int
    level: int
    seq: int = 0
    entropy: int = 0
    hops: int = 0
    via: int | None = None
    inlet: Inlet | None = None
    first: bool = False
    marked: bool = False
    broken: bool = False
    asks: bool = False
    again: bool = False
    last_hop: bool = False
    cum: int = 0
    base: int = 0
    have: frozenset[int] = frozenset()
    word: int = 0
    told: list[Told] = field(default_factory=list)
    links: int = 0
