"""Mixture of experts: which layers have them, and to how many places a token's copies go.

Routing is taken as uniform: a token's groups are any ``top_groups`` of the groups, its experts any ``top_k`` of those
groups' experts. Places (nodes, or ranks) hold equal, consecutive runs of experts.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb

from weft.errors import ConfigError
from weft.workload.spec import Dispatch, Experts, Model


@dataclass(frozen=True)
class ExpertShard:
    """One rank's share of a layer's routed experts, and the token copies it works on.

    Attributes:
        ep, etp: expert and expert-tensor parallel degrees.
        copies: what the tokens of a rank (after sequence parallelism) become: top_k each, padded to the capacity.
        rows: copies that reach the busiest rank's experts, which all wait for.
    """

    moe: Experts
    dispatch: Dispatch
    ep: int
    etp: int
    copies: float
    rows: int

    @property
    def local(self) -> int:
        """Routed experts on the rank."""
        return self.moe.experts // self.ep

    @property
    def width(self) -> int:
        """Width of each of them on the rank."""
        return self.moe.ffn // self.etp

    @property
    def deduplicated(self) -> bool:
        """Whether a token goes only once to a rank that has several of its experts."""
        return self.dispatch.how == "deduplicated" and self.dispatch.capacity_factor is None


def expert_shard(moe: Experts, dispatch: Dispatch, *, tokens: float, ep: int, etp: int) -> ExpertShard:
    """What a rank with so many tokens of its own works on.

    The ep x etp ranks of an expert group have tokens x ep x etp between them; each copy goes to one expert and so to
    etp ranks: rows = tokens etp top_k on average, times the imbalance on the busiest rank. A capacity factor cuts and
    pads that to the capacity.
    """
    copies = tokens * moe.top_k * (dispatch.capacity_factor or 1.0)
    uneven = 1.0 if dispatch.capacity_factor is not None else dispatch.imbalance
    return ExpertShard(moe, dispatch, ep, etp, copies, round(copies * etp * uneven))


def sparse_layers(model: Model) -> tuple[bool, ...]:
    """Which layers have experts, in order; empty where none has."""
    moe = model.moe
    if moe is None:
        return ()
    return tuple(
        layer >= moe.dense_first and (layer - moe.dense_first) % moe.every == moe.every - 1
        for layer in range(model.layers)
    )


def check_experts(moe: Experts) -> None:
    """Refuse routing that cannot be.

    Raises:
        ConfigError: groups do not divide the experts, or hold too few.
    """
    if moe.experts % moe.groups:
        raise ConfigError(f"{moe.experts} experts do not divide into {moe.groups} groups", field="model.moe.groups")
    limit = moe.top_groups or moe.groups
    if limit > moe.groups:
        raise ConfigError(f"top_groups {limit} is more than the {moe.groups} groups", field="model.moe.top_groups")
    reach = moe.experts // moe.groups * limit
    if moe.top_k > reach:
        raise ConfigError(
            f"top_k {moe.top_k} is more than the {reach} experts a token can go to", field="model.moe.top_k"
        )


@lru_cache(maxsize=256)
def distinct_places(moe: RoutingShape, places: int) -> float:
    """How many of ``places`` equal runs of experts a token's experts are in, on average.

    places (1 - P(none of a place's experts)); the place's own groups among the chosen are hypergeometric, and so are
    its experts among those of the chosen groups. O(groups).
    """
    experts, top_k, groups, limit = moe
    reach = experts // groups * limit
    if groups % places == 0:
        own = groups // places
        missed = sum(
            Fraction(comb(own, j) * comb(groups - own, limit - j), comb(groups, limit))
            * Fraction(comb(reach - j * experts // groups, top_k), comb(reach, top_k))
            for j in range(min(own, limit) + 1)
            if limit - j <= groups - own
        )
    else:
        # A place is (about) a part of one group, which is chosen by one token in groups / limit.
        here = min(reach, experts // places)
        missed = 1 - Fraction(limit, groups) * (1 - Fraction(comb(reach - here, top_k), comb(reach, top_k)))
    return float(places * (1 - missed))


#: Experts, top_k, groups, groups a token may reach: what `distinct_places` needs.
RoutingShape = tuple[int, int, int, int]


def shape_of(moe: Experts) -> RoutingShape:
    """What decides where a token's copies go."""
    return moe.experts, moe.top_k, moe.groups, moe.top_groups or moe.groups
