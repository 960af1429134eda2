"""Folded traffic behaves as the whole does: one rate a class, whatever breaks the symmetry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engines.fluid.classes import Classes, Entries, Traffic, coupled, refine
from weft.engines.fluid.quotient import fold


def naive_max_min(entries: Entries, capacity: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rates of equal transfers: raise all together, freeze those on the first resource that fills, and go on."""
    count = len(entries.indptr) - 1
    usage = np.zeros((count, len(capacity)))
    for t in range(count):
        for e in range(entries.indptr[t], entries.indptr[t + 1]):
            usage[t, entries.resource[e]] += entries.usage[e]
    rate, frozen, left = np.zeros(count), np.zeros(count, bool), capacity.astype(float).copy()
    level = 0.0
    while not frozen.all():
        load = usage[~frozen].sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(load > 0, left / load, np.inf)
        step = max(0.0, room.min())
        level += step
        left -= step * load
        full = (load > 0) & (room <= step * (1 + 1e-12))
        stopped = ~frozen & (usage[:, full] > 0).any(axis=1)
        rate[stopped] = level
        frozen |= stopped
        if not full.any():
            break
    return rate


def ring_traffic(copies: int, blocks: list[tuple[int, ...]], shared: int) -> tuple[Traffic, int]:
    """The same few transfers over private and shared resources, copied side by side; one group a transfer."""
    private = 1 + max((max(block) for block in blocks if block), default=0)
    rows: list[list[int]] = []
    for copy in range(copies):
        for block in blocks:
            rows.append(
                [copy * private + r for r in block] + [copies * private + r % max(1, shared) for r in block[:1]]
            )
    counts = [len(row) for row in rows]
    resources = copies * private + max(1, shared)
    entries = Entries(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([r for row in rows for r in row], np.int32),
        np.ones(sum(counts)),
    )
    count = len(rows)
    each = np.arange(count, dtype=np.int32)
    traffic = Traffic(
        pattern=np.zeros(count, np.int32),
        start=np.arange(count + 1),
        member=(each // len(blocks)).astype(np.int32),
        columns=copies,
        group=each,
        stage=np.zeros(count, np.int32),
        weight=np.ones(count),
        routed=(entries,),
    )
    return traffic, resources


BLOCKS = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(copies=st.integers(1, 5), blocks=BLOCKS, shared=st.integers(1, 3), broken=st.integers(0, 40), half=st.booleans())
def test_every_member_of_a_class_has_the_class_rate(
    copies: int, blocks: list[tuple[int, ...]], shared: int, broken: int, half: bool
) -> None:
    traffic, resources = ring_traffic(copies, blocks, shared)
    capacity = np.full(resources, 10.0)
    if half:
        capacity[broken % resources] = 3.0
    classes = refine(traffic, np.zeros(copies, np.uint64), capacity.astype(np.uint64))
    assert classes is not None
    quotient = fold(traffic, classes)
    whole = naive_max_min(traffic.routed[0], capacity)
    folded = naive_max_min(quotient.routed[0], capacity[quotient.resource])
    assert folded[classes.transfer] == pytest.approx(whole, rel=1e-9)
    if not half:
        assert classes.columns == 1


def test_what_is_broken_splits_only_what_it_touches() -> None:
    traffic, resources = ring_traffic(6, [(0,), (1,)], 1)
    capacity = np.full(resources, 10, np.uint64)
    assert refined(traffic, capacity).columns == 1
    capacity[0] = 3
    classes = refined(traffic, capacity)
    assert classes.columns == 2
    assert classes.column.tolist() == [0, 1, 1, 1, 1, 1]


def test_a_slow_column_is_told_apart() -> None:
    traffic, resources = ring_traffic(4, [(0,)], 1)
    slow = np.array([0, 0, 1, 0], np.uint64)
    classes = refine(traffic, slow, np.zeros(resources, np.uint64))
    assert classes is not None and classes.column.tolist() == [0, 0, 1, 0]


def test_too_many_classes_are_given_up() -> None:
    traffic, resources = ring_traffic(6, [(0,)], 1)
    each = np.arange(resources, dtype=np.uint64)
    assert refine(traffic, np.zeros(6, np.uint64), each, most=5) is None
    forced = coupled(traffic, np.zeros(6, np.uint64), each)
    assert forced.columns == 1 and not forced.exact


def test_nothing_folded_is_everything_on_its_own() -> None:
    traffic, resources = ring_traffic(3, [(0,), (1,)], 1)
    whole = Classes.none(traffic, resources)
    quotient = fold(traffic, whole)
    assert quotient.routed[0].usage.sum() == traffic.routed[0].usage.sum()
    assert whole.columns == 3 and len(whole.first("transfer")) == 6


def refined(traffic: Traffic, capacity: np.ndarray[Any, Any]) -> Classes:
    classes = refine(traffic, np.zeros(traffic.columns, np.uint64), capacity)
    assert classes is not None
    return classes
