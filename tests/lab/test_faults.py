"""Faults do what they say, seen by packets and by counters, and healing undoes them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from lab_helpers import Udp, all_pairs, sent, socket_in

from weft.errors import ConfigError
from weft.lab import Lab, faults
from weft.lab.netlink.links import counters
from weft.lab.status import link_statuses, status


@pytest.fixture
def lab(leaf_spine: Lab) -> Iterator[Lab]:
    yield leaf_spine
    faults.heal_all(leaf_spine)


def states(lab: Lab) -> dict[tuple[str, str], str]:
    return {(found.link.a, found.link.b): found.state for found in link_statuses(lab, 0.02)}


def whole(lab: Lab) -> bool:
    pairs = all_pairs(lab)
    with Udp(lab) as udp:
        return udp.heard(pairs, 2.0) == set(pairs) and set(states(lab).values()) == {"up"}


def test_a_cut_link_is_down_and_near_ends_go_round_it(lab: Lab) -> None:
    faults.cut(lab, lab.plan.link("leaf0", "spine1"))
    assert [ends for ends, state in states(lab).items() if state == "down"] == [("leaf0", "spine1")]
    from_leaf0 = [(host, address) for host, address in all_pairs(lab) if host in ("host0", "host1")]
    before = sent(lab)
    with Udp(lab) as udp:
        assert udp.heard(from_leaf0, 2.0) == set(from_leaf0)
    after = sent(lab)
    assert after["leaf0", "swp4"] == before["leaf0", "swp4"]
    faults.heal(lab, lab.plan.link("spine1", "leaf0"))
    assert whole(lab)


def test_a_silent_link_counts_what_it_loses_as_sent(lab: Lab) -> None:
    link = lab.plan.link("host0", "leaf0")
    faults.silent(lab, link)
    assert states(lab)["host0", "leaf0"] == "silent"
    socket = lab.sockets["leaf0"]
    index = lab.index("leaf0", "swp1")
    heard_before, sent_before = dict(counters(socket))[index], sent(lab)
    with Udp(lab) as udp:
        assert udp.heard([("host0", lab.plan.node("host5").ports[0].address)] * 10, 0.3) == set()
        assert udp.heard([("host5", lab.plan.node("host0").ports[0].address)] * 10, 0.3) == set()
        assert sent(lab)["host0", "eth0"] == sent_before["host0", "eth0"] + 10
        assert sent(lab)["leaf0", "swp1"] == sent_before["leaf0", "swp1"] + 10
        assert dict(counters(socket))[index].transmit_packets == heard_before.transmit_packets + 10
        others = [
            pair for pair in all_pairs(lab) if pair[0] != "host0" and pair[1] != lab.plan.hosts[0].ports[0].address
        ]
        assert udp.heard(others, 2.0) == set(others)
    faults.heal(lab, link)
    assert whole(lab)


def test_a_degraded_link_carries_its_share(lab: Lab) -> None:
    """Bytes through the queue in half a second, against the rate: 20% of 12.5 MB/s, and the bucket's one burst."""
    link = lab.plan.link("host2", "leaf1")
    faults.degrade(lab, link, 0.2)
    assert states(lab)["host2", "leaf1"] == "degraded"
    node, index = lab.sockets["host2"], lab.index("host2", "eth0")
    target = lab.plan.node("host3").ports[0].address
    with socket_in(lab, "host2") as flood:
        flood.setblocking(False)
        before, began_s = dict(counters(node))[index].transmit_bytes, time.monotonic()
        while time.monotonic() < began_s + 0.6:
            try:
                flood.sendto(b"x" * 1400, (target, 9))
            except BlockingIOError:
                time.sleep(0.001)
        took_s, carried = time.monotonic() - began_s, dict(counters(node))[index].transmit_bytes - before
    assert 0.75 * 2.5e6 * took_s < carried < 1.05 * 2.5e6 * took_s + lab.plan.burst_bytes
    found = next(one for one in status(lab, 0.02)["links"] if one["a"] == "host2")
    assert found["rate_Bps"] == pytest.approx(2.5e6)
    faults.heal(lab, link)
    time.sleep(0.1)
    assert whole(lab)


@pytest.mark.parametrize("share", [0.0, -0.2, 1.5])
def test_shares_that_cannot_be(lab: Lab, share: float) -> None:
    with pytest.raises(ConfigError, match=r"--to: a degraded link keeps between 0.1% and 100% of its rate"):
        faults.degrade(lab, lab.plan.link("leaf0", "spine1"), share)


def test_a_flapping_link_goes_down_as_often_as_asked_and_ends_whole(lab: Lab) -> None:
    link = lab.plan.link("leaf2", "spine0")
    seen = []
    faults.flap(lab, link, 0.02, 3, pause=lambda _: seen.append(states(lab)["leaf2", "spine0"]))
    assert seen == ["down", "up"] * 3
    assert whole(lab)


def test_a_flapping_link_is_whole_when_interrupted(lab: Lab) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faults.flap(lab, lab.plan.link("leaf2", "spine0"), 1.0, 3, pause=interrupt)
    assert whole(lab)


def test_a_lost_switch_takes_its_links_along(lab: Lab) -> None:
    faults.stop_node(lab, lab.plan.node("spine1"))
    assert {ends for ends, state in states(lab).items() if state == "down"} == {
        (f"leaf{n}", "spine1") for n in range(4)
    }
    pairs = all_pairs(lab)
    with Udp(lab) as udp:
        assert udp.heard(pairs, 2.0) == set(pairs)
    faults.heal_node(lab, lab.plan.node("spine1"))
    assert whole(lab)


def test_a_lost_host_loses_its_processes(lab: Lab) -> None:
    process = lab.spawn("host4", ["sleep", "60"])
    bystander = lab.spawn("host5", ["sleep", "60"])
    faults.stop_node(lab, lab.plan.node("host4"))
    assert process.wait(2) == -9
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert states(lab)["host4", "leaf2"] == "down"
    faults.heal_node(lab, lab.plan.node("host4"))
    assert whole(lab)


def test_what_was_done_is_on_record(lab: Lab) -> None:
    faults.cut(lab, lab.plan.link("leaf3", "spine0"))
    faults.heal_all(lab)
    events = status(lab, 0.01)["events"][-2:]
    assert [event["what"] for event in events] == ["link cut", "all healed"]
    assert (events[0]["a"], events[0]["b"]) == ("leaf3:swp3", "spine0:swp4")
