"""Closed forms against their schedules, counted: bytes inside units, bytes that leave them, and steps."""

from __future__ import annotations

import pytest
from handmade_groups import group_of
from schedule_mover import inside_bytes, outside_bytes

from weft.collectives import ALGORITHMS

SIZE = 840.0
SHAPES = [
    (2, 1),
    (4, 1),
    (8, 1),
    (5, 1),
    (1, 2),
    (1, 8),
    (2, 2),
    (4, 2),
    (2, 4),
    (4, 4),
    (8, 2),
    (3, 5),
    (4, 3),
    (2, 16),
]


def shapes(name: str) -> list[tuple[int, int]]:
    if name == "pat":
        return [s for s in SHAPES if s[0] == 1]
    return [s for s in SHAPES if name != "halving_doubling" or not (s[0] & (s[0] - 1) or s[1] & (s[1] - 1))]


CASES = [
    pytest.param(name, kind, shape, id=f"{name}-{kind}-{shape[0]}x{shape[1]}")
    for name, module in ALGORITHMS.items()
    if name != "bucket"
    for kind in sorted(module.KINDS)
    for shape in shapes(name)
    if name != "in_network" or (shape[0] > 1 and (shape[1] == 1 or kind == "all_reduce"))
    if not (name == "tree" and kind != "all_reduce" and shape[1] > 1 and shape[0] > 1)
]


@pytest.mark.parametrize(("name", "kind", "shape"), CASES)
def test_bytes_and_steps(name: str, kind: str, shape: tuple[int, int]) -> None:
    per_unit, units = shape
    group = group_of(per_unit, units, reduces=True)
    options = {"per_unit": per_unit} if name in ("tree", "hierarchical", "in_network", "two_level") else {}
    schedule = ALGORITHMS[name].schedule(kind, group.ranks, SIZE, **options)
    cost = ALGORITHMS[name].cost(kind, group)
    inside = sum(stage.load[0] for stage in cost.stages) * SIZE
    assert inside_bytes(schedule, per_unit) == pytest.approx(inside)
    if units > 1:
        outside = sum(stage.load[1] for stage in cost.stages) * SIZE
        few = name == "bruck" or kind == "send_recv"  # not all of a unit's ranks send out of it
        left = per_unit * outside_bytes(schedule, per_unit) if few else schedule.crossing_bytes(per_unit)
        assert left == pytest.approx(outside)
    # a pass through a scale-up switch is two transfers and one step
    through_switches = {"all_reduce": 2}.get(kind, 1) if name == "in_network" else 0
    assert sum(cost.steps) == schedule.steps - through_switches


@pytest.mark.parametrize("name", ["ring", "direct", "halving_doubling"])
def test_uplinks_of_a_pod_carry_what_crosses_it(name: str) -> None:
    """4 nodes of 2 under each of 2 leaves: level 2's closed form is what leaves 8 consecutive ranks."""
    group = group_of(2, 8, leaf_units=4)
    schedule = ALGORITHMS[name].schedule("all_reduce", 16, SIZE)
    assert schedule.crossing_bytes(8) == pytest.approx(
        ALGORITHMS[name].cost("all_reduce", group).stages[0].load[2] * SIZE
    )


def test_ring_steps_by_level() -> None:
    """16 ranks in 8 nodes under 2 leaves: 7 node boundaries in a row of ranks, one of them between leaves."""
    assert ALGORITHMS["ring"].cost("all_gather", group_of(2, 8, leaf_units=4)).steps == (8, 6, 1)


def test_tree_crosses_two_nodes_once_and_more_nodes_twice() -> None:
    """Why two nodes beat their NICs' busbw with a tree: each sends the vector once, not twice."""
    tree = ALGORITHMS["tree"]
    assert [tree.busiest(n) for n in (2, 4, 8, 64)] == [1, 2, 2, 2]
    assert all(1 <= tree.busiest(n) <= 2 for n in range(2, 200))


@pytest.mark.parametrize("n", [2, 3, 7, 8, 33, 64])
def test_inner_nodes_of_one_tree_are_leaves_of_the_other(n: int) -> None:
    first, second = ALGORITHMS["tree"].twins(n)
    children = [{up for up in tree if up >= 0} for tree in (first, second)]
    assert len(children[0] & children[1]) <= 1  # the root of an odd tree may be both
    assert all(list(tree).count(up) <= 2 for tree in (first, second) for up in range(n))
