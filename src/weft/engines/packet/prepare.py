"""A fabric, jobs and a scenario, made into an engine whose packets carry them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from weft.collectives import Library
from weft.engines.analytic import AnalyticEngine
from weft.engines.fluid.background import pairs_of
from weft.engines.fluid.prepare import Party
from weft.engines.fluid.states import states
from weft.engines.packet.carriage import Carried, PacketCarrier, PartyCarriage
from weft.engines.packet.engine import Others, PacketEngine
from weft.engines.packet.launch import Wanted
from weft.engines.packet.of_fabric import of_fabric, transport_on
from weft.engines.packet.samples import Sampling
from weft.engines.packet.transport import Transport
from weft.engines.scenario import Background, Scenario
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.fabric.tables import Kind
from weft.workload.program import Communication, Program

_KEYS = 1 << 48  # of traffic of others, apart from those of jobs
_LONGEST_s = 3600.0  # that traffic of others goes on if nothing ends it


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the executor needs to run the parties' programs.

    Attributes:
        engine: times their communications.
        parties: how each communicates.
        refused: communicators that do without the switches' help because those have no room.
    """

    engine: PacketEngine
    parties: Sequence[PartyCarriage]
    refused: int

    def expanded(self, program: Program, party: int = 0) -> Program:
        """A party's program, written out for every rank."""
        return self.parties[party].expanded(program)


def prepare(
    fabric: Fabric,
    library: Library,
    parties: Sequence[Party],
    *,
    scenario: Scenario | None = None,
    routing: Routing | None = None,
    transport: Transport | None = None,
    algorithm: str = "auto",
    sampling: Sampling | None = None,
) -> Prepared:
    """Make the packet network, and the transfers of all that the parties send.

    Raises:
        ConfigError: the scenario names what is not there, or asks for what packets cannot do.
    """
    scenario = scenario or Scenario()
    _check_weights(scenario)
    over_time = states(fabric, scenario.faults)
    others = [_others(fabric, each, number) for number, each in enumerate(scenario.background)]
    carrier = PacketCarrier(fabric, library, algorithm)
    found = [carrier.party(party) for party in parties]
    network = of_fabric(fabric, routing, reducers=carrier.reducers(found))
    levels = [other.wanted.level for other in others]
    levels += [family.level for party in parties for family in party.families.values()]
    settled = transport_on(fabric, network.routing, transport or Transport())
    if 1 + max(levels, default=0) > len(settled.class_weights):
        settled = replace(settled, class_weights=(0.0,) * (1 + max(levels)))
    carried: dict[Communication, Carried] = {}
    for party in found:
        carried |= party.carried
    closed_form = AnalyticEngine(fabric, library)
    engine = PacketEngine(
        network, settled, carried.__getitem__, closed_form, states=over_time, others=others, sampling=sampling
    )
    return Prepared(engine, found, carrier.refused)


def _others(fabric: Fabric, background: Background, number: int) -> Others:
    """Traffic of others, as long as it may last."""
    field = f"background[{number}]"
    if background.weight != 1:
        raise ConfigError("packets know no weights; use priority", field=f"{field}.weight")
    src, dst = pairs_of(fabric, background, field)
    rows, until_s = fabric.rows(Kind.ACCELERATOR), background.until if background.until is not None else math.inf
    fastest_Bps = float(fabric.links.rate_Bps.max(initial=1.0)) * fabric.plan.per_node
    size_bytes = min((background.rate or fastest_Bps) * min(until_s - background.start, _LONGEST_s), 2.0**42)
    wanted = Wanted(
        rows[src].astype(np.int64),
        rows[dst].astype(np.int64),
        np.full(len(src), size_bytes),
        np.full(len(src), background.rate or math.inf),
        1.0,
        1.0,
        _KEYS + number,
        background.priority,
    )
    return Others(background.start, until_s, wanted)


def _check_weights(scenario: Scenario) -> None:
    """Refuse shares of links that packets cannot be given."""
    for number, other in enumerate(scenario.jobs):
        if other.weight != 1:
            raise ConfigError("packets know no weights; use priority", field=f"jobs[{number}].weight")
