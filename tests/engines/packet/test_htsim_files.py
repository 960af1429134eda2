"""Connection matrices and topology files: what they say, and one line with the place for everything that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from weft.engines.packet.htsim_matrix import read_matrix
from weft.engines.packet.htsim_topology import read_topology
from weft.engines.packet.inputs import inputs_of
from weft.engines.packet.transport import Transport, settle
from weft.errors import ConfigError

HEAD = "Nodes 16\nConnections 1\n"
TOPO = """Nodes 32
Tiers 2
Podsize 32
Tier 0
Downlink_speed_Gbps 100
Radix_Down 8
Radix_Up 4
Oversubscribed 2
Downlink_Latency_ns 500
Switch_Latency_ns 300
Tier 1
Downlink_speed_Gbps 200
Radix_Down 4
Downlink_Latency_ns 700
"""
THREE = """Nodes 32
Tiers 3
Podsize 8
Tier 0
Downlink_speed_Gbps 100
Radix_Down 4
Radix_Up 4
Downlink_Latency_ns 1000
Tier 1
Downlink_speed_Gbps 100
Radix_Down 2
Radix_Up 2
Downlink_Latency_ns 1000
Tier 2
Downlink_speed_Gbps 100
Radix_Down 4
Downlink_Latency_ns 1000
"""


def write(folder: Path, text: str, name: str = "x.cm") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_matrix_says_who_sends_what_when(tmp_path: Path) -> None:
    matrix = read_matrix(
        write(
            tmp_path,
            "# who\nNodes 8\nConnections 4\nTriggers 2\nFailures 1\n\n"
            "0->1 id 1 start 5 size 1000 send_done_trigger 7\n"
            "2->1 id 2 size 2000 start 0 prio 3 recv_done_trigger 7\n"
            "1->3 id 3 trigger 7 size 3000 send_done_trigger 9\n"
            "3->4 id 4 trigger 9 size 4000\n"
            "trigger id 7 barrier count 2\ntrigger id 9 multishot\n"
            "failure switch_type AGG switch_id 1 link_id 0\n",
        )
    )
    flows = matrix.flows
    assert matrix.nodes == 8
    assert flows.src.tolist() == [0, 2, 1, 3]
    assert flows.dst.tolist() == [1, 1, 3, 4]
    assert flows.size_bytes.tolist() == [1000, 2000, 3000, 4000]
    assert flows.start_s.tolist() == pytest.approx([5e-6, 0, 0, 0])
    assert [(trigger.flows, trigger.need, trigger.each) for trigger in flows.triggers] == [
        ((2,), 2, False),
        ((3,), 1, True),
    ]
    assert sorted(flows.fires) == [(0, 0), (1, 0), (2, 1)]
    assert [(f.tier, f.switch, f.link, f.line) for f in matrix.failures] == [(1, 1, 0, 13)]


def test_older_programs_count_starts_in_picoseconds(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "0->1 start 5000000 size 1\n")
    assert read_matrix(path, start_unit_s=1e-12).flows.start_s[0] == pytest.approx(5e-6)
    with pytest.raises(ConfigError, match=r"x.cm:3: start: 5000000\d* is out of range"):
        read_matrix(write(tmp_path, HEAD + "0->1 start 5000000000000 size 1\n"))


def test_messages_of_a_connection_are_one_flow(tmp_path: Path) -> None:
    text = "Nodes 4\nConnections 3\n" + "".join(f"0->1 id 1 start 0 size 100 msg {i}\n" for i in range(3))
    flows = read_matrix(write(tmp_path, text)).flows
    assert (len(flows), flows.size_bytes.tolist()) == (1, [300])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ": is empty"),
        ("# nothing\n", ": is empty"),
        ("Connections 0\n", ": Nodes: has no Nodes N"),
        ("Nodes\n", ":1: Nodes: a whole number"),
        ("Nodes many\n", ":1: Nodes: a whole number belongs here, read 'many'"),
        ("Nodes 1\n", ":1: Nodes: 1 is out of range"),
        ("Nodes --4\n", ":1: Nodes: a whole number"),
        ("Nodes 9" + "9" * 5000 + "\n", ":1: Nodes:"),
        ("Nodes 4\nNodes 4\n", ":2: Nodes stands twice"),
        ("0->1 start 0 size 1\n", ":1: Nodes N stands before the first flow"),
        ("Nodes 4\nConections 1\n", ":2: a line begins with"),
        ("Nodes 4\nConnections 2\n0->1 start 0 size 1\n", ": Connections: says Connections 2, and has 1"),
        ("Nodes 4\nTriggers 1\n", ": Triggers: says Triggers 1, and has 0"),
        ("Nodes 4\nFailures 1\n", ": Failures: says Failures 1, and has 0"),
        (HEAD + "0->16 start 0 size 1\n", ":3: DST: 16 is out of range; 0 to 15"),
        (HEAD + "-1->2 start 0 size 1\n", ":3: SRC: -1 is out of range"),
        (HEAD + "0->1->2 start 0 size 1\n", ":3: a flow goes from SRC->DST"),
        (HEAD + "->1 start 0 size 1\n", ":3: SRC: a whole number"),
        (HEAD + "0->x start 0 size 1\n", ":3: DST: a whole number belongs here, read 'x'"),
        (HEAD + "3->3 start 0 size 1\n", ":3: host 3 sends to itself"),
        (HEAD + "0->1 start 0\n", ":3: size: size BYTES is missing"),
        (HEAD + "0->1 start 0 size\n", ":3: size: a whole number"),
        (HEAD + "0->1 start 0 size 0\n", ":3: size: 0 is out of range"),
        (HEAD + "0->1 start 0 size 2147483648\n", ":3: size: 2147483648 is out of range; 1 to 2147483647"),
        (HEAD + "0->1 start 0 size 1e6\n", ":3: size: a whole number belongs here, read '1e6'"),
        (HEAD + "0->1 size 1\n", ":3: a flow has one of start T and trigger G"),
        (HEAD + "0->1 start 0 trigger 1 size 1\n", ":3: a flow has one of start T and trigger G"),
        (HEAD + "0->1 start -1 size 1\n", ":3: start: -1 is out of range"),
        (HEAD + "0->1 id 0 start 0 size 1\n", ":3: id: 0 is out of range"),
        (HEAD + "0->1 strat 0 size 1\n", ":3: id, start, trigger, size,"),
        (HEAD + "0->1 id 1 trigger 5 size 1\n", ":3: trigger: there is no trigger 5"),
        (HEAD + "0->1 start 0 size 1 send_done_trigger 5\n", ":3: trigger: there is no trigger 5"),
        ("Nodes 4\nConnections 2\n" + "0->1 id 1 start 0 size 1\n" * 2, ":4: id: id 1 stands twice"),
        ("Nodes 4\nTriggers 1\ntrigger id 1 once\n", ":3: reads trigger id G oneshot|multishot|barrier"),
        ("Nodes 4\nTriggers 1\ntrigger 1 oneshot\n", ":3: reads trigger id G"),
        ("Nodes 4\nTriggers 1\ntrigger id 0 oneshot\n", ":3: id: 0 is out of range"),
        ("Nodes 4\nTriggers 1\ntrigger id 1 barrier count\n", ":3: count: a whole number"),
        ("Nodes 4\nTriggers 1\ntrigger id 1 barrier 2\n", ":3: reads trigger id G"),
        ("Nodes 4\nTriggers 2\n" + "trigger id 1 oneshot\n" * 2, ":4: id: trigger 1 stands twice"),
        ("Nodes 4\nFailures 1\nfailure AGG 0 0\n", ":3: reads failure switch_type TOR|AGG|CORE"),
        ("Nodes 4\nFailures 1\nfailure switch_type NIC switch_id 0 link_id 0\n", ":3: switch_type: TOR, AGG or CORE"),
        ("Nodes 4\nFailures 1\nfailure switch_type AGG switch_id a link_id 0\n", ":3: switch_id: a whole number"),
    ],
)
def test_a_wrong_matrix_is_one_line_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_matrix(write(tmp_path, text))
    assert str(error.value).startswith(f"{tmp_path}/x.cm{says}")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("Nodes 32\n", "", ": Nodes is missing"),
        ("Tiers 2\n", "Tiers 4\n", ": Tiers: 4 tiers; 2 or 3"),
        ("Podsize 32\n", "Podsize\n", ":3: Podsize: a whole number"),
        ("Podsize 32\n", "Podsize 32\nPodsize 32\n", ":4: Podsize stands twice"),
        ("Tier 1\n", "Tier 0\n", ":11: Tier 0 stands twice"),
        ("Tier 1\n", "Tier 7\n", ":11: Tier: 7 is out of range; 0 to 2"),
        ("Radix_Down 8\n", "Radix_Dwon 8\n", ":6: unknown key 'Radix_Dwon'"),
        ("Podsize 32\n", "Podsizes 32\n", ":3: unknown key 'Podsizes'"),
        ("Downlink_speed_Gbps 100\n", "Downlink_speed_Gbps 0\n", ":5: Downlink_speed_Gbps: 0 is out of range"),
        ("Downlink_speed_Gbps 100\n", "Downlink_speed_Gbps 12.5\n", ":5: Downlink_speed_Gbps: a whole number"),
        ("Downlink_Latency_ns 500\n", "", ": downlink_latency_ns: Tier 0 has no downlink_latency_ns"),
        ("Radix_Up 4\n", "", ": radix_up: Tier 0 has no radix_up"),
        ("Radix_Up 4\n", "Radix_Up 2\n", ": Oversubscribed: 8 ports down over 2 up are not oversubscribed 2:1"),
        ("Radix_Down 4\n", "Radix_Down 3\n", ": Radix_Down: a spine with 3 ports down cannot reach 4 leaves"),
        ("Radix_Down 8\n", "Radix_Down 5\n", ""),
        ("Oversubscribed 2\n", "Oversubscribed 2\nBundle 2\n", ": Bundle: hosts have one link"),
    ],
)
def test_a_wrong_topology_is_one_line_with_its_place(tmp_path: Path, was: str, now: str, says: str) -> None:
    assert was in TOPO
    with pytest.raises(ConfigError) as error:
        read_topology(write(tmp_path, TOPO.replace(was, now, 1), "x.topo"))
    assert str(error.value).startswith(f"{tmp_path}/x.topo{says}")
    assert "\n" not in str(error.value)


def test_a_topology_has_its_rates_and_latencies(tmp_path: Path) -> None:
    network = read_topology(write(tmp_path, TOPO, "x.topo")).network()
    assert (network.hosts, network.switches, len(network.link_src)) == (32, 8, 32)
    assert set(network.rate_Bps[:64]) == {12.5e9}
    assert set(network.rate_Bps[64:]) == {25e9}
    assert network.latency_s[0] == pytest.approx(800e-9)  # the wire, and the leaf
    assert network.latency_s[32] == pytest.approx(500e-9)
    assert network.oversubscription() == pytest.approx(1.0)  # 8 x 100 Gb/s over 4 x 200 Gb/s


@pytest.mark.parametrize("name", ["absent.cm", "."])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    for read in (read_matrix, read_topology):
        with pytest.raises(ConfigError, match="cannot be read"):
            read(tmp_path / name)


def test_a_binary_file_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.cm").write_bytes(b"\xff\xfe\x00Nodes")
    with pytest.raises(ConfigError, match="is not a text file"):
        read_matrix(tmp_path / "x.cm")


# --- failures


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("TOR switch_id 3 link_id 1", ("leaf3", "spine5")),  # of pod 1, that has spines 4 to 7
        ("AGG switch_id 5 link_id 1", ("spine5", "core5")),
        ("CORE switch_id 2 link_id 3", ("spine14", "core2")),
    ],
)
def test_failed_links_are_in_no_table(tmp_path: Path, line: str, ends: tuple[str, str]) -> None:
    matrix = write(tmp_path, f"Nodes 32\nConnections 1\nFailures 1\n0->31 start 0 size 9\nfailure switch_type {line}\n")
    network = inputs_of(matrix, write(tmp_path, THREE, "x.topo")).network
    assert network.weight is not None
    down = np.flatnonzero(network.weight == 0)
    named = {network.port_name(2 * network.hosts + int(link)) for link in down}
    assert named == {f"{ends[0]} -> {ends[1]}", f"{ends[1]} -> {ends[0]}"}
    assert len(down) == 2
    assert not set((down + 2 * network.hosts).tolist()) & set(network.tables().port.tolist())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("AGG switch_id 16 link_id 0", "x.cm:5: switch_id: there is no AGG switch 16; 0 to 15"),
        ("AGG switch_id 0 link_id 2", "x.cm:5: link_id: AGG switch 0 has no link 2; 0 to 1"),
        ("CORE switch_id 8 link_id 0", "x.cm:5: switch_id: there is no CORE switch 8; 0 to 7"),
    ],
)
def test_failures_of_what_is_not_there(tmp_path: Path, line: str, says: str) -> None:
    matrix = write(tmp_path, f"Nodes 32\nConnections 1\nFailures 1\n0->31 start 0 size 9\nfailure switch_type {line}\n")
    with pytest.raises(ConfigError, match=re.escape(says)):
        inputs_of(matrix, write(tmp_path, THREE, "x.topo"))


# --- anything at all

_KNOWN = (
    "Nodes Connections Triggers Failures trigger failure id start size prio msg send_done_trigger recv_done_trigger "
    "oneshot multishot barrier count switch_type switch_id link_id AGG TOR CORE 0->1 1->0 2->3 -> 0-> 0 1 2 3 4 16 -1 "
    "--1 1.5 99999999999999999999999 ² # Tier Tiers Podsize Downlink_speed_Gbps Radix_Down Radix_Up Oversubscribed "
    "Bundle Queue_Up Switch_Latency_ns Downlink_Latency_ns"
)
_WORDS = st.sampled_from(_KNOWN.split())
_LINES = st.lists(st.one_of(_WORDS, st.text(max_size=6)), max_size=8).map(" ".join)
_TEXTS = st.one_of(st.text(max_size=200), st.lists(_LINES, max_size=12).map("\n".join))
_LENIENT = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(text=_TEXTS)
@example("Nodes 4\nConnections 1\n0->1 start 0 size ²")
@_LENIENT
def test_no_matrix_does_worse_than_an_error(tmp_path: Path, text: str) -> None:
    _never_worse(read_matrix, tmp_path, text)
    _never_worse(read_matrix, tmp_path, "Nodes 4\n" + text)


@given(text=_TEXTS, cut=st.integers(0, len(THREE)), drop=st.integers(0, 17))
@_LENIENT
def test_no_topology_does_worse_than_an_error(tmp_path: Path, text: str, cut: int, drop: int) -> None:
    _never_worse(read_topology, tmp_path, text)
    _never_worse(read_topology, tmp_path, THREE[:cut] + text)
    lines = THREE.splitlines()
    _never_worse(read_topology, tmp_path, "\n".join(lines[:drop] + lines[drop + 1 :]))


def _never_worse(read: object, folder: Path, text: str) -> None:
    path = folder / "any"
    path.write_text(text, "utf-8", errors="replace")
    try:
        read(path)  # type: ignore[operator]
    except ConfigError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(str(path))


def test_starts_may_have_decimals(tmp_path: Path) -> None:
    assert read_matrix(write(tmp_path, HEAD + "0->1 start 2.25 size 1\n")).flows.start_s[0] == pytest.approx(2.25e-6)
    for wrong in ("2.", ".5", "1e3", "nan", "-2.5", "٣.5", "9" * 13 + ".5"):
        with pytest.raises(ConfigError, match=r"x\.cm:3: start: "):
            read_matrix(write(tmp_path, HEAD + f"0->1 start {wrong} size 1\n"))


def test_latencies_whose_queues_no_memory_would_hold(tmp_path: Path) -> None:
    network = read_topology(write(tmp_path, TOPO.replace("_ns 700", "_ns 1000000000"), "x.topo")).network()
    with pytest.raises(ConfigError, match="100 Gb/s for a round trip of 4 s"):
        settle(Transport(), network)


def test_a_network_too_large_is_told_before_it_is_built(tmp_path: Path) -> None:
    text = TOPO.replace("Nodes 32", "Nodes 8000000").replace("Podsize 32", "Podsize 8000000")
    text = text.replace("Radix_Down 4", "Radix_Down 1000000")
    with pytest.raises(ConfigError, match=r"8,000,000 hosts at 1,000,000 of .* GB"):
        read_topology(write(tmp_path, text, "x.topo"))
