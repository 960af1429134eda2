"""Flows against the closed forms: what ranks pass on inside, what leaves units, who is joined to whom."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from fabrics import busiest, busiest_outside, fabric_of

from weft.collectives import ALGORITHMS, IDEAL
from weft.collectives.layout import Layout
from weft.collectives.model import choose
from weft.fabric import Fabric, Kind

SHAPES = [(2, 1), (4, 1), (5, 1), (8, 1), (1, 2), (1, 8), (2, 2), (4, 2), (2, 4), (4, 4), (8, 2), (3, 5), (2, 16)]


def cases() -> list[Any]:
    found = []
    for name, module in ALGORITHMS.items():
        for kind in sorted(module.KINDS):
            for g, many in SHAPES:
                if name == "halving_doubling" and (g & (g - 1) or many & (many - 1)):
                    continue
                if name == "bucket" or (name == "pat" and g > 1):
                    continue
                if name == "in_network" and (g == 1 or (many > 1 and kind != "all_reduce")):
                    continue
                found.append(pytest.param(name, kind, g, many, id=f"{name}-{kind}-{g}x{many}"))
    return found


def check(fabric: Fabric, name: str, kind: str, ranks: Any = None) -> None:
    """Loads at the inner levels are the closed form's, stage by stage."""
    layout = Layout.of(fabric, range(fabric.accelerators) if ranks is None else ranks)
    cost = ALGORITHMS[name].cost(kind, layout.group)
    stages = ALGORITHMS[name].flows(kind, layout)
    assert len(stages) == len(cost.stages)
    for flows, stage in zip(stages, cost.stages, strict=True):
        inside, outside = busiest(fabric, flows)
        if name == "bruck" or kind == "send_recv":  # not all of a unit's ranks send out of it
            outside = layout.width * busiest_outside(fabric, flows)
        assert inside == pytest.approx(stage.load[0])
        assert outside == pytest.approx(stage.load[1] if len(stage.load) > 1 else 0.0)
        assert flows.how[0] == stage.how[0]
        assert len(stage.how) == 1 or flows.how[1] == stage.how[1]


@pytest.mark.parametrize(("name", "kind", "g", "many"), cases())
def test_loads_are_the_closed_forms(name: str, kind: str, g: int, many: int) -> None:
    check(fabric_of(g, many), name, kind)


@pytest.mark.parametrize("kind", ["full_mesh", "torus", "pcie"])
@pytest.mark.parametrize("name", ["ring", "direct", "hierarchical"])
def test_loads_without_scale_up_switches(kind: str, name: str) -> None:
    shape = (2, 4) if kind == "torus" else None
    accelerator = "tpu_v5e" if kind == "torus" else "h100_sxm"
    check(fabric_of(8, 2, kind=kind, shape=shape, accelerator=accelerator), name, "all_gather")


def test_a_ring_fills_every_link_of_a_mesh_and_of_a_torus_alike() -> None:
    """Closed rings go both ways round; the seconds on every link are the closed form's."""
    mesh = fabric_of(8, 1, kind="full_mesh")
    (flows,) = ALGORITHMS["ring"].flows("all_gather", Layout.of(mesh, range(8)))
    assert len(flows) == 56
    assert flows.bytes_x == pytest.approx(7 / 8 / 7)
    torus = fabric_of(16, 1, kind="torus", shape=(4, 4), accelerator="tpu_v5e")
    (flows,) = ALGORITHMS["ring"].flows("all_gather", Layout.of(torus, range(16)))
    assert len(flows) == 64
    assert flows.bytes_x == pytest.approx(15 / 16 / 4)
    (line,) = ALGORITHMS["ring"].flows("all_gather", Layout.of(torus, range(3)))  # 3 of 4: no ring closes
    assert sorted(zip(line.src.tolist(), line.dst.tolist(), strict=True)) == sorted(
        zip(*(torus.rows(Kind.ACCELERATOR)[[[0, 1, 2], [1, 2, 0]]]).tolist(), strict=True)
    )


@pytest.mark.parametrize("ranks", [list(range(6)), [0, 1, 2, 3, 9], list(range(3, 14)), [15, 2, 8, 1]])
@pytest.mark.parametrize("name", ["ring", "direct", "tree", "hierarchical"])
def test_groups_that_do_not_fill_units_move_as_much_in_all(ranks: list[int], name: str) -> None:
    """Whatever the shape: everybody takes part, and what a rank passes on is at least what it must."""
    fabric = fabric_of(4, 4)
    rows = fabric.rows(Kind.ACCELERATOR)
    for kind in ("all_reduce", "broadcast") if name != "hierarchical" else ("all_reduce",):
        stages = ALGORITHMS[name].flows(kind, Layout.of(fabric, ranks))
        seen = {int(row) for flows in stages for row in (*flows.src, *flows.dst)}
        assert seen == set(rows[ranks].tolist())
        entered = np.zeros(len(fabric.nodes))
        for flows in stages:
            np.add.at(entered, flows.dst, flows.bytes_x)
        least = 1.0 if kind == "broadcast" else 2 * (len(ranks) - 1) / len(ranks)
        hears = ranks[1:] if kind == "broadcast" else ranks
        if name in ("ring", "tree") and kind == "broadcast":
            assert (entered[rows[hears]] >= least - 1e-9).sum() >= len(hears) - 4
        else:
            assert entered[rows[ranks]].sum() >= least * len(hears) - 1e-9


def test_broadcast_and_reduce_are_each_others_mirror() -> None:
    layout = Layout.of(fabric_of(4, 4), range(16))
    for name in ("ring", "tree", "direct"):
        (down,), (up,) = (ALGORITHMS[name].flows(kind, layout) for kind in ("broadcast", "reduce"))
        assert sorted(zip(down.src, down.dst, down.bytes_x, strict=True)) == sorted(
            zip(up.dst, up.src, up.bytes_x, strict=True)
        )
        assert int(layout.rows[0, 0]) not in down.dst.tolist()


def test_a_ring_over_nodes_stays_on_its_rail() -> None:
    fabric = fabric_of(8, 4, topology="rail_optimised")
    (flows,) = ALGORITHMS["ring"].flows("all_reduce", Layout.of(fabric, range(32)))
    unit = fabric.locality.scale_up_unit
    number = {int(row): i for i, row in enumerate(fabric.rows(Kind.ACCELERATOR))}
    a, b = (np.array([number[int(row)] for row in column]) for column in (flows.src, flows.dst))
    far = unit[a] != unit[b]
    assert far.sum() == 32
    assert (a % 8 == b % 8)[far].all()
    assert (flows.channel[far] == a[far] % 8).all()
    assert set(flows.channel.tolist()) == set(range(8))


def test_sharp_sends_one_copy_up_from_every_switch() -> None:
    """8 nodes of 2 under leaves of 4 nodes: 2 trees, ranks to leaves, leaves to one spine each, and back."""
    fabric = fabric_of(2, 8, topology="fat_tree", sharp=True, radix=8)
    layout = Layout.of(fabric, range(16))
    cost = ALGORITHMS["in_network"].cost("all_reduce", layout.group)
    (flows,) = ALGORITHMS["in_network"].flows("all_reduce", layout)
    assert flows.how == ("multicast", "switch") == cost.stages[0].how[:2]
    inside, outside = busiest(fabric, flows)
    assert (inside, outside) == pytest.approx(cost.stages[0].load[:2])
    kind = fabric.nodes.kind
    for tree in (0, 1):
        mine = flows.channel == tree
        for low, high in ((Kind.LEAF, Kind.SPINE), (Kind.SPINE, Kind.CORE)):
            climbs = mine & (kind[flows.src] == low) & (kind[flows.dst] == high)
            below = flows.src[climbs].tolist()
            assert len(below) == len(set(below))
            if len(below) > 1:  # whoever climbs meets the others
                assert len(set(flows.dst[climbs].tolist())) <= len(below)
        climbing = mine & ((kind[flows.dst] > kind[flows.src]) & (kind[flows.dst] >= Kind.LEAF))
        heard = set(flows.dst[climbing].tolist())
        roots = heard - set(flows.src[climbing].tolist())
        assert len(roots) == 1
    assert (flows.bytes_x[kind[flows.dst] >= Kind.LEAF] == 0.5).all()


def test_a_batch_is_its_groups_one_by_one() -> None:
    """Groups of every tensor- and data-parallel family, and one that stands apart."""
    fabric = fabric_of(4, 8)
    tables = [
        np.arange(32).reshape(8, 4),
        np.arange(32).reshape(8, 4).T,
        np.array([[0, 1, 4, 5], [2, 3, 6, 7], [0, 4, 8, 12], [8, 9, 12, 13]]),
    ]
    for table in tables:
        for name in ("ring", "tree", "direct", "hierarchical"):
            seen = []
            for rows, layout in Layout.batch(fabric, table):
                seen += rows.tolist()
                stages = ALGORITHMS[name].flows("all_reduce", layout)
                for i, row in enumerate(rows.tolist()):
                    alone = ALGORITHMS[name].flows("all_reduce", Layout.of(fabric, table[row]))
                    assert fabric.group(table[row]) == layout.group
                    for one, many in zip(alone, stages, strict=True):
                        mine = many.group == i
                        assert (many.src[mine] == one.src).all()
                        assert (many.dst[mine] == one.dst).all()
                        assert (many.bytes_x[mine] == one.bytes_x).all()
                        assert (many.channel[mine] == one.channel + i * (one.channel.max() + 1)).all()
            assert sorted(seen) == list(range(len(table)))
    assert [rows.tolist() for rows, _ in Layout.batch(fabric, tables[2])] == [[0, 1, 3], [2]]


def test_a_sampled_all_to_all_sends_as_much() -> None:
    import weft.collectives.pairs as pairs

    fabric = fabric_of(4, 16)
    layout = Layout.of(fabric, range(64))
    before = pairs.MOST_PAIRS
    try:
        pairs.MOST_PAIRS = 64 * 7
        (flows,) = ALGORITHMS["direct"].flows("all_to_all", layout)
    finally:
        pairs.MOST_PAIRS = before
    assert len(flows) == 64 * 8
    stage = ALGORITHMS["direct"].cost("all_to_all", layout.group).stages[0]
    assert busiest(fabric, flows) == pytest.approx(stage.load[:2])


def test_a_choice_carries_what_an_engine_needs() -> None:
    fabric = fabric_of(8, 4)
    group = fabric.group(range(32))
    choice = choose("all_reduce", 2.0**30, group, library=IDEAL, algorithm="ring")
    (flows,) = choice.flows(Layout.of(fabric, range(32)))
    assert busiest(fabric, flows)[0] == pytest.approx(2 * 31 / 32)
    rates = choice.rates(0)
    assert (rates.inside, rates.outside) == (1.0, 1.0)
    assert rates.own_s_per_byte == pytest.approx(2 * 31 / 32 / group.levels[0].rate_Bps)
    assert rates.wire_s_per_byte == pytest.approx(choice.line.wire_s_per_byte)
    alone = choose("all_reduce", 1.0, fabric.group([3]))
    assert alone.flows(Layout.of(fabric, [3])) == ()
    assert alone.line.time_s(1e9) == 0


@pytest.mark.parametrize("library", ["nccl", "rccl"])
@pytest.mark.parametrize("kind", ["all_reduce", "all_gather", "all_to_all"])
def test_rates_of_stages_are_the_lines_rates(kind: str, library: str) -> None:
    from weft.collectives import load_library

    group = fabric_of(8, 4).group(range(32))
    for size in (8.0, 2.0**20, 2.0**30):
        choice = choose(kind, size, group, library=load_library(library))
        rates = [choice.rates(i) for i in range(len(choice.cost.stages))]
        assert sum(r.wire_s_per_byte for r in rates) == pytest.approx(choice.line.wire_s_per_byte)
        assert all(0 < r.inside <= 1 and 0 < r.outside <= 1 and r.own_s_per_byte <= r.wire_s_per_byte for r in rates)


def test_131072_ranks_are_quick() -> None:
    fabric = fabric_of(8, 16384, topology="fat_tree")
    begun = time.process_time()
    layout = Layout.of(fabric, range(fabric.accelerators))
    stages = ALGORITHMS["hierarchical"].flows("all_reduce", layout)
    taken = time.process_time() - begun
    assert [len(flows) for flows in stages] == [131072] * 3
    assert taken < 3.0
