"""The reaction loop on the twin: after any faults, what can be reached is reached, and nothing else is touched."""

from __future__ import annotations

import itertools
import time
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.control import Change, Event, Group, Reaction, Twin
from weft.control.links import cable_of
from weft.control.twin import Delays, Fate
from weft.fabric import Cluster, build_fabric
from weft.underlay import Role, Underlay, build_underlay, next_hops

History = tuple[str, list[tuple[int, str, float, float]]]
NODE = {"system": "dgx_h100"}
FABRICS: dict[str, dict[str, Any]] = {
    "leaf_spine": {"topology": "leaf_spine", "radix": 8},
    "fat_tree": {"topology": "fat_tree", "radix": 8},
    "rail_optimised": {"topology": "rail_optimised"},
    "dragonfly": {"topology": "dragonfly", "a": 4, "h": 2, "p": 4},
    "hyperx": {"topology": "hyperx", "dims": [4, 2], "p": 8},
    "torus": {"topology": "torus", "dims": [2, 4], "p": 8},
}


@cache
def underlay_of(name: str, nodes: int = 4) -> Underlay:
    return build_underlay(build_fabric(Cluster(nodes=nodes, node=NODE, scale_out=FABRICS[name])))


def fabric_cables(underlay: Underlay) -> list[int]:
    """Of links between switches."""
    ports = (port for device in underlay.switches for port in device.ports if port.faces is Role.SWITCH)
    return sorted({cable_of(port) for port in ports})


def as_dict(groups: list[Group]) -> dict[tuple[str, str], Group]:
    return {(group.device, group.destination): group for group in groups}


def close_to(fate: Fate, delivered: float = 1.0, lost: float = 0.0) -> bool:
    return (fate.delivered, fate.lost, fate.looped) == pytest.approx((delivered, lost, 0.0))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A fabric, and faults: which cable, how, from when until when."""
    name = draw(st.sampled_from(sorted(FABRICS)))
    cables = fabric_cables(underlay_of(name))
    faults = draw(
        st.lists(
            st.tuples(
                st.sampled_from(cables),
                st.sampled_from(["cut", "silence"]),
                st.floats(0, 3),
                st.one_of(st.just(float("inf")), st.floats(0.2, 3)),
            ),
            max_size=5,
            unique_by=lambda fault: fault[0],
        )
    )
    return name, [(cable, how, at_s, at_s + lasts_s) for cable, how, at_s, lasts_s in faults]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_whatever_breaks_all_that_is_joined_is_reached(
    history: tuple[str, list[tuple[int, str, float, float]]],
) -> None:
    name, faults = history
    underlay = underlay_of(name)
    twin = Twin(underlay)
    for cable, how, at_s, until_s in faults:
        (twin.cut if how == "cut" else twin.silence)(cable, at_s, until_s)
    reaction = Reaction(underlay, twin)
    healthy = as_dict([*twin.groups()])
    # After each reaction nothing has gone in circles; time stands still while all is looked at
    while twin.now_s() < 8:
        before, already = as_dict([*twin.groups()]), len(twin.replaced)
        reacted = reaction.step(0.5)
        changed = {key: group for key, group in as_dict([*twin.groups()]).items() if before[key] != group}
        assert len(changed) == len(twin.replaced) - already == (reacted.replaced if reacted else 0)
        sample = list(itertools.islice(itertools.product(underlay.hosts, underlay.switches), 0, None, 17))
        assert all(twin.fate(a, b).looped == pytest.approx(0) for a, b in sample if b.prefix is not None)
    assert not reaction.unknown
    dead = {cable for cable, _, _, until_s in faults if until_s == float("inf")} - reaction.links.doubted
    routes = next_hops(underlay, dead)
    for (device, destination), group in as_dict([*twin.groups()]).items():
        at, to = underlay.device(device), underlay.device(destination)
        expected = tuple((port.name, 1) for port in routes.next_hops(at, to))
        if expected:
            assert group.hops == expected
            if at.role is Role.HOST or at.prefix is not None:
                assert close_to(twin.fate(at, to))
    if not dead:
        assert as_dict([*twin.groups()]) == healthy


def test_a_cut_replaces_the_groups_that_must_change_and_no_other() -> None:
    """4 leaves, 2 spines: by hand, the cut leaf loses a hop to 3 others, and each of them one to it."""
    underlay = small()
    leaf, spine = underlay.device("leaf1"), underlay.device("spine0")
    cable = next(port.cable for port in leaf.ports if port.peer == spine.number)
    twin = Twin(underlay, hosts=False)
    twin.cut(cable, 0.0)
    (reacted,) = react(twin, 1.0)
    touched = {(group.device, group.destination) for group in twin.replaced}
    others = [f"leaf{n}" for n in (0, 2, 3)]
    assert touched == {("leaf1", other) for other in others} | {(other, "leaf1") for other in others}
    assert (reacted.replaced, reacted.destinations, reacted.failed) == (6, 4, ())
    # The spine cannot reach the leaf any more, and keeps what it has
    assert reacted.kept == 1
    assert twin.group("spine0", "leaf1") is not None


def small() -> Underlay:
    """4 leaves with 2 one-port hosts each, 2 spines."""
    node = {"system": "dgx_h100", "accelerators": 1, "nics": 1}
    scale_out = {"topology": "leaf_spine", "leaf_nodes": 2, "radix": 4}
    return build_underlay(build_fabric(Cluster(nodes=8, node=node, scale_out=scale_out)))


def react(twin: Twin, until_s: float, **more: Any) -> list[Any]:
    reaction = Reaction(twin.underlay, twin, **more)
    reaction.run(until_s)
    return reaction.log


@cache
def spines(spine: str = "spine0") -> tuple[Underlay, list[int]]:
    """The small network and the cables of a spine."""
    underlay = small()
    return underlay, [cable_of(port) for port in underlay.device(spine).ports]


def test_it_is_quick() -> None:
    """In processor time, as the twin has a clock of its own: 4 leaves within 5 ms, 128 devices within 30 ms."""
    underlay, cables = spines()
    large = build_underlay(
        build_fabric(
            Cluster(
                nodes=99,
                node={"system": "dgx_h100", "accelerators": 1, "nics": 1},
                scale_out={"topology": "leaf_spine", "leaf_nodes": 4, "radix": {"leaf": 8, "spine": 32}, "bundle": 1},
            )
        )
    )
    far = fabric_cables(large)
    assert (len(large.devices), len(far)) == (128, 100)
    for network, cable, most_s in ((underlay, cables[0], 0.005), (large, far[50], 0.030)):
        best = min(_seconds(network, cable) for _ in range(5))
        assert best < most_s


def _seconds(network: Underlay, cable: int) -> float:
    twin = Twin(network, hosts=False)
    twin.cut(cable, 0.0)
    reaction = Reaction(network, twin)
    began = time.process_time()
    reacted = reaction.step(1.0)
    assert reacted is not None
    assert reacted.replaced > 0
    return time.process_time() - began


def test_before_it_reacts_packets_are_lost_and_after_it_none() -> None:
    """A silent loss of one of two uplinks: by hand, half of what the leaf sends and of what it gets is lost."""
    underlay, cables = spines()
    leaf, other = underlay.device("leaf0"), underlay.device("leaf3")
    twin = Twin(underlay, Delays(silence_s=0.12), hosts=False)
    twin.silence(cables[0], 0.5)
    reaction = Reaction(underlay, twin)
    reaction.run(0.6)
    assert close_to(twin.fate(leaf, other), 0.5, 0.5)
    assert close_to(twin.fate(other, leaf), 0.5, 0.5)
    reaction.run(0.63)
    assert close_to(twin.fate(leaf, other))
    assert close_to(twin.fate(other, leaf))
    (reacted,) = reaction.log
    assert reacted.began_s == pytest.approx(0.62)
    assert reacted.acknowledged_s == pytest.approx(0.621)


def test_a_cut_is_mended_near_by_at_once_and_far_away_by_the_controller() -> None:
    underlay, cables = spines()
    leaf, other = underlay.device("leaf0"), underlay.device("leaf3")
    twin = Twin(underlay, Delays(carrier_s=0.01), hosts=False)
    twin.cut(cables[0], 0.5)
    reaction = Reaction(underlay, twin)
    reaction.run(0.505)
    assert close_to(twin.fate(leaf, other))
    assert close_to(twin.fate(other, leaf), 0.5, 0.5)
    reaction.run(0.52)
    assert close_to(twin.fate(other, leaf))


def test_a_device_without_a_next_hop_keeps_its_last_group() -> None:
    underlay = small()
    cables = [cable_of(port) for port in underlay.device("leaf0").ports if port.faces is Role.SWITCH]
    twin = Twin(underlay, hosts=False)
    twin.cut(cables[0], 0.5)
    twin.silence(cables[1], 1.0, 2.0)
    reaction = Reaction(underlay, twin)
    reaction.run(1.5)
    group = twin.group("leaf0", "leaf3")
    assert group is not None
    assert len(group.hops) == 1  # the silent one: were the belief wrong, packets would go through
    assert [reacted.kept for reacted in reaction.log] == [
        1,
        7,
    ]  # the spine to the leaf; then 3 leaves, 3 from it, a spine
    reaction.run(3.0)
    assert close_to(twin.fate(underlay.device("leaf0"), underlay.device("leaf3")))


def test_a_starved_controller_believes_no_silence() -> None:
    """Heartbeats of all 8 links go late, in two batches: all links are used again, but for one that was cut before."""
    underlay, cables = spines()
    twin = Twin(underlay, hosts=False)
    all_links = fabric_cables(underlay)
    twin.cut(cables[0], 0.1)
    reaction = Reaction(underlay, twin)
    reaction.run(0.5)
    cut_only = as_dict([*twin.groups()])
    for n, cable in enumerate(all_links):
        if cable != cables[0]:
            twin.silence(cable, 0.6 + 0.01 * (n > 3), 0.9 if cable != all_links[-1] else float("inf"))
    reaction.run(0.75)
    assert len(reaction.log[-1].events) > 0
    assert reaction.log[-1].doubted == 7
    assert as_dict([*twin.groups()]) == cut_only
    # Heartbeats are back on all but one: that one is believed
    reaction.run(2.0)
    assert reaction.links.doubted == set()
    silent = next(iter(reaction.links.silent))
    assert silent == all_links[-1]
    expected = next_hops(underlay, {cables[0], silent})
    for (device, destination), group in as_dict([*twin.groups()]).items():
        ports = expected.next_hops(underlay.device(device), underlay.device(destination))
        assert not ports or group.hops == tuple((port.name, 1) for port in ports)


def test_a_lost_spine_is_no_starvation() -> None:
    """Half of all links fall silent at once, all at one spine: believed."""
    underlay, cables = spines()
    twin = Twin(underlay, hosts=False)
    for cable in cables:
        twin.silence(cable, 0.1)
    (reacted,) = react(twin, 1.0)
    assert (reacted.doubted, reacted.replaced) == (0, 12)  # 4 leaves to 3 others each
    assert close_to(twin.fate(underlay.device("leaf0"), underlay.device("leaf3")))


def test_a_device_that_refuses_is_tried_again_until_it_does() -> None:
    underlay, cables = spines()
    twin = Twin(underlay, hosts=False)
    twin.refusing.add("leaf3")
    twin.cut(cables[0], 0.1)
    reaction = Reaction(underlay, twin)
    reaction.run(0.5)
    first = reaction.log[0]
    assert [(ack.group.device, ack.error) for ack in first.failed] == [("leaf3", "refused")]
    assert first.replaced == 5
    assert all(len(reacted.failed) == 1 for reacted in reaction.log)
    twin.refusing.clear()
    reaction.run(1.0)
    assert reaction.log[-1].failed == ()
    assert close_to(twin.fate(underlay.device("leaf3"), underlay.device("leaf0")))
    table = reaction.table()
    assert {len(column) for column in table.values()} == {len(table["event_s"])}
    assert table["groups_failed"][0] == 1
    assert table["groups_failed"][-1] == 0


def test_what_is_owed_is_forgotten_when_it_is_no_longer_wanted() -> None:
    underlay, cables = spines()
    twin = Twin(underlay, hosts=False)
    healthy = as_dict([*twin.groups()])
    twin.refusing.add("leaf3")
    twin.cut(cables[0], 0.1, 0.3)
    reaction = Reaction(underlay, twin)
    reaction.run(0.5)
    assert as_dict([*twin.groups()]) == healthy
    assert reaction.step(0.2) is None


def test_a_slow_link_gets_its_share_near_and_far() -> None:
    """25 % of its rate left: weights 1 to 4 at the leaf itself and at every leaf that sends to it; by hand."""
    underlay, cables = spines()
    twin = Twin(underlay, hosts=False)
    healthy = as_dict([*twin.groups()])
    twin.slow(cables[0], 0.25, 0.0, 5.0)
    reaction = Reaction(underlay, twin)
    reaction.run(3.0)
    changed = {key: group for key, group in as_dict([*twin.groups()]).items() if healthy[key] != group}
    assert changed.keys() == {("leaf0", f"leaf{n}") for n in (1, 2, 3)} | {(f"leaf{n}", "leaf0") for n in (1, 2, 3)}
    assert all([weight for _, weight in group.hops] == [1, 4] for group in changed.values())
    reaction.run(8.0)
    assert as_dict([*twin.groups()]) == healthy


def test_ports_that_the_design_does_not_have_are_told_apart() -> None:
    underlay = small()
    twin = Twin(underlay)
    twin.notice(Event(0.1, "leaf0", "mgmt0", Change.DOWN))
    reaction = Reaction(underlay, twin)
    reaction.run(1.0)
    assert [event.port for event in reaction.unknown] == ["mgmt0"]
    assert reaction.log == []
