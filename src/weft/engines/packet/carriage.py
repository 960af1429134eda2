"""What communications send over a fabric, packet by packet: every rank's own transfers, none folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from weft.collectives import Library
from weft.collectives.flows import Flows as Transfers
from weft.collectives.model import Choice
from weft.engines.expand import Taking, expand
from weft.engines.fluid.carrying import Carrier, Family
from weft.engines.fluid.prepare import Party
from weft.fabric import Fabric
from weft.fabric.tables import Kind
from weft.workload.program import Communication, Program

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stage:
    """Transfers that go side by side.

    Attributes:
        src, dst: int64[transfers], node rows.
        bytes_x: float64[transfers], bytes per byte of the collective's size.
        inside, outside: share of the raw rate that the library fills with payload, in the domain and in the network.
        cap_Bps: what the ranks themselves can do, in bytes of size a second.
    """

    src: Ints
    dst: Ints
    bytes_x: Floats
    inside: float
    outside: float
    cap_Bps: float


@dataclass(frozen=True, eq=False)
class Carried:
    """How one communication goes.

    Attributes:
        name: for messages.
        delay_s: of the closed form: launch, hops, filling the pipeline.
        size_bytes: all repeats together.
        stages: one after another.
        key: tells its connections from others between the same accelerators.
        level: traffic class.
    """

    name: str
    delay_s: float
    size_bytes: float
    stages: tuple[Stage, ...]
    key: int
    level: int


@dataclass(frozen=True, eq=False)
class PartyCarriage:
    """A job's communications.

    Attributes:
        taking: how its columns of ranks take part in each.
        carried: how each goes.
        slowness: float64[stages, columns], how many times as long compute takes; None where nobody is slow.
    """

    taking: Mapping[Communication, Taking]
    carried: Mapping[Communication, Carried]
    slowness: Floats | None

    def expanded(self, program: Program) -> Program:
        """The job's program, written out for every rank."""
        return expand(program, self.taking, self.slowness)


class PacketCarrier:
    """Makes the transfers of families of groups; what differs only in size is made once.

    Attributes:
        refused: communicators that found no room in the switches that reduce.
    """

    def __init__(self, fabric: Fabric, library: Library, algorithm: str = "auto") -> None:
        self._fabric = fabric
        self._carrier = Carrier(fabric, library, [], algorithm)
        self._made: dict[int, list[list[Stage]]] = {}

    @property
    def refused(self) -> int:
        """How many communicators do without the switches' help because those have no room."""
        return self._carrier.reducers.refused

    def party(self, party: Party) -> PartyCarriage:
        """Return how a job communicates."""
        taking: dict[Communication, Taking] = {}
        carried: dict[Communication, Carried] = {}
        for communication, family in party.families.items():
            kind = np.zeros(party.columns, np.int64)
            parts: list[Communication] = []
            for number, choice in self._carrier.carry(communication, family):
                pattern = self._carrier.patterns[number]
                groups = self._groups(number, choice, communication.rate_x)
                for group, stages in enumerate(groups):
                    ranks = tuple(family.ranks[pattern.rows[group]].tolist())
                    kind[pattern.columns[group] - party.base] = len(parts)
                    one = replace(communication, ranks=ranks)
                    parts.append(one)
                    carried[one] = carried_of(one, choice, stages, family)
            taking[communication] = Taking(parts, kind)
        slow = None if (party.slowness == 1).all() else party.slowness
        return PartyCarriage(taking, carried, slow)

    def _groups(self, number: int, choice: Choice, rate_x: float) -> list[list[Stage]]:
        """The stages of each group of a pattern."""
        if number not in self._made:
            count = len(self._carrier.patterns[number].rows)
            made: list[list[Stage]] = [[] for _ in range(count)]
            for index, transfers in enumerate(self._carrier.sources[number][1]()):
                for group, stage in enumerate(_split(transfers, count, choice, index, rate_x)):
                    made[group].append(stage)
            self._made[number] = made
        return self._made[number]

    def reducers(self, parties: Sequence[PartyCarriage]) -> Ints:
        """Node rows of the switches that transfers end at."""
        ends = [np.empty(0, np.int64)]
        for party in parties:
            for carried in party.carried.values():
                ends += [end for stage in carried.stages for end in (stage.src, stage.dst)]
        rows = np.unique(np.concatenate(ends))
        found: Ints = rows[self._fabric.nodes.kind[rows] != Kind.ACCELERATOR]
        return found


def carried_of(communication: Communication, choice: Choice, stages: Sequence[Stage], family: Family) -> Carried:
    """Return how one group's communication goes."""
    line, size, rate_x = choice.line, communication.size_bytes, communication.rate_x
    return Carried(
        name=f"{communication.kind} of {len(communication.ranks)} ranks from {communication.ranks[0]}",
        delay_s=(line.latency_s + line.fill_s(size)) * communication.repeat / rate_x,
        size_bytes=size * communication.repeat,
        stages=tuple(stages),
        key=family.key,
        level=family.level,
    )


def _split(transfers: Transfers, groups: int, choice: Choice, index: int, rate_x: float) -> list[Stage]:
    """One stage of a pattern, group by group."""
    rates = choice.rates(index)
    own_s = max(rates.own_s_per_byte, rates.wire_s_per_byte / rate_x if rate_x != 1 else 0.0)
    order = np.argsort(transfers.group, kind="stable")
    bounds = np.searchsorted(transfers.group[order], np.arange(groups + 1))
    found = []
    for first, last in pairwise(bounds.tolist()):
        rows = order[first:last]
        found.append(
            Stage(
                transfers.src[rows],
                transfers.dst[rows],
                transfers.bytes_x[rows],
                rates.inside,
                rates.outside,
                1 / own_s if own_s > 0 else np.inf,
            )
        )
    return found
