"""Switches that reduce have room for so many communicators; who comes later rings."""

from __future__ import annotations

import numpy as np
import pytest

from weft.collectives import load_library
from weft.collectives.model import choose
from weft.engines.fluid.reducers import Reducers
from weft.errors import ConfigError
from weft.fabric import Cluster, Fabric, Node, build_fabric

LIBRARY = load_library("nccl")


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    sharp = {"topology": "leaf_spine", "protocol": "infiniband", "in_network_reduction": True}
    return build_fabric(Cluster(nodes=4, node=Node(system="dgx_h100"), scale_out=sharp))


def test_a_node_reduces_for_as_many_groups_as_its_switches_have_slots(fabric: Fabric) -> None:
    reducers = Reducers(fabric, LIBRARY)
    pair = np.array([[0, 1, 2, 3]])
    choice = choose("all_reduce", 2**30, fabric.group(pair[0]), library=LIBRARY, algorithm="in_network")
    granted = [reducers.admit(choice, pair, forced=False) for _ in range(130)]
    assert granted == [True] * 128 + [False] * 2
    assert reducers.refused == 2
    elsewhere = pair + 8
    assert reducers.admit(choice, elsewhere, forced=False)
    with pytest.raises(ConfigError, match="128 communicators at once"):
        reducers.admit(choice, pair, forced=True)


def test_the_network_reduces_for_as_many_jobs_as_its_quota_leaves(fabric: Fabric) -> None:
    reducers = Reducers(fabric, LIBRARY)
    rows = np.arange(32)[None, :]
    choice = choose("all_reduce", 2**30, fabric.group(rows[0]), library=LIBRARY, algorithm="in_network")
    assert [reducers.admit(choice, rows, forced=False) for _ in range(34)] == [True] * 33 + [False]


def test_who_finds_no_room_chooses_from_the_other_algorithms(fabric: Fabric) -> None:
    others = Reducers(fabric, LIBRARY).others
    group = fabric.group(range(8))
    assert choose("all_reduce", 2**30, group, library=LIBRARY).algorithm == "in_network"
    assert choose("all_reduce", 2**30, group, library=others).algorithm == "ring"
