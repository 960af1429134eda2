"""A fabric, jobs and a scenario, made into a program to execute and the folded network that carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from weft.collectives import Library
from weft.collectives.model import Choice
from weft.engines.expand import Taking, expand
from weft.engines.fluid.background import add_background, events_of
from weft.engines.fluid.carriage import Carriage, Carried, NetworkState
from weft.engines.fluid.carrying import Carrier, Family, Pattern
from weft.engines.fluid.classes import Classes, Entries, Traffic, coupled, refine
from weft.engines.fluid.quotient import Quotient, fold
from weft.engines.fluid.states import State, states
from weft.engines.scenario import Scenario
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.routing.resources import link_state
from weft.routing.router import Router, make_router
from weft.workload.program import Communication, Program

Ways = list[tuple[int, Choice]]
#: Operations of a program, over all classes, beyond which ranks are joined by force.
MOST_OPERATIONS = 3_000_000


@dataclass(frozen=True, eq=False)
class Party:
    """A job on the fabric.

    Attributes:
        families: its communications, each with the groups that do it.
        base: its first column; columns are counted over all parties.
        columns: ranks a stage.
        slowness: float64[stages, columns], how many times as long compute takes.
        operations: of its program, on one rank a stage.
    """

    families: Mapping[Communication, Family]
    base: int
    columns: int
    slowness: NDArray[np.float64]
    operations: int = 1


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the executor needs to run the parties' programs.

    Attributes:
        carriage: for the engine.
        classes: of columns, groups, transfers and resources.
        router: of the network at first.
        taking: for each party, how its classes take part in each communication.
        slowness: for each party, float64[stages, classes]; None where nobody is slow.
        capacity: for each state of the network, float64[resources + 1], what every resource can carry; 0 the last.
        carrier: what routed everything, and can say whose flows a link carries.
    """

    carriage: Carriage
    classes: Classes
    router: Router
    taking: Sequence[Mapping[Communication, Taking]]
    slowness: Sequence[NDArray[np.float64] | None]
    capacity: Sequence[NDArray[np.float64]]
    carrier: Carrier

    def expanded(self, program: Program, party: int = 0) -> Program:
        """A party's program, written out for its classes of columns."""
        return expand(program, self.taking[party], self.slowness[party])


def prepare(
    fabric: Fabric,
    library: Library,
    parties: Sequence[Party],
    *,
    scenario: Scenario | None = None,
    routing: Routing | None = None,
    algorithm: str = "auto",
    whole: bool = False,
) -> Prepared:
    """Route everything that the parties send, and fold it.

    Args:
        whole: leave every column on its own; the same answer, slower.

    Raises:
        ConfigError: the scenario names what is not there.
    """
    scenario = scenario or Scenario()
    over_time = states(fabric, scenario.faults)
    routers = _routers(fabric, routing, over_time)
    carrier = Carrier(fabric, library, [router for router, _ in routers], algorithm)
    ways = [{c: carrier.carry(c, family) for c, family in party.families.items()} for party in parties]
    others = [add_background(carrier, each, number) for number, each in enumerate(scenario.background)]
    traffic = _traffic(carrier.patterns, sum(party.columns for party in parties))
    capacity = _capacities(fabric, over_time, routers[0][0])
    classes = _classes(traffic, parties, capacity, whole)
    quotient = fold(traffic, classes)
    carried: dict[Communication, Carried] = {}
    taking, slowness = [], []
    for party, way in zip(parties, ways, strict=True):
        _, firsts = np.unique(classes.column[party.base : party.base + party.columns], return_index=True)
        slow = party.slowness[:, firsts]
        slowness.append(None if (slow == 1).all() else slow)
        taking.append(_taking(party, way, carrier.patterns, traffic, classes, quotient, firsts, carried))
    resources = routers[0][0].resources
    network = tuple(
        NetworkState(state.start_s, caps[quotient.resource], which)
        for state, caps, which in zip(over_time, capacity, _which(over_time, routers), strict=True)
    )
    first = classes.first("transfer")
    pattern_of = traffic.pattern[traffic.group[first]]
    events = [
        event
        for number, background in zip(others, scenario.background, strict=True)
        for event in events_of(background, np.flatnonzero(pattern_of == number))
    ]
    carriage = Carriage(
        quotient,
        network,
        carried,
        [resources.link_class(row) if row < len(resources) else "no path" for row in quotient.resource.tolist()],
        np.array([carrier.patterns[number].level for number in pattern_of], np.int64),
        tuple(sorted(events, key=lambda event: (event.at_s, event.begins))),
    )
    return Prepared(carriage, classes, routers[0][0], taking, slowness, capacity, carrier)


def _routers(
    fabric: Fabric, routing: Routing | None, over_time: Sequence[State]
) -> list[tuple[Router, NDArray[np.float64]]]:
    """One router for every different belief about the network, in the order of time."""
    found: list[tuple[Router, NDArray[np.float64]]] = []
    for state in over_time:
        if not any(np.array_equal(state.known_x, known) for _, known in found):
            router = make_router(fabric, routing, alive=state.known_x > 0, rate_x=state.known_x)
            found.append((router, state.known_x))
    return found


def _which(over_time: Sequence[State], routers: list[tuple[Router, NDArray[np.float64]]]) -> list[int]:
    """Which router is in use in every state."""
    return [
        next(i for i, (_, known) in enumerate(routers) if np.array_equal(state.known_x, known)) for state in over_time
    ]


def _capacities(fabric: Fabric, over_time: Sequence[State], router: Router) -> list[NDArray[np.float64]]:
    """What every resource can carry in every state; the last one stands for having no path, and carries nothing."""
    resources = router.resources
    bundle = np.repeat(np.arange(len(resources.indptr) - 1), np.diff(resources.indptr))
    found = []
    for state in over_time:
        links, _ = link_state(fabric, None, state.rate_x)
        bundles = np.bincount(bundle, links[resources.member], minlength=len(resources.indptr) - 1)
        found.append(np.concatenate([links, bundles, [0.0]]))
    return found


def _traffic(patterns: Sequence[Pattern], columns: int) -> Traffic:
    """All transfers of all patterns."""
    groups = [len(pattern.columns) for pattern in patterns]
    starts = np.cumsum([0, *groups])
    takers = np.concatenate([np.full(n, p.columns.shape[1]) for n, p in zip(groups, patterns, strict=True)])
    return Traffic(
        pattern=np.repeat(np.arange(len(patterns)), groups).astype(np.int32),
        start=np.concatenate([[0], np.cumsum(takers)]).astype(np.int64),
        member=np.concatenate([p.columns.ravel() for p in patterns]).astype(np.int32),
        columns=columns,
        group=np.concatenate([p.group + start for p, start in zip(patterns, starts, strict=False)]).astype(np.int32),
        stage=np.concatenate([p.stage for p in patterns]),
        weight=np.concatenate([p.weight for p in patterns]),
        routed=tuple(_stacked(each) for each in zip(*(p.routed for p in patterns), strict=True)),
    )


def _stacked(parts: Sequence[Entries]) -> Entries:
    """Entries of several patterns, one after another."""
    ends = np.cumsum([0, *(part.indptr[-1] for part in parts)])
    indptr = [part.indptr[1:] + end for part, end in zip(parts, ends, strict=False)]
    return Entries(
        np.concatenate([[0], *indptr]).astype(np.int64),
        np.concatenate([part.resource for part in parts]),
        np.concatenate([part.usage for part in parts]),
    )


def _classes(
    traffic: Traffic, parties: Sequence[Party], capacity: Sequence[NDArray[np.float64]], whole: bool
) -> Classes:
    """Fold exactly if the program stays small enough, else by force; or not at all."""
    colour = np.zeros(len(capacity[0]), np.uint64)
    for each in capacity:
        _, inverse = np.unique(each, return_inverse=True)
        colour = colour * np.uint64(1_000_003) + inverse.astype(np.uint64)
    column = np.concatenate([_told_apart(party.slowness) + (n << 32) for n, party in enumerate(parties)])
    if whole:
        return Classes.none(traffic, len(colour))
    most = MOST_OPERATIONS // max(1, max(party.operations for party in parties))
    return refine(traffic, column.astype(np.uint64), colour, most) or coupled(traffic, column, colour)


def _told_apart(slowness: NDArray[np.float64]) -> NDArray[np.int64]:
    """A number for each column, equal for those that are equally slow in every stage."""
    _, inverse = np.unique(slowness, axis=1, return_inverse=True)
    return inverse.astype(np.int64).ravel()


def _taking(
    party: Party,
    ways: Mapping[Communication, Ways],
    patterns: Sequence[Pattern],
    traffic: Traffic,
    classes: Classes,
    quotient: Quotient,
    firsts: NDArray[np.int64],
    carried: dict[Communication, Carried],
) -> dict[Communication, Taking]:
    """How a party's classes of columns take part in its communications; also fills in how these go.

    Args:
        firsts: int64[classes], the first column of each.
    """
    starts = np.searchsorted(traffic.pattern, np.arange(len(patterns) + 1))
    found = {}
    for communication, way in ways.items():
        group_of = np.empty(party.columns, np.int64)
        for number, _ in way:
            group_of[patterns[number].columns - party.base] = np.arange(starts[number], starts[number + 1])[:, None]
        kinds, first, which = np.unique(classes.group[group_of[firsts]], return_index=True, return_inverse=True)
        kept = []
        for kind, group in zip(kinds.tolist(), group_of[firsts[first]].tolist(), strict=True):
            number = int(traffic.pattern[group])
            row = patterns[number].rows[group - starts[number]]
            one = replace(communication, ranks=_progression(party.families[communication].ranks[row]))
            stages = quotient.stages_of(kind, len(patterns[number].cap_Bps))
            carried[one] = _carried(one, dict(way)[number], patterns[number], stages)
            kept.append(one)
        found[communication] = Taking(kept, which)
    return found


def _progression(ranks: NDArray[np.int64]) -> Sequence[int]:
    """The ranks as a range where they are one, which is quick to compare."""
    if len(ranks) == 1:
        return range(int(ranks[0]), int(ranks[0]) + 1)
    steps = np.unique(np.diff(ranks))
    if len(steps) == 1 and steps[0] > 0:
        return range(int(ranks[0]), int(ranks[-1]) + 1, int(steps[0]))
    return tuple(ranks.tolist())


def _carried(
    communication: Communication, choice: Choice, pattern: Pattern, stages: list[NDArray[np.int64]]
) -> Carried:
    """How a communication goes: the closed form's latency, then the bytes of every stage over the network."""
    line, size, rate_x = choice.line, communication.size_bytes, communication.rate_x
    return Carried(
        name=f"{communication.kind} of {len(communication.ranks)} ranks from {communication.ranks[0]}",
        delay_s=(line.latency_s + line.fill_s(size)) * communication.repeat / rate_x,
        size_bytes=size * communication.repeat,
        stages=tuple(stages),
        cap_Bps=pattern.cap_Bps,
        bound=choice.group.levels[0].name,
    )
