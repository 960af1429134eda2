"""FRR in the lab: what it settles on is what the design predicts, whole and broken, and it goes when the lab goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_helpers import EXAMPLES, FAMILY, Udp, all_pairs

from weft.errors import InfeasibleError
from weft.export.configs import config_files
from weft.fabric import build_fabric, load_cluster
from weft.fabric.underlay_options import Bfd
from weft.lab import Lab, faults, lab_plan
from weft.lab.frr_backend import FrrBackend, designed_sets, ecmp_sets, folder_of, wait_converged
from weft.lab.frr_daemons import ask, ask_json
from weft.underlay import Underlay, build_underlay

CONVERGED_S = 30.0  # a few seconds alone on a machine; others may be at work on it


def leaf_spine(**underlay: Any) -> Underlay:
    """4 leaves, 2 spines, 8 hosts."""
    cluster = load_cluster(EXAMPLES / "leaf-spine" / "cluster.yaml")
    options = cluster.underlay.model_copy(update=underlay)
    return build_underlay(build_fabric(cluster.model_copy(update={"underlay": options})))


@pytest.fixture(scope="module")
def frr() -> None:
    lacks = FrrBackend().missing()
    if lacks:
        pytest.skip(f"no FRR lab on this machine: {'; '.join(lacks)}")


@pytest.fixture(scope="module")
def lab(frr: None) -> Iterator[Lab]:
    with Lab.up(lab_plan(leaf_spine()), FrrBackend(CONVERGED_S), family=FAMILY) as up:
        yield up


def by_hand() -> dict[tuple[str, str], frozenset[str]]:
    """Leaves send to leaves by both uplinks (swp3, swp4), spines by the one port to the leaf (swp1 ... swp4)."""
    leaves = [f"leaf{n}" for n in range(4)]
    found = {(a, b): frozenset({"swp3", "swp4"}) for a in leaves for b in leaves if a != b}
    return found | {(f"spine{s}", f"leaf{n}"): frozenset({f"swp{n + 1}"}) for s in range(2) for n in range(4)}


def test_equal_paths_are_the_designs(lab: Lab) -> None:
    assert ecmp_sets(lab) == designed_sets(lab) == by_hand()


def test_what_runs_is_what_is_exported(lab: Lab) -> None:
    exported = {name: text for name, text in config_files(leaf_spine(), "frr") if name.endswith(".conf")}
    assert len(exported) == 6
    for name, text in exported.items():
        assert (folder_of(lab, name.removesuffix(".conf")) / "frr.conf").read_text() == text


def test_remote_switches_see_one_prefix_a_leaf(lab: Lab) -> None:
    routes = ask_json(folder_of(lab, "leaf0"), "zebra", "show ip route bgp json")
    leaves = {f"10.0.{n}.0/24" for n in range(1, 4)}
    loopbacks = {f"{switch.loopback}/32" for switch in lab.plan.switches if switch.name != "leaf0"}
    assert set(routes) == leaves | loopbacks


def test_every_session_has_bfd(lab: Lab) -> None:
    for switch in lab.plan.switches:
        peers = ask_json(folder_of(lab, switch.name), "bfdd", "show bfd peers json")
        uplinks = 2 if switch.kind == "leaf" else 4
        assert len(peers) == uplinks
        assert {(peer["transmit-interval"], peer["detect-multiplier"]) for peer in peers} == {(100, 3)}


def test_every_host_hears_every_other(lab: Lab) -> None:
    pairs = all_pairs(lab)
    with Udp(lab) as udp:
        assert udp.heard(pairs, 3.0) == set(pairs)


def test_a_cut_link_is_routed_around_and_comes_back(lab: Lab) -> None:
    """The other leaves no longer send to leaf0 by the spine that lost it: remote news, that only BGP brings."""
    underlay = lab.underlay
    port = underlay.device("leaf0").port("swp3")
    link = lab.plan.link("leaf0", "spine0")
    faults.cut(lab, link)
    try:
        wait_converged(lab, CONVERGED_S, dead={port.cable})
        sets = ecmp_sets(lab)
        assert sets["leaf0", "leaf1"] == {"swp4"}
        assert sets["leaf1", "leaf0"] == {"swp4"}
        assert sets["leaf1", "leaf2"] == {"swp3", "swp4"}
        assert ("spine0", "leaf0") not in sets
    finally:
        faults.heal(lab, link)
    wait_converged(lab, CONVERGED_S)


def test_another_process_can_ask_it(lab: Lab) -> None:
    text = ask(folder_of(lab, "leaf0"), "bgpd", "show bgp summary")
    assert "local AS number 4200000000" in text
    with pytest.raises(InfeasibleError, match="does not know"):
        ask(folder_of(lab, "leaf0"), "bgpd", "show nonsense")
    with pytest.raises(InfeasibleError, match="does not answer"):
        ask(folder_of(lab, "leaf0"), "ospfd", "show version")


def test_numbered_sessions_without_bfd_settle_on_the_same(frr: None) -> None:
    with Lab.up(lab_plan(leaf_spine(bgp="numbered", bfd=Bfd(enabled=False))), FrrBackend(0), family=FAMILY) as up:
        wait_converged(up, CONVERGED_S)
        assert ecmp_sets(up) == by_hand()
        daemons = [int(path.read_text()) for path in (Path(up.folder) / "frr").glob("*/*.pid")]
        assert len(daemons) == 18
        assert all(os.path.exists(f"/proc/{pid}") for pid in daemons)
    assert not any(runs(pid) for pid in daemons)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_is_wrong_is_said(frr: None) -> None:
    """A spine whose ports are all down before anything has settled: some routes never come."""
    with Lab.up(lab_plan(leaf_spine()), FrrBackend(0), family=FAMILY) as up:
        faults.stop_node(up, up.plan.node("spine1"))
        with pytest.raises(InfeasibleError, match=r"after 4 s, \d+ of 20 routes are not as designed: \w+ sends to"):
            wait_converged(up, 4.0)
