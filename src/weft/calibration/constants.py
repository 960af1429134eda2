"""The constants of a collective library that logs can tell: what each is, where it stands, how far it may move.

A constant is one or more facts of a catalog part that a fit scales together: NCCL's three protocols share the launch of
a kernel, and no log tells the three apart. Bandwidths stand as fractions of the raw rate and stay at most 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weft.catalog import Part
from weft.collectives.library import PROTOCOLS

# Plausible ranges, as standard deviations of logarithms. Hosts launch kernels within 4 to 30 us; networks differ in
# software and distance; links, switches and protocols inside a node are of one make.
_HOST, _NETWORK_LATENCY, _INSIDE, _RATE = 1.0, 0.7, 0.3, 0.15
_EACH = [protocol.lower() for protocol in PROTOCOLS]
_HOWS = {
    "copy": "rings and copies",
    "tree": "trees inside a node",
    "exchange": "trees between nodes",
    "multicast": "in-network reduction (NVLS)",
    "switch": "reducing switches (SHARP)",
    "peers": "all-to-all",
}
# (what it is, facts, standard deviation of its logarithm)
_DEVICE = (
    ("launch", [f"launch_{each}_us" for each in _EACH], _HOST),
    ("launch of in-network kernels", ["switch_launch_us"], _HOST),
    ("hop of a ring in the node", [f"hop_{each}_us" for each in _EACH], _INSIDE),
    ("hop of a tree in the node", [f"tree_hop_{each}_us" for each in _EACH], _INSIDE),
    ("barrier of in-network kernels, each rank", ["switch_rank_us"], _INSIDE),
    ("each peer of an all-to-all in the node", ["peer_us"], _INSIDE),
    ("share of the LL protocol", ["ll_frac"], _RATE),
    ("share of the LL128 protocol", ["ll128_frac"], _RATE),
    ("pipeline filling", ["fill_x"], _INSIDE),
    ("bound of pipeline filling", ["fill_cap_x", "switch_fill_cap_x"], _INSIDE),
)
_NETWORK = (
    ("hop of a ring between nodes", [f"hop_{each}_us" for each in _EACH], _NETWORK_LATENCY),
    ("hop of a tree between nodes", [f"tree_hop_{each}_us" for each in _EACH], _NETWORK_LATENCY),
    ("posting a message", [f"post_{each}_us" for each in _EACH], _INSIDE),
    ("each peer of an all-to-all between nodes", ["peer_us"], _NETWORK_LATENCY),
    ("share of a hop that chunks wait for", ["fill_x"], _INSIDE),
)


@dataclass(frozen=True, slots=True)
class Constant:
    """Facts of a catalog part that move together.

    Attributes:
        part: the part's id.
        label: what it is, in words.
        facts: names of the facts.
        prior_sd: of the logarithm of its factor, before any log is seen.
        most: greatest factor; fractions stay at most 1.
    """

    part: str
    label: str
    facts: tuple[str, ...]
    prior_sd: float
    most: float


def constants_of(parts: dict[str, Part]) -> list[Constant]:
    """The constants that a device part (by ``device``) and network parts (by protocol) have."""
    found = list(_constants(parts["device"], _DEVICE))
    seen = {parts["device"].id}
    for part in parts.values():
        if part.id not in seen:
            seen.add(part.id)
            found += _constants(part, _NETWORK)
    return found


def _constants(part: Part, table: Sequence[tuple[str, list[str], float]]) -> Iterable[Constant]:
    rates = [(f"rate of {words}", [f"{how}_frac"], _RATE) for how, words in _HOWS.items()]
    for label, facts, sd in (*table, *rates):
        own = tuple(fact for fact in facts if part.has(fact) and part.si(fact) > 0)
        if own:
            greatest = max(part.fact(fact).typical for fact in own)
            yield Constant(part.id, label, own, sd, 1.0 / greatest if own[0].endswith("_frac") else math.inf)


def scaled(part: Part, factors: Iterable[tuple[Constant, float]]) -> Part:
    """The part with its constants times their factors."""
    facts = dict(part.facts)
    for constant, factor in factors:
        for name in constant.facts if constant.part == part.id else ():
            value = facts[name].typical * factor
            facts[name] = facts[name].model_copy(update={"low": value, "typical": value, "high": value})
    return part.model_copy(update={"facts": facts})
