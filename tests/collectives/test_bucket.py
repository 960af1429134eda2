"""Rings along all dimensions at once, against rings through all ranks and the links they have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fabrics import busiest, fabric_of
from handmade_groups import group_of

from weft.collectives import ALGORITHMS, IDEAL, estimate
from weft.collectives.bucket import schedule, shares
from weft.collectives.layout import Layout
from weft.errors import ConfigError

BUCKET, RING = ALGORITHMS["bucket"], ALGORITHMS["ring"]


@pytest.mark.parametrize("kind", sorted(BUCKET.KINDS))
@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 2, 2), (4, 4, 4), (2, 4), (3, 5)])
def test_shares_are_what_the_schedule_sends(kind: str, shape: tuple[int, ...]) -> None:
    n = math.prod(shape)
    made = schedule(kind, n, 1.0, shape)
    sent = np.zeros(len(shape))
    for phase in made.phases:
        for t in phase.transfers:
            a, b = np.unravel_index(t.src, shape), np.unravel_index(t.dst, shape)
            (dimension,) = (d for d in range(len(shape)) if a[d] != b[d])
            sent[dimension] += t.count * made.chunk_bytes / n
    assert sent == pytest.approx(shares(kind, shape))
    ways = 2 if kind == "all_reduce" else 1
    assert sent.sum() == pytest.approx(ways * (n - 1) / n)
    assert made.steps == ways * sum(side - 1 for side in shape)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4)])
def test_in_a_cube_it_is_as_wide_as_a_ring_and_has_fewer_steps(shape: tuple[int, ...]) -> None:
    n = math.prod(shape)
    fabric = fabric_of(n, 1, kind="torus", shape=shape, accelerator="tpu_v5e")
    layout = Layout.of(fabric, range(n))
    assert layout.group.levels[0].sides == shape
    bucket, ring = (module.cost("all_reduce", layout.group) for module in (BUCKET, RING))
    assert bucket.stages[0].load == pytest.approx(ring.stages[0].load)
    assert bucket.steps == (2 * sum(side - 1 for side in shape),)
    (flows,) = BUCKET.flows("all_reduce", layout)
    assert busiest(fabric, flows)[0] == pytest.approx(bucket.stages[0].load[0])
    assert len(flows) == 2 * len(shape) * n
    small = [estimate("all_reduce", 1e3, layout.group, library=IDEAL, algorithm=name) for name in ("bucket", "ring")]
    assert small[0].time_s < small[1].time_s


def test_unequal_sides_wait_for_the_busiest_dimension() -> None:
    """Every link's seconds are at most the closed form's, and the busiest dimension's are just that."""
    fabric = fabric_of(8, 1, kind="torus", shape=(2, 4), accelerator="tpu_v5e")
    layout = Layout.of(fabric, range(8))
    level = layout.group.levels[0]
    wire_s = BUCKET.cost("all_gather", layout.group).stages[0].load[0] / level.rate_Bps
    (flows,) = BUCKET.flows("all_gather", layout)
    grid = fabric.plan.scale_up.grid
    assert grid is not None
    link_s = flows.bytes_x / grid.link_Bps[0]
    # both ways round a dimension of two are two links between the same two accelerators
    assert link_s.max() == pytest.approx(wire_s)


def test_other_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match="bucket needs ranks that fill a box"):
        BUCKET.cost("all_reduce", group_of(8))
    fabric = fabric_of(16, 1, kind="torus", shape=(4, 4), accelerator="tpu_v5e")
    with pytest.raises(ConfigError, match="bucket needs ranks that fill a box"):
        BUCKET.cost("all_reduce", fabric.group([0, 1, 2, 5]))
    with pytest.raises(ConfigError, match="6 ranks do not fill a box"):
        schedule("all_reduce", 6, 1.0, (4, 2))
