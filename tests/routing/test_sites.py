"""Several sites: over long-haul bundles, directly or through a third."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.fabric import Cluster, Domain, Fabric, build_fabric

Make = Callable[..., Any]


def _fabric(topology: dict[str, Any], routes: list[list[str]] | None = None) -> Fabric:
    haul: dict[str, Any] = {"links": 8, "rate": "400Gb/s", "distance": "80km"}
    if routes:
        haul["routes"] = [{"between": pair} for pair in routes]
    spec = {
        "nodes": 24,
        "node": {"accelerator": "h100_sxm", "accelerators": 2, "nic": "cx7", "nics": 2},
        "scale_out": topology,
        "sites": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
        "long_haul": haul,
    }
    return build_fabric(Cluster.model_validate(spec))


TOPOLOGIES = [
    {"topology": "leaf_spine", "leaf_nodes": 2},
    {"topology": "fat_tree", "leaf_nodes": 1, "pod_nodes": 4},
    {"topology": "rail_only"},
    {"topology": "rail_optimised", "unit_nodes": 4},
]


@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
@pytest.mark.parametrize("topology", TOPOLOGIES, ids=lambda topology: topology["topology"])
def test_sites_reach_each_other_at_the_latency_of_the_fibre(
    checked: Make, topology: dict[str, Any], policy: str
) -> None:
    one = checked(policy=policy, fabric=_fabric(topology))
    src, dst = np.repeat(np.arange(0, 48, 5), 10), np.tile(np.arange(0, 48, 5), 10)
    paths = one.route(src, dst)
    assert paths.reachable.all()
    one.assert_flows(paths, one.gpus[src], one.gpus[dst])
    tier = one.fabric.network.tiers[-1]
    far = (src // 16 != dst // 16) & (src % 2 == dst % 2)  # no change of rails on the way
    if policy == "adaptive":
        assert paths.latency_s[far] == pytest.approx(tier.latency_s + one.fabric.plan.nic_latency_s)
    else:  # a shortest path, which a long-haul link at the right switch may make shorter
        assert (paths.latency_s[far] <= tier.latency_s + one.fabric.plan.nic_latency_s + 1e-12).all()
    hauls = one.fabric.links.domain == Domain.LONG_HAUL
    carried = sum(
        share for flow in np.flatnonzero(far) for link, share in one.links_of(paths, flow).items() if hauls[link]
    )
    assert carried == pytest.approx(np.count_nonzero(far))


@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_sites_in_a_line_pass_traffic_on_and_a_cut_parts_them(checked: Make, policy: str) -> None:
    fabric = _fabric(TOPOLOGIES[0], [["a", "b"], ["b", "c"]])
    paths = checked(policy=policy, fabric=fabric).route([0, 0], [16, 32])
    assert paths.reachable.all()
    assert paths.latency_s[1] - paths.latency_s[0] > 3.9e-4  # another 80 km of fibre
    hauls = np.flatnonzero(fabric.links.domain == Domain.LONG_HAUL)
    alive = np.ones(len(fabric.links), bool)
    alive[hauls[len(hauls) // 2 :]] = False  # between b and c
    cut = checked(policy=policy, fabric=fabric, alive=alive).route([0, 0, 33], [16, 32, 40])
    assert cut.reachable.tolist() == [True, False, True]
