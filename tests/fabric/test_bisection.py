"""The closed form of the bisection against a maximum flow on the whole graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import WeftError
from weft.fabric import Domain, Fabric, Kind

Make = Callable[..., Fabric]


def max_flow(fabric: Fabric) -> float:
    """Return the flow from the first half of the NICs to the second over scale-out links (Edmonds and Karp)."""
    nics = fabric.rows(Kind.NIC)
    half = (len(nics) + 1) // 2
    source, sink = -1, -2
    room: dict[int, dict[int, float]] = {}

    def add(a: int, b: int, rate: float) -> None:
        room.setdefault(a, {})[b] = room.get(a, {}).get(b, 0.0) + rate
        room.setdefault(b, {}).setdefault(a, 0.0)

    for row in range(len(fabric.links)):
        if fabric.links.domain[row] == Domain.SCALE_OUT:
            add(int(fabric.links.src[row]), int(fabric.links.dst[row]), float(fabric.links.rate_Bps[row]))
    for index, nic in enumerate(nics):
        add(*((source, int(nic)) if index < half else (int(nic), sink)), 1e18)
    flow = 0.0
    while True:
        came: dict[int, int] = {source: source}
        queue = deque([source])
        while queue and sink not in came:
            here = queue.popleft()
            for there, rate in room[here].items():
                if rate > 1 and there not in came:
                    came[there] = here
                    queue.append(there)
        if sink not in came:
            return flow
        path, at = [], sink
        while at != source:
            path.append((came[at], at))
            at = came[at]
        pushed = min(room[a][b] for a, b in path)
        for a, b in path:
            room[a][b] -= pushed
            room[b][a] += pushed
        flow += pushed


@settings(max_examples=60, deadline=None)
@given(
    topology=st.sampled_from(["leaf_spine", "fat_tree", "rail_optimised"]),
    nodes=st.integers(1, 14),
    gpus=st.sampled_from([1, 2, 4]),
    radix=st.sampled_from([4, 6, 8]),
    oversubscription=st.sampled_from([1, 2, 3]),
    planes=st.booleans(),
)
def test_bisection_is_the_maximum_flow(
    make: Make, topology: str, nodes: int, gpus: int, radix: int, oversubscription: float, planes: bool
) -> None:
    options: dict[str, Any] = {"planes": planes} if topology == "rail_optimised" else {}
    try:
        fabric = make(topology, nodes=nodes, gpus=gpus, radix=radix, oversubscription=oversubscription, **options)
    except WeftError:
        return
    assert fabric.bisection_Bps == pytest.approx(max_flow(fabric), rel=1e-9)


@pytest.mark.parametrize("topology", ["leaf_spine", "fat_tree"])
@pytest.mark.parametrize("oversubscription", [1, 3])
def test_full_units_give_the_textbook_figure(make: Make, topology: str, oversubscription: int) -> None:
    fabric = make(topology, nodes=72, gpus=1, radix=12, oversubscription={"leaf": oversubscription})
    assert fabric.bisection_Bps == pytest.approx(72 / 2 * 50e9 / oversubscription)


def test_a_single_node_has_none(make: Make) -> None:
    assert make().bisection_Bps == 0
