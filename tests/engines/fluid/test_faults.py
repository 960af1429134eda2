"""Faults in the middle of a collective, against arithmetic: what is left of the capacity, for how long.

Two collectives without latency to speak of: a ring over all ranks, which fills the uplinks of every leaf (2:1), and a
single flow between leaves, which has all the uplinks it wants.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from fluid_cases import bench, cluster

from weft.errors import ConfigError, InfeasibleError
from weft.fabric.routing_options import Routing
from weft.fabric.tables import Kind
from weft.routing.router import make_router

SIZE = 1e9
#: Four leaves of two nodes; eight uplinks each, four to either spine.
FABRIC = cluster(8, radix=24, oversubscription=2)
RING, FLOW = range(64), (0, 63)


def seconds(ranks: Any, *faults: dict[str, Any], **routing: Any) -> float:
    kind, algorithm = ("all_gather", "ring") if ranks is RING else ("send_recv", "direct")
    scenario = {"faults": list(faults)} if faults else None
    run = bench(FABRIC, kind, ranks, SIZE, algorithm=algorithm, scenario=scenario, named="ideal", **routing)
    return run.run(SIZE).time_s


def latency_s(ranks: Any) -> float:
    """What passes before the first byte moves, and does not depend on capacity."""
    kind, algorithm = ("all_gather", "ring") if ranks is RING else ("send_recv", "direct")
    return bench(FABRIC, kind, ranks, SIZE, algorithm=algorithm, named="ideal").run(SIZE).latency_s


def end_s(whole_s: float, begin_s: float, *changes: tuple[float, float]) -> float:
    """When what takes until ``whole_s`` at full rate ends, with the rate multiplied from given times on."""
    left, now, rate = whole_s - begin_s, begin_s, 1.0
    for at, then in (*changes, (math.inf, 0.0)):
        if left <= (at - now) * rate:
            break
        left, now, rate = left - (at - now) * rate, at, then
    return now + left / rate


def uplink(cable: int, at: float, **more: Any) -> dict[str, Any]:
    return {"link": ["leaf0", "spine0"], "cable": cable, "at": f"{at}s", **more}


@pytest.mark.parametrize("policy", ["adaptive", "spray"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("reroute", ["0s", "1ms", "10s"])
def test_one_of_eight_uplinks_dies(policy: str, part: float, reroute: str) -> None:
    """Packets leave out a dead port at once: nothing stalls, seven eighths are left, whenever routing hears of it."""
    whole, begin = seconds(RING, policy=policy), latency_s(RING)
    at = part * whole
    found = seconds(RING, uplink(0, at, reroute=reroute), policy=policy)
    assert found == pytest.approx(end_s(whole, begin, (max(at, begin), 7 / 8)), rel=1e-6)


def test_it_is_mended() -> None:
    whole, begin = seconds(RING), latency_s(RING)
    at, until = 0.2 * whole, 0.7 * whole
    found = seconds(RING, uplink(1, at, until=f"{until}s", reroute="0s"))
    assert found == pytest.approx(end_s(whole, begin, (at, 7 / 8), (until, 1.0)), rel=1e-6)


def test_a_cable_at_half_its_rate() -> None:
    whole, begin = seconds(RING), latency_s(RING)
    at = 0.5 * whole
    found = seconds(RING, uplink(2, at, rate=0.5, reroute="0s"))
    assert found == pytest.approx(end_s(whole, begin, (at, 7.5 / 8)), rel=1e-6)


def test_faults_overlap_and_the_worst_decides() -> None:
    """One cable slow and then dead, a second one dead meanwhile."""
    whole, begin = seconds(RING), latency_s(RING)
    t = [0.2 * whole, 0.3 * whole, 0.5 * whole, 0.6 * whole, 0.8 * whole]
    found = seconds(
        RING,
        uplink(0, t[0], rate=0.5, until=f"{t[4]}s", reroute="0s"),
        uplink(0, t[1], until=f"{t[3]}s", reroute="0s"),
        uplink(3, t[2], reroute="0s"),
    )
    changes = [(t[0], 7.5 / 8), (t[1], 7 / 8), (t[2], 6 / 8), (t[3], 6.5 / 8), (t[4], 7 / 8)]
    assert found == pytest.approx(end_s(whole, begin, *changes), rel=1e-6)


def test_a_spine_dies() -> None:
    whole, begin = seconds(RING), latency_s(RING)
    found = seconds(RING, {"node": "spine1", "at": f"{0.4 * whole}s", "reroute": "0s"})
    assert found == pytest.approx(end_s(whole, begin, (0.4 * whole, 0.5)), rel=1e-6)


def spine_of_the_flow() -> str:
    """The spine that hashing has chosen, there and back."""
    router = make_router(FABRIC, Routing(policy="ecmp"))
    ends = FABRIC.rows(Kind.ACCELERATOR)[list(FLOW)]
    paths = router.route(ends, ends[::-1])
    names = " ".join(router.resources.name(row) for row in paths.resource.tolist())
    (found,) = {name for name in ("spine0", "spine1") if name in names}
    return found


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.01])
def test_a_hashed_flow_stalls_until_routing_knows(delay: float) -> None:
    whole = seconds(FLOW, policy="ecmp")
    fault = {"node": spine_of_the_flow(), "at": f"{0.5 * whole}s", "reroute": f"{delay}s"}
    assert seconds(FLOW, fault, policy="ecmp") == pytest.approx(whole + delay, rel=1e-6)


def test_a_hashed_flow_on_another_spine_hears_nothing() -> None:
    whole = seconds(FLOW, policy="ecmp")
    (other,) = {"spine0", "spine1"} - {spine_of_the_flow()}
    fault = {"node": other, "at": f"{0.5 * whole}s", "reroute": "1s"}
    assert seconds(FLOW, fault, policy="ecmp") == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("policy", ["adaptive", "spray"])
def test_a_sprayed_flow_loses_nothing(policy: str) -> None:
    whole = seconds(FLOW, policy=policy)
    assert seconds(FLOW, uplink(0, 0.5 * whole, reroute="1s"), policy=policy) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_a_nic_at_half_its_rate(policy: str) -> None:
    whole, begin = seconds(FLOW, policy=policy), latency_s(FLOW)
    at, until = 0.2 * whole, 0.6 * whole
    fault = {"node": "host0/nic0", "at": f"{at}s", "until": f"{until}s", "rate": 0.5, "reroute": "10s"}
    assert seconds(FLOW, fault, policy=policy) == pytest.approx(end_s(whole, begin, (at, 0.5), (until, 1.0)), rel=1e-6)


@pytest.mark.parametrize(("away", "delay", "lost"), [(0.004, 0.01, 0.004), (0.02, 0.005, 0.025), (0.02, 0.0, 0.02)])
def test_a_nic_dies_and_comes_back(away: float, delay: float, lost: float) -> None:
    """Once routing has given it up, it takes it up again as late; what is over before routing acts, it lets pass."""
    whole = seconds(FLOW)
    fault = {"node": "host0/nic0", "at": f"{0.5 * whole}s", "until": f"{0.5 * whole + away}s", "reroute": f"{delay}s"}
    assert seconds(FLOW, fault) == pytest.approx(whole + lost, rel=1e-6)


@pytest.mark.parametrize("node", ["host0/nic0", "leaf0", "leaf3"])
@pytest.mark.parametrize("at", ["0s", "5ms"])
@pytest.mark.parametrize("policy", ["adaptive", "ecmp"])
def test_a_partition_is_named_and_not_waited_for(node: str, at: str, policy: str) -> None:
    with pytest.raises(InfeasibleError, match=r"unreachable: send_recv of 2 ranks from 0 cannot finish"):
        seconds(FLOW, {"node": node, "at": at, "reroute": "1ms"}, policy=policy)


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"link": ["leaf0", "spine9"]}, "faults[1]"),
        ({"link": ["leaf0", "leaf1"]}, "faults[1].link"),
        ({"link": ["leaf0", "spine0"], "cable": 4}, "faults[1].cable"),
        ({"node": "pod7"}, "faults[1]"),
    ],
)
def test_faults_of_what_is_not_there(fault: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        seconds(FLOW, uplink(0, 0.0), fault)
    assert caught.value.field == field
