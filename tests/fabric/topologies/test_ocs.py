"""Optical circuit switches: circuits as asked, ports once, light that turns only where a circuit does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.economics import bill_of_materials
from weft.errors import ConfigError, InfeasibleError, WeftError
from weft.fabric import Fabric, Kind
from weft.fabric.circuits import Circuits, given_mesh, uniform_mesh

sys.path.insert(0, str(Path(__file__).parent))
from flows import max_flow_Bps

Make = Callable[..., Fabric]


def check_ports(circuits: Circuits, ports: int) -> None:
    """No port of a block is in two circuits, and all are ports it has."""
    used = np.concatenate([circuits.a * 100_000 + circuits.port_a, circuits.b * 100_000 + circuits.port_b])
    assert len(np.unique(used)) == len(used)
    assert (used % 100_000 < ports).all()
    assert (circuits.a != circuits.b).all()


@given(blocks=st.integers(2, 40), ports=st.integers(2, 130))
def test_a_uniform_mesh_joins_all_alike(blocks: int, ports: int) -> None:
    circuits = uniform_mesh(blocks, ports)
    check_ports(circuits, ports)
    trunks = circuits.trunks(blocks)
    apart = trunks[~np.eye(blocks, dtype=bool)]
    assert apart.max() - apart.min() <= 1
    assert (trunks.sum(axis=1) == (ports if blocks % 2 == 0 else ports // 2 * 2)).all()


@given(blocks=st.integers(2, 9), half=st.integers(1, 8), pick=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8))))
def test_any_wish_within_the_ports_can_be_met(blocks: int, half: int, pick: list[tuple[int, int]]) -> None:
    ports, wanted = 2 * half, np.zeros((blocks, blocks), np.int64)
    for a, b in ((a % blocks, b % blocks) for a, b in pick * 3):
        if a != b and wanted[a].sum() < ports and wanted[b].sum() < ports:
            wanted[a, b] += 1
            wanted[b, a] += 1
    listed = [(a, b, int(wanted[a, b])) for a in range(blocks) for b in range(a) if wanted[a, b]]
    circuits = given_mesh(listed, blocks)
    check_ports(circuits, ports)
    assert (circuits.trunks(blocks) == wanted).all()


def test_pods_in_an_optical_mesh(make: Make) -> None:
    """Eight pods of 64 nodes: 512 uplinks each; 128-port switches take 16 of each pod, so 32 of them."""
    fabric = make("ocs", nodes=512, pod_nodes=64, ocs="google_palomar")
    assert fabric.by_kind["ocs"] == 32
    (fibres,) = [link for link in fabric.link_classes if link.name == "spine-ocs"]
    assert fibres.cables == 8 * 512
    degree = np.bincount(fabric.links.src, minlength=len(fabric.nodes))
    assert (degree[fabric.nodes.kind == Kind.OCS] == 128).all()
    lines = {(line.kind, line.use): line.count for line in bill_of_materials(fabric).lines}
    assert lines["fibre", "spine-ocs"] == 8 * 512
    assert lines["module", "spine-ocs"] == 8 * 512 // 2  # twin-port: one 800 Gb/s module for two links
    assert lines["ocs", "ocs"] == 32


def test_a_circuit_joins_two_fibres_of_one_switch(make: Make) -> None:
    fabric = make("ocs", nodes=60, gpus=4, pod_nodes=12, radix=24, ocs="lumentum_r64")
    circuits = fabric.network.circuits
    assert circuits is not None
    assert len(np.unique(circuits)) == circuits.size
    upper = fabric.links.dst[2 * circuits]
    assert (fabric.nodes.kind[upper] == Kind.OCS).all()
    assert (upper[:, 0] == upper[:, 1]).all()
    lower = fabric.links.src[2 * circuits]
    assert (fabric.nodes.parent[lower[:, 0]] != fabric.nodes.parent[lower[:, 1]]).all()


@settings(max_examples=30, deadline=None)
@given(
    nodes=st.integers(2, 16),
    gpus=st.sampled_from([1, 2]),
    radix=st.sampled_from([6, 8]),
    leaves=st.booleans(),
    oversubscription=st.sampled_from([1, 2]),
)
def test_bisection_is_the_maximum_flow_over_circuits(
    make: Make, nodes: int, gpus: int, radix: int, leaves: bool, oversubscription: int
) -> None:
    options = {"blocks": "leaves"} if leaves else {"pod_nodes": radix // 2}
    try:
        fabric = make("ocs", nodes=nodes, gpus=gpus, radix=radix, oversubscription=oversubscription, **options)
    except WeftError:
        return
    assert fabric.bisection_Bps == pytest.approx(max_flow_Bps(fabric), rel=1e-9)


def test_given_circuits_are_the_trunks(make: Make) -> None:
    fabric = make("ocs", nodes=16, gpus=8, blocks="leaves", leaf_nodes=4, circuits=[[0, 1, 20], [1, 2, 6], [2, 3, 20]])
    leaf = {int(row): i for i, row in enumerate(fabric.rows(Kind.LEAF))}
    found: dict[tuple[int, int], int] = {}
    for one, other in fabric.links.src[2 * fabric.network.circuits]:
        pair = tuple(sorted((leaf[int(one)], leaf[int(other)])))
        found[pair] = found.get(pair, 0) + 1
    assert found == {(0, 1): 20, (1, 2): 6, (2, 3): 20}
    assert fabric.bisection_Bps == 6 * 50e9


def test_latency_counts_a_circuit_as_one_link(make: Make) -> None:
    """Two fibres of 100 m at 4.9 ns/m, one pair of modules, one error correction, one more switch."""
    fabric = make("ocs", nodes=128, pod_nodes=64, protocol="roce")
    spine, ocs = fabric.network.tiers[-2:]
    medium = fabric.catalog.get("media", "optic_800g_2xfr4_dsp")
    fec_s = fabric.catalog.get("media", "fec_rs544_kp4").si("latency_ns")
    switch_s = fabric.catalog.get("switches", "arista_7060x6_64pe").si("latency_ns")
    expected = 200 * 4.9e-9 + medium.si("latency_ns_added_link") + fec_s + switch_s
    assert ocs.latency_s - spine.latency_s == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"circuits": [[0, 9, 1]]}, ConfigError, "scale_out.circuits: [0, 9, 1] joins block 9; there are 0 to 3"),
        ({"circuits": [[1, 1, 1]]}, ConfigError, "block 1 with itself"),
        ({"circuits": [[0, 1, 999]]}, ConfigError, "scale_out.circuits: block 0 has 999 circuits"),
        ({"circuits": [[0, 1]]}, ConfigError, "scale_out.circuits"),
        ({"ocs": "palomar"}, ConfigError, "scale_out.ocs: unknown"),
        ({"ocs": "onetouch_tflt_8x8", "leaf_nodes": 1}, InfeasibleError, "scale_out.ocs: 16 blocks take 16 ports"),
        ({"blocks": "racks"}, ConfigError, "scale_out.blocks"),
    ],
)
def test_refusals(make: Make, options: dict[str, object], error: type[WeftError], says: str) -> None:
    with pytest.raises(error) as caught:
        make("ocs", nodes=16, gpus=8, **{"blocks": "leaves", "leaf_nodes": 4, **options})
    assert says in str(caught.value)
