"""Collectives predicted for a state of the network, against shares worked out by hand."""

from __future__ import annotations

import pytest

from weft.control.links import cable_of
from weft.control.prediction import collective_s
from weft.errors import ConfigError
from weft.fabric import Cluster, build_fabric
from weft.underlay import Underlay, build_underlay

SIZE = 8e9
RATE_BPS = 400e9 / 8
ALONE_S = 2 * 7 / 8 * SIZE / RATE_BPS  # a ring of 8: 2 (n - 1) / n of the size by every port


@pytest.fixture(scope="module")
def underlay() -> Underlay:
    """4 leaves with 2 hosts each, 2 spines, all links alike."""
    node = {"system": "dgx_h100", "accelerators": 1, "nics": 1}
    scale_out = {"topology": "leaf_spine", "leaf_nodes": 2, "radix": 4}
    return build_underlay(build_fabric(Cluster(nodes=8, node=node, scale_out=scale_out)))


def ring(spines: str) -> list[list[str]]:
    """Ways of the ring's four flows between leaves, each over a spine."""
    return [[f"leaf{n}", f"spine{spine}", f"leaf{(n + 1) % 4}"] for n, spine in enumerate(spines)]


def predicted(underlay: Underlay, ways: list[list[str]] | None, **more: object) -> float:
    return collective_s(underlay, "all_reduce", SIZE, range(8), ways=ways, **more)


@pytest.mark.parametrize("spines", ["0000", "1111", "0101", "0011"])
def test_a_ring_over_links_of_its_own_takes_what_the_ports_allow(underlay: Underlay, spines: str) -> None:
    """Every leaf sends to one other and hears from one: whatever the spines, no link has two flows."""
    assert predicted(underlay, ring(spines)) == pytest.approx(ALONE_S, rel=0.01)


def test_a_shared_link_makes_the_whole_ring_wait(underlay: Underlay) -> None:
    """The flow from leaf 0 takes a detour over leaf 2: its spine's link to leaf 2 has two flows, each at half rate."""
    ways = [["leaf0", "spine0", "leaf2", "spine1", "leaf1"], *ring("0000")[1:]]
    assert predicted(underlay, ways) == pytest.approx(2 * ALONE_S, rel=0.01)


def test_what_is_left_of_a_slow_link_is_what_the_ring_has(underlay: Underlay) -> None:
    port = next(port for port in underlay.device("leaf0").ports if port.peer == underlay.device("spine0").number)
    assert predicted(underlay, ring("0000"), slow={cable_of(port): 0.25}) == pytest.approx(4 * ALONE_S, rel=0.01)
    assert predicted(underlay, ring("1111"), slow={cable_of(port): 0.25}) == pytest.approx(ALONE_S, rel=0.01)
    host = underlay.device("host0").ports[0]
    assert predicted(underlay, ring("1111"), slow={cable_of(host): 0.5}) == pytest.approx(2 * ALONE_S, rel=0.01)


def test_a_dead_link_is_not_used(underlay: Underlay) -> None:
    """With spine 0 cut off from leaf 0, hashed flows of that leaf have one way left, and it suffices for one flow."""
    ports = [port for port in underlay.device("leaf0").ports if port.peer == underlay.device("spine0").number]
    assert predicted(underlay, None, dead={cable_of(ports[0])}) >= ALONE_S * 0.99


def test_wrong_names(underlay: Underlay) -> None:
    with pytest.raises(ConfigError, match="cables are numbered 0 to"):
        predicted(underlay, None, dead={10_000})
    with pytest.raises(ConfigError, match="unknown device 'leaf9'"):
        predicted(underlay, [["leaf0", "spine0", "leaf9"]])
