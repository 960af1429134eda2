"""Mixture of experts: which bytes dispatch and combine move, token by token, and the flows that carry them.

A token goes to ``top_k`` of E experts, drawn without replacement in proportion to their popularity (the Gumbel trick:
the largest of log p + noise). Experts lie on the ranks in order, as many on each. Popularity may fall off by Zipf's
law: the i-th most popular expert has weight i^-skew. Node-limited routing keeps a token on few units: those whose best
``top_k / units`` experts score most (DeepSeek-V3, arXiv:2412.19437, section 2.1.2). A token is sent once to a rank that
holds several of its experts; in two levels once to a unit, over the rail of its sender, and forwarded inside (DeepEP).
Without skew or limit a token reaches a given rank of e experts with probability 1 - C(E-e, k) / C(E, k).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weft.collectives.flows import Edges, Flows, edges, over_groups
from weft.collectives.layout import Layout
from weft.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Gate:
    """How tokens choose their experts.

    Attributes:
        experts: in all, a whole number on each rank.
        top_k: that a token goes to.
        skew: exponent of Zipf's law; 0 for experts that are all alike.
        popularity: of each expert, in any unit, in place of ``skew``.
        most_units: scale-up units that a token may reach; 0 for no limit.
    """

    experts: int
    top_k: int
    skew: float = 0.0
    popularity: tuple[float, ...] = ()
    most_units: int = 0


@dataclass(frozen=True, eq=False)
class Exchange:
    """Bytes of one dispatch; a combine is the same backwards.

    Attributes:
        matrix: float64[n, n], from rank to rank, a token once for each rank that it reaches.
        to_unit: float64[n, units], from rank to unit, a token once for each unit that it reaches.
        backwards: whether it is the combine.
    """

    matrix: NDArray[np.float64]
    to_unit: NDArray[np.float64]
    backwards: bool = field(default=False)

    def combine(self) -> Exchange:
        """What goes back."""
        return Exchange(self.matrix, self.to_unit, not self.backwards)

    @property
    def imbalance(self) -> float:
        """Bytes out of or into the busiest rank over the mean, what stays at home left out; 1 is even."""
        away = self.matrix - np.diag(np.diag(self.matrix))
        mean = away.sum() / len(away)
        return float(max(away.sum(axis=0).max(), away.sum(axis=1).max()) / mean) if mean else 1.0


def dispatch(gate: Gate, layout: Layout, tokens: int, token_bytes: float, seed: int = 0) -> Exchange:
    """Draw what every rank's tokens choose.

    Args:
        gate: how they choose.
        layout: the ranks; experts lie on them in communicator order.
        tokens: on each rank.
        token_bytes: a token's hidden state.
        seed: of the draw.

    Raises:
        ConfigError: experts that do not fill the ranks, or a choice that cannot be.
    """
    n, units = layout.ranks, layout.units
    log_p = _log_popularity(gate, n, units, seed)
    each = gate.experts // n
    rank_of = np.repeat(np.arange(n), each)
    unit_of = layout.unit[rank_of]
    matrix, to_unit = np.zeros((n, n)), np.zeros((n, units))
    for rank in range(n):
        wait = np.random.default_rng((seed, rank)).standard_exponential((tokens, gate.experts), dtype=np.float32)
        # less the logarithm of an exponential variate is a Gumbel one
        score = log_p - np.log(np.maximum(wait, np.finfo(np.float32).tiny))
        if 0 < gate.most_units < units:
            score = _limited(score, unit_of, units, gate)
        chosen = np.argpartition(-score, gate.top_k - 1, axis=1)[:, : gate.top_k]
        matrix[rank] = _reached(rank_of[chosen], n) * token_bytes
        to_unit[rank] = _reached(unit_of[chosen], units) * token_bytes
    return Exchange(matrix, to_unit)


def matrix_flows(exchange: Exchange, layout: Layout, size_bytes: float = 1.0, *, two_level: bool) -> Flows:
    """Lay an exchange over the fabric.

    Args:
        exchange: who sends how much to whom.
        layout: the ranks, as many as the matrix has.
        size_bytes: what ``Flows.bytes_x`` counts in, such as a rank's buffer.
        two_level: between units once a unit, to the place of the sender, and on inside, all streaming at once; else
            straight from rank to rank.

    Raises:
        ConfigError: another number of ranks.
    """
    if exchange.to_unit.shape != (layout.ranks, layout.units):
        ranks, units = exchange.to_unit.shape
        raise ConfigError(f"an exchange of {ranks} ranks in {units} units does not fit a group of {layout.ranks}")
    parts = _by_rails(exchange, layout) if two_level else [_pairs(exchange.matrix)]
    parts = [edges(part.src, part.dst, part.bytes_x / size_bytes, part.channel) for part in parts]
    if exchange.backwards:
        parts = [part.back() for part in parts]
    return over_groups(layout, parts, ("peers", "peers"))


def _pairs(matrix: NDArray[np.float64]) -> Edges:
    src, dst = np.nonzero(matrix)
    return edges(src, dst, matrix[src, dst], np.arange(len(src)))


def _by_rails(exchange: Exchange, layout: Layout) -> list[Edges]:
    """To the same place of the other unit, then from there to who holds the expert."""
    n = layout.ranks
    src, unit = np.nonzero(exchange.to_unit)
    far = layout.unit[src] != unit
    src, unit = src[far], unit[far]
    across = edges(src, layout.at[unit, layout.place[src]], exchange.to_unit[src, unit], np.arange(len(src)))
    src, dst = np.nonzero(exchange.matrix)
    onward = np.zeros((n, n))
    np.add.at(onward, (layout.at[layout.unit[dst], layout.place[src]], dst), exchange.matrix[src, dst])
    inside = _pairs(onward)
    return [across, edges(inside.src, inside.dst, inside.bytes_x, inside.channel + len(across.src))]


def _log_popularity(gate: Gate, ranks: int, units: int, seed: int) -> NDArray[np.float32]:
    if gate.experts < ranks or gate.experts % ranks:
        raise ConfigError(f"{gate.experts} experts do not spread evenly over {ranks} ranks", field="experts")
    held = gate.experts // units * gate.most_units if gate.most_units else gate.experts
    if not 1 <= gate.top_k <= held:
        raise ConfigError(f"top_k is 1 to {held}, the experts within a token's reach; read {gate.top_k}", field="top_k")
    if not gate.popularity:
        if gate.skew < 0:
            raise ConfigError(f"skew is 0 or more, read {gate.skew}", field="skew")
        order = np.random.default_rng(seed).permutation(gate.experts)
        zipf: NDArray[np.float32] = (-gate.skew * np.log1p(order)).astype(np.float32)
        return zipf
    weight = np.asarray(gate.popularity, np.float64)
    if len(weight) != gate.experts or not (np.isfinite(weight) & (weight > 0)).all():
        raise ConfigError(f"popularity is a number above 0 for each of {gate.experts} experts", field="popularity")
    log_weight: NDArray[np.float32] = np.log(weight).astype(np.float32)
    return log_weight


def _limited(score: NDArray[np.float32], unit_of: NDArray[np.int32], units: int, gate: Gate) -> NDArray[np.float32]:
    """Scores with the experts of all but the best units out of reach."""
    best = max(1, gate.top_k // gate.most_units)
    held = (score[:, unit_of == unit] for unit in range(units))
    of_unit = np.stack([np.partition(each, -best, axis=1)[:, -best:].sum(axis=1) for each in held], axis=1)
    kept = np.zeros(of_unit.shape, bool)
    top = np.argpartition(-of_unit, gate.most_units - 1, axis=1)[:, : gate.most_units]
    np.put_along_axis(kept, top, True, axis=1)
    return np.where(kept[:, unit_of], score, np.float32(-np.inf))


def _reached(chosen: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    """How many tokens reach each of some places at least once: int[tokens, top_k] to float64[count]."""
    ordered = np.sort(chosen, axis=1)
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return np.bincount(ordered[first], minlength=count).astype(np.float64)
