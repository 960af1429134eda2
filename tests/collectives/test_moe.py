"""Dispatch and combine against the odds of drawing experts."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from fabrics import busiest, domains, fabric_of

from weft.collectives.flows import Flows
from weft.collectives.layout import Layout
from weft.collectives.moe import Exchange, Gate, dispatch, matrix_flows
from weft.errors import ConfigError
from weft.fabric import Kind

TOKENS = 2000
LAYOUT = Layout.of(fabric_of(4, 4), range(16))


def draw(gate: Gate, seed: int = 0) -> Exchange:
    return dispatch(gate, LAYOUT, TOKENS, 1.0, seed)


def into(flows: Flows) -> np.ndarray:
    """Bytes into each rank."""
    rows = LAYOUT.fabric.rows(Kind.ACCELERATOR)
    return np.array([flows.bytes_x[flows.dst == row].sum() for row in rows])


def test_one_expert_a_rank_is_hypergeometric() -> None:
    """top_k of 16 ranks: each pair k/16, and (n-1)/n of all copies leave."""
    found = draw(Gate(16, 4))
    assert found.matrix.sum() == 16 * TOKENS * 4
    assert found.matrix / TOKENS == pytest.approx(np.full((16, 16), 4 / 16), abs=5 * (0.25 * 0.75 / TOKENS) ** 0.5)
    away = found.matrix.sum() - np.trace(found.matrix)
    assert away / found.matrix.sum() == pytest.approx(15 / 16, abs=0.01)
    assert found.imbalance == pytest.approx(1.0, abs=0.06)


def test_copies_are_counted_once_a_rank_and_once_a_unit() -> None:
    """64 experts, 8 a token: 4 experts a rank, 16 a unit."""
    found = draw(Gate(64, 8))
    rank = 1 - comb(60, 8) / comb(64, 8)
    unit = 1 - comb(48, 8) / comb(64, 8)
    assert found.matrix.mean() / TOKENS == pytest.approx(rank, rel=0.01)
    assert found.to_unit.mean() / TOKENS == pytest.approx(unit, rel=0.01)


def test_node_limited_tokens_reach_few_units() -> None:
    free, limited = draw(Gate(64, 8)), draw(Gate(64, 8, most_units=2))
    assert limited.to_unit.sum() <= 16 * TOKENS * 2
    assert limited.to_unit.sum() > 16 * TOKENS * 1.9
    assert limited.to_unit.sum() < 0.6 * free.to_unit.sum()
    assert limited.to_unit.mean(axis=0) == pytest.approx(limited.to_unit.mean(), rel=0.05)


def test_popularity_is_respected_and_skew_makes_a_busiest_rank() -> None:
    weight = np.arange(1.0, 17.0)
    found = draw(Gate(16, 1, popularity=tuple(weight)))
    assert found.matrix.sum(axis=0) / (16 * TOKENS) == pytest.approx(weight / weight.sum(), abs=0.01)
    even, zipf, steep = (draw(Gate(64, 8, skew=skew)).imbalance for skew in (0.0, 0.5, 1.0))
    assert even < zipf < steep


def test_a_seed_is_a_draw() -> None:
    gate = Gate(64, 8, skew=1.0)
    assert (draw(gate, 1).matrix == draw(gate, 1).matrix).all()
    assert (draw(gate, 1).matrix != draw(gate, 2).matrix).any()


@pytest.mark.parametrize("gate", [Gate(64, 8), Gate(64, 8, skew=1.0, most_units=2)])
def test_flows_deliver_the_matrix(gate: Gate) -> None:
    found = draw(gate)
    straight = matrix_flows(found, LAYOUT, two_level=False)
    assert into(straight) == pytest.approx(found.matrix.sum(axis=0) - np.diag(found.matrix))
    twice = matrix_flows(found, LAYOUT, two_level=True)
    domain = domains(LAYOUT.fabric)
    far = domain[twice.src] != domain[twice.dst]
    unit = LAYOUT.unit
    crossing = sum(found.to_unit[i, u] for i in range(16) for u in range(4) if u != unit[i])
    assert twice.bytes_x[far].sum() == pytest.approx(crossing)
    assert crossing < straight.bytes_x[domain[straight.src] != domain[straight.dst]].sum()
    # a rank hears all that is for it inside its unit, but for what came in on its own rail
    rows = LAYOUT.fabric.rows(Kind.ACCELERATOR)
    own = np.array([sum(found.matrix[i, j] for i in range(16) if i % 4 == j % 4) for j in range(16)])
    near = np.array([twice.bytes_x[~far & (twice.dst == row)].sum() for row in rows])
    assert near == pytest.approx(found.matrix.sum(axis=0) - own)


@pytest.mark.parametrize("two_level", [False, True])
def test_a_combine_is_a_dispatch_backwards(two_level: bool) -> None:
    found = draw(Gate(64, 8, skew=1.0))
    there = matrix_flows(found, LAYOUT, 7.0, two_level=two_level)
    back = matrix_flows(found.combine(), LAYOUT, 7.0, two_level=two_level)
    assert (there.src == back.dst).all()
    assert (there.dst == back.src).all()
    assert (there.bytes_x == back.bytes_x).all()
    assert busiest(LAYOUT.fabric, there) == pytest.approx(busiest(LAYOUT.fabric, back))


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (Gate(20, 2), "20 experts do not spread evenly over 16 ranks"),
        (Gate(64, 65), "top_k is 1 to 64"),
        (Gate(64, 17, most_units=1), "top_k is 1 to 16"),
        (Gate(64, 2, skew=-1), "skew is 0 or more"),
        (Gate(16, 2, popularity=(1.0,)), "a number above 0 for each of 16"),
    ],
)
def test_impossible_gates_say_why(gate: Gate, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        draw(gate)
    with pytest.raises(ConfigError, match="does not fit a group of 4"):
        matrix_flows(draw(Gate(16, 1)), Layout.of(LAYOUT.fabric, range(4)), two_level=False)
