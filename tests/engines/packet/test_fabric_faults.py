"""Faults while packets are under way: what is lost, who waits for whom, and bounds on when all has arrived.

One message between leaves, four leaves and two spines; a fault comes in its middle. A flow whose packets are lost sends
again after it has heard nothing for a while (the transport's ``rto_s``), so it takes what the fault takes, and up to
one such while more.
"""

from __future__ import annotations

from typing import Any

import pytest
from fluid_cases import cluster
from packet_fabrics import packets

from weft.engines.packet.bench import PacketBench
from weft.errors import InfeasibleError

SIZE, ENDS = 32e6, (0, 63)
FABRIC = cluster(8, radix=24, oversubscription=2)


def run(*faults: dict[str, Any], background: list[dict[str, Any]] | None = None, **options: Any) -> tuple[float, Any]:
    """Seconds, and what became of the packets."""
    made = bench(*faults, background=background, **options)
    time_s = made.run(SIZE).time_s
    return time_s, made.outcome()


def bench(*faults: dict[str, Any], background: list[dict[str, Any]] | None = None, **options: Any) -> PacketBench:
    scenario = {"faults": list(faults), "background": background or []}
    return packets(FABRIC, "broadcast", ENDS, SIZE, algorithm="ring", named="ideal", scenario=scenario, **options)


def lost(found: Any) -> int:
    return int(found.port["dropped"].sum() + found.port["lost"].sum())


@pytest.fixture(scope="module")
def whole_s() -> float:
    return run()[0]


@pytest.fixture(scope="module")
def spine() -> str:
    """The spine that the hash has chosen."""
    _, found = run(policy="ecmp")
    busy = [found.network.port_name(row) for row in range(found.network.ports) if found.port["sent_bytes"][row] > SIZE]
    (chosen,) = (name.removeprefix("leaf0 -> ") for name in busy if name.startswith("leaf0 -> "))
    return chosen


@pytest.mark.parametrize("delay_s", [20e-6, 200e-6])
def test_a_dead_switch_loses_packets_until_routing_knows(whole_s: float, spine: str, delay_s: float) -> None:
    fault = {"node": spine, "at": f"{0.5 * whole_s}s", "reroute": f"{delay_s}s"}
    time_s, found = run(fault, policy="ecmp")
    window = found.settings.window_x * found.settings.bdp_bytes / found.settings.transport.mtu_bytes
    assert 0 < lost(found) <= 2 * window + 64 + delay_s / found.settings.rto_s * window
    assert found.flow["retransmissions"].sum() >= lost(found) / 2
    assert whole_s + delay_s - found.settings.rtt_s < time_s < whole_s + delay_s + 2 * found.settings.rto_s
    assert not found.unfinished


def test_another_switch_that_dies_loses_no_data(whole_s: float, spine: str) -> None:
    """Answers may go by it, without which the sender waits."""
    (other,) = {"spine0", "spine1"} - {spine}
    time_s, found = run({"node": other, "at": f"{0.5 * whole_s}s", "reroute": "20us"}, policy="ecmp")
    assert found.flow["duplicates"].sum() == found.flow["retransmissions"].sum()
    assert whole_s * (1 - 1e-9) <= time_s < whole_s + 20e-6 + 2 * found.settings.rto_s


def test_adaptive_switches_lose_what_was_on_the_link(whole_s: float) -> None:
    """They see that the port is dead, and use others at once."""
    faults = [{"link": ["leaf0", "spine0"], "cable": n, "at": f"{0.5 * whole_s}s", "reroute": "1s"} for n in range(3)]
    time_s, found = run(*faults)
    assert lost(found) <= 3 * 64
    assert whole_s <= time_s * (1 + 1e-9)
    assert time_s < whole_s + 2 * found.settings.rto_s


def test_a_port_at_half_its_rate(whole_s: float) -> None:
    """From a fifth to three fifths of the time: half of that is lost, and made up for at full rate."""
    at, until = 0.2 * whole_s, 0.6 * whole_s
    time_s, _ = run({"node": "host0/nic0", "rate": 0.5, "at": f"{at}s", "until": f"{until}s", "reroute": "0s"})
    assert time_s == pytest.approx(whole_s + (until - at) / 2, rel=0.03)


def test_a_nic_that_stalls(whole_s: float) -> None:
    """It sends nothing for a while, which routing never hears of."""
    stall_s = 100e-6
    at = 0.4 * whole_s
    time_s, found = run({"node": "host0/nic0", "at": f"{at}s", "until": f"{at + stall_s}s"})
    assert whole_s + stall_s - found.settings.rtt_s < time_s < whole_s + stall_s + 2 * found.settings.rto_s
    assert not found.unfinished


@pytest.mark.parametrize("times", [2, 5])
def test_a_link_that_flaps(whole_s: float, times: int) -> None:
    """The cable of the only port: each time it is down costs that long, and up to the silence before sending again."""
    down_s, every_s = 20e-6, 0.15 * whole_s
    faults = []
    for n in range(times):
        at = 0.1 * whole_s + n * every_s
        faults.append({"link": ["host0/nic0", "leaf0"], "at": f"{at}s", "until": f"{at + down_s}s", "reroute": "1ms"})
    time_s, found = run(*faults)
    assert whole_s + times * (down_s - found.settings.rtt_s) < time_s
    assert time_s < whole_s + times * (down_s + 2 * found.settings.rto_s)
    assert lost(found) >= times
    assert not found.unfinished


def test_the_same_run_gives_the_same_answer(whole_s: float, spine: str) -> None:
    fault = {"node": spine, "at": f"{0.5 * whole_s}s", "reroute": "50us"}
    answers = []
    for _ in range(2):
        time_s, found = run(fault, policy="ecmp")
        answers.append((time_s, {name: column.tolist() for name, column in found.port.items()}))
    assert answers[0] == answers[1]


def test_what_is_cut_off_is_said(whole_s: float) -> None:
    with pytest.raises(InfeasibleError, match=r"unreachable: broadcast of 2 ranks from 0 cannot finish") as error:
        run({"node": "leaf0", "at": f"{0.5 * whole_s}s"})
    assert "\n" not in str(error.value)


def test_it_waits_for_what_is_mended(whole_s: float) -> None:
    at, until = 0.5 * whole_s, 3e-3
    time_s, found = run({"node": "leaf0", "at": f"{at}s", "until": f"{until}s"})
    left_s = 0.5 * whole_s
    assert until + left_s - found.settings.rtt_s < time_s
    assert time_s < until + left_s + 64 * found.settings.rto_s  # silence doubles while nothing is heard


def test_traffic_of_others_stops_when_it_is_withdrawn(whole_s: float) -> None:
    """It shares a port for a while; afterwards nothing of it arrives, and the rest goes at full rate."""
    start_s, until_s = 0.2 * whole_s, 0.5 * whole_s
    other = {"pairs": [["host1/gpu7", "host7/gpu7"]], "start": f"{start_s}s", "until": f"{until_s}s"}
    made = bench(background=[other])
    time_s = made.run(SIZE).time_s
    found, simulation = made.outcome(), made.prepared.engine.simulation
    taken_s = time_s - whole_s
    assert 0.3 * (until_s - start_s) < taken_s < 0.7 * (until_s - start_s)
    into = [found.network.port_name(port) for port in range(found.network.ports)].index("leaf3 -> host7/nic7")
    wire = int((found.flow["size_bytes"] + found.flow["packets"] * 64).sum())
    others = int(found.port["sent_bytes"][into]) - wire
    rate_Bps = float(found.network.rate_Bps[into])
    assert others == pytest.approx(taken_s * rate_Bps, rel=0.1)
    assert int(simulation.world.running) <= 1
