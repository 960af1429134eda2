"""The reaction loop on Open vSwitches: a real all-reduce survives a cut that only the far switch sees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lab_helpers import FAMILY

from weft.fabric import build_fabric, load_cluster
from weft.lab import Lab, lab_plan
from weft.lab.ovs_southbound import OvsSouthbound
from weft.lab.probe import lacking
from weft.underlay import build_underlay

# Four hosts, two leaves, two spines
CLUSTER = """
nodes: 4
node: {accelerator: h100_sxm, accelerators: 1, nic: cx5, nics: 1}
scale_out: {topology: leaf_spine, protocol: roce, switch: bcm_tomahawk3, leaf_nodes: 2, bundle: 1}
"""


@pytest.fixture(scope="module")
def lab(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lacks = lacking(["tun", "ovs"])
    if lacks:
        pytest.skip("; ".join(lacks))
    path: Path = tmp_path_factory.mktemp("ovs") / "cluster.yaml"
    path.write_text(CLUSTER)
    plan = lab_plan(build_underlay(build_fabric(load_cluster(path))), source=str(path))
    with Lab.up(plan, "ovs", family=FAMILY) as found:
        yield found


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed: pip install 'weft[lab]'")
@pytest.mark.parametrize(("how", "noticed"), [("cut", "down"), ("silent", "silent")])
def test_a_job_survives(lab: Lab, weft: Callable[..., Any], how: str, noticed: str) -> None:
    """By hand, two groups: the leaf that lost the link towards the other, and the other towards it."""
    with OvsSouthbound(lab) as southbound:
        before = set(southbound.groups())
    words = ("all_reduce", "--size", "500kB", "--iterations", 40, "--react", "--fail", "busiest", "--how", how)
    ran = weft("lab", "run", *words, "--at", "0.5s", "--timeout", "20s", "--run", lab.run, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert (found["backend"], found["error"], len(found["steps_s"])) == ("ovs", "", 40)
    replaced = [reaction for reaction in found["reactions"] if reaction["groups_replaced"]]
    assert {event["change"] for event in replaced[0]["events"]} == {noticed}
    assert replaced[0]["groups_replaced"] == 2
    assert all(reaction["groups_failed"] == [] for reaction in found["reactions"])
    with OvsSouthbound(lab) as southbound:
        assert set(southbound.groups()) == before
