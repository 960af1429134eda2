"""Where nothing is contended, real paths take exactly the closed form's time; where something is, at least that.

On every example cluster. What the closed form does not know is named below, network by network; nothing else may
differ by more than half a per cent.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fluid_cases import bench, cluster, example, examples, times

SIZES = (1e3, 1e6, 1e9)
TOLERANCE = 0.005
#: Each rank talks to a few others, in a fixed order of nodes.
NEIGHBOURS = [
    ("all_reduce", "ring"),
    ("all_reduce", "tree"),
    ("all_reduce", "hierarchical"),
    ("all_reduce", "halving_doubling"),
    ("all_reduce", "in_network"),
    ("all_gather", "ring"),
    ("reduce_scatter", "ring"),
    ("broadcast", "ring"),
    ("broadcast", "tree"),
    ("send_recv", "direct"),
]
#: Each rank talks to all others.
PAIRS = [("all_reduce", "direct"), ("all_to_all", "direct"), ("all_to_all", "two_level")]

#: Hosts on switches that pass others' traffic: the closed form knows how much an exchange of all with all leaves of a
#: rank's rate, and otherwise gives every rank its NIC's, though the NICs of a node share links between routers.
DIRECT = {
    f"topologies/{name}"
    for name in (
        "dragonfly",
        "dragonfly_plus",
        "edge_list",
        "flattened_butterfly",
        "full_mesh",
        "hamming_mesh",
        "hyperx",
        "jellyfish",
        "slim_fly",
        "torus",
    )
}
#: An accelerator's rate is split over four ports and a ring leaves by one of them.
SPLIT_PORTS = {"topologies/hamming_mesh"}
#: Two uplinks of a leaf for four ports below, and hashed paths besides.
OVERSUBSCRIBED = {"packet-fabric", "scenarios"}
#: Leaves of five nodes: the edges of a binary tree over nodes cross them more often than the closed form reckons.
TREE_CROSSINGS = {"tree", "in_network"}
#: Slower above spines or between sites, where the closed form takes it that all accelerators send; a few do not.
THIN_ABOVE = {"llama3-405b", "topologies/dual-tor", "topologies/three-sites"}
#: Racks of 18 trays stand across leaves of 32 ports, so PXN sends more through some NICs than through others.
UNEVEN_RAILS = {"gb200-nvl72"}
TREES = [name for name in examples() if name not in DIRECT | OVERSUBSCRIBED]


def groups(name: str) -> dict[str, Sequence[int]]:
    """Communicators on an example cluster: at most 16 nodes, or 4 racks."""
    fabric = example(name)
    node, nodes = fabric.plan.per_node, fabric.plan.nodes
    most = min(nodes, 16 if node <= 8 else 4)
    return {
        "all": range(most * node),
        "far apart": [first * node + each for first in range(0, nodes, nodes // most) for each in range(node)],
        "half": range(max(1, most // 2) * node),
        "one node": range(node),
        "one a node": range(0, most * node, node),
        "two on a rail": range(0, 2 * node, node),
    }


def differing(name: str, group: str, collectives: Sequence[tuple[str, str]], **routing: object) -> list[str]:
    """What differs on a group; asserts that enough of the algorithms fit it."""
    fabric, ranks = example(name), groups(name)[group]
    found, seen = [], 0
    for kind, algorithm in collectives:
        for size, (fluid, closed) in zip(SIZES, times(fabric, kind, ranks, algorithm, SIZES, **routing), strict=False):
            seen += 1
            if abs(fluid / closed - 1) > TOLERANCE:
                found.append(f"{kind} by {algorithm}, {size:g} B: {fluid / closed - 1:+.1%}")
    assert seen >= len(SIZES) * len(collectives) // 2
    return found


WHO = ["all", "far apart", "half", "one node", "one a node", "two on a rail"]


@pytest.mark.parametrize(
    ("name", "group"),
    [(name, group) for name in TREES for group in WHO if name not in THIN_ABOVE or group != "far apart"],
)
def test_trees_take_the_closed_forms_time(name: str, group: str) -> None:
    assert differing(name, group, NEIGHBOURS) == []
    if name not in UNEVEN_RAILS or group.startswith(("one", "two")):
        assert differing(name, group, PAIRS) == []


@pytest.mark.parametrize("name", sorted(UNEVEN_RAILS))
def test_pairs_meet_nowhere_if_they_keep_to_their_rails(name: str) -> None:
    assert differing(name, "all", PAIRS, pxn="never") == []


@pytest.mark.parametrize("name", sorted(DIRECT - SPLIT_PORTS))
def test_direct_networks_carry_one_ring_as_the_closed_form_says(name: str) -> None:
    """One rank a node has the links between neighbours to itself."""
    for group in ("one node", "one a node", "two on a rail"):
        assert differing(name, group, NEIGHBOURS) == []
    assert differing(name, "one node", PAIRS) == []


@pytest.mark.parametrize("group", ["all", "half"])
@pytest.mark.parametrize("name", sorted(DIRECT | OVERSUBSCRIBED))
def test_contention_only_ever_adds(name: str, group: str) -> None:
    fabric, ranks = example(name), groups(name)[group]
    for kind, algorithm in NEIGHBOURS:
        for fluid, closed in times(fabric, kind, ranks, algorithm, SIZES):
            assert fluid >= closed * (1 - TOLERANCE)


@pytest.mark.parametrize("name", sorted(OVERSUBSCRIBED))
def test_oversubscribed_leaves_give_every_port_its_share(name: str) -> None:
    """Without hash collisions, when all accelerators take part."""
    even = [each for each in [*NEIGHBOURS, *PAIRS] if each[1] not in TREE_CROSSINGS]
    assert differing(name, "all", even, policy="adaptive") == []
    assert differing(name, "one node", [*NEIGHBOURS, *PAIRS], policy="adaptive") == []


@pytest.mark.parametrize("name", sorted(THIN_ABOVE))
def test_few_far_apart_have_thin_tiers_to_themselves(name: str) -> None:
    fabric, ranks = example(name), groups(name)["far apart"]
    for kind, algorithm in [*NEIGHBOURS, *PAIRS]:
        for fluid, closed in times(fabric, kind, ranks, algorithm, SIZES):
            assert fluid <= closed * (1 + TOLERANCE)


@pytest.mark.parametrize("oversubscription", [1, 2, 4])
def test_two_alone_have_oversubscribed_uplinks_to_themselves(oversubscription: float) -> None:
    """The closed form takes it that others under the leaf send as much."""
    run = bench(cluster(32, oversubscription=oversubscription), "send_recv", (0, 8 * 31), 1e9)
    above = run.group.levels[-1].oversubscription
    assert above == pytest.approx(oversubscription, rel=0.1)
    assert run.closed_form(1e9).time_s / run.run(1e9).time_s == pytest.approx(above, rel=TOLERANCE)


def test_all_pairs_of_a_full_mesh_fill_its_links() -> None:
    """64 routers: the closed form's share of a rank's rate is exact where every link carries as much as any other."""
    name = "topologies/full_mesh"
    fabric = example(name)
    for fluid, closed in times(fabric, "all_to_all", range(fabric.accelerators), "direct", SIZES):
        assert fluid == pytest.approx(closed, rel=TOLERANCE)


@pytest.mark.parametrize("kind", ["all_gather", "all_to_all"])
def test_steps_of_bruck_wait_for_their_slowest(kind: str) -> None:
    """The closed form adds up what each level carries; where all steps are bound by one level, that is the same."""
    fabric = cluster(8, "rail_optimised", unit_nodes=8)
    for ranks, same in ((range(8), True), (range(0, 64, 8), True), (range(64), False)):
        for fluid, closed in times(fabric, kind, ranks, "bruck", SIZES):
            assert fluid >= closed * (1 - TOLERANCE)
            assert not same or fluid == pytest.approx(closed, rel=TOLERANCE)
