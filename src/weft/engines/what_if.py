"""What might help where links hold a run up: the same question with one thing changed, to be asked again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.engines.scenario import Scenario
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.fabric.tables import Domain, Kind

_MORE = 4  # times the entropy


@dataclass(frozen=True)
class WhatIf:
    """A run's inputs with one thing changed.

    Attributes:
        change: what is different, for people.
        fabric, routing, scenario: the inputs.
    """

    change: str
    fabric: Fabric
    routing: Routing
    scenario: Scenario


def what_ifs(fabric: Fabric, routing: Routing, scenario: Scenario, link_class: str) -> list[WhatIf]:
    """Return what is worth asking; each changes one thing.

    Args:
        fabric, routing, scenario: of the run that was held up.
        link_class: name of the class of links that held it up longest.
    """
    found = []

    def with_routing(change: str, **fields: object) -> None:
        found.append(WhatIf(change, fabric, routing.model_copy(update=fields), scenario))

    hashed = routing.policy in ("ecmp", "flowlet")
    if routing.policy == "ecmp" and routing.queue_pairs * _MORE <= 4096:
        with_routing(
            f"{routing.queue_pairs * _MORE} queue pairs a connection (now {routing.queue_pairs})",
            queue_pairs=routing.queue_pairs * _MORE,
        )
    if routing.policy == "flowlet" and routing.flowlets * _MORE <= 4096:
        with_routing(
            f"{routing.flowlets * _MORE} flowlets a transfer (now {routing.flowlets})",
            flowlets=routing.flowlets * _MORE,
        )
    if hashed and routing.polarised:
        with_routing("switches that hash each in its own way", polarised=False)
    if routing.policy != "adaptive":
        with_routing("adaptive routing", policy="adaptive")
    if fabric.by_kind.get(Kind.ROUTER.label) and routing.policy != "ugal":
        with_routing("detours around busy links (ugal)", policy="ugal")
    if any(each.name == link_class and each.domain != Domain.SCALE_UP for each in fabric.link_classes):
        found.append(WhatIf(f"{link_class} links twice as fast", faster(fabric, link_class), routing, scenario))
    if scenario.faults:
        found.append(WhatIf("nothing broken", fabric, routing, _without(scenario, "faults")))
    if scenario.background:
        found.append(WhatIf("no traffic of others", fabric, routing, _without(scenario, "background")))
    if scenario.jobs:
        found.append(WhatIf("no other jobs", fabric, routing, _without(scenario, "jobs")))
    if scenario.slow:
        found.append(WhatIf("no slow hosts", fabric, routing, _without(scenario, "slow")))
    return found


def faster(fabric: Fabric, link_class: str, times: float = 2.0) -> Fabric:
    """Return the fabric with the links of a class that many times as fast, as if there were that many times as many."""
    classes = tuple(
        replace(each, rate_Bps=each.rate_Bps * times) if each.name == link_class else each
        for each in fabric.link_classes
    )
    links = replace(fabric.links, classes=classes)
    return Fabric(fabric.plan, fabric.nodes, links, fabric.parts, fabric.network, fabric.placement, fabric.others)


def _without(scenario: Scenario, field: str) -> Scenario:
    return scenario.model_copy(update={field: []}).placed_in(scenario.folder)
