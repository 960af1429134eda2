"""`weft packet`: htsim's files in, figures, tables, pictures, timelines and metrics out, mistakes in one line."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet
import pytest

Weft = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "examples/packet"


@pytest.fixture
def topo(folder: Path) -> tuple[str, Path]:
    return "--topo", folder / "leaf-spine.topo"


@pytest.fixture(scope="module")
def prometheus(root: Path) -> ModuleType:
    """The parser of the exposition format that its own test has."""
    name = "exposition_parser"
    spec = importlib.util.spec_from_file_location(name, root / "tests/report/test_prometheus.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def answer(ran: Any) -> Any:
    assert (ran.code, ran.err) == (0, ""), ran
    return json.loads(ran.out)


@pytest.mark.parametrize("name", ["permutation", "incast", "ring-all-reduce"])
@pytest.mark.parametrize("transport", ["nscc", "rccc", "both"])
def test_examples_run_unchanged(weft: Weft, folder: Path, topo: Any, name: str, transport: str) -> None:
    read = answer(weft("packet", folder / f"{name}.cm", *topo, "--transport", transport, "--json"))
    assert read["schema"] == "weft.packet/1"
    assert read["unfinished"]["flows"] == 0
    fct = read["fct_s"]
    assert 0 < fct["min"] <= fct["p50"] <= fct["p99"] <= fct["max"] <= read["simulated_s"]
    assert read["slowdown"]["min"] >= 1 - 1e-9
    assert read["transport"]["name"] == transport
    if name == "incast":  # 16 x 62 packets on one link of 100 Gb/s
        bytes_on_wire = 16 * (250_000 + 62 * 64)
        assert bytes_on_wire / 12.5e9 < fct["max"] < 1.3 * bytes_on_wire / 12.5e9
    if name == "ring-all-reduce":  # 14 steps, one after another, on links of their own
        assert read["simulated_s"] >= 14 * fct["min"]
        assert read["simulated_s"] == pytest.approx(14 * fct["mean"], rel=0.05)


def test_the_card_says_what_ran_and_how_it_went(weft: Weft, folder: Path, topo: Any) -> None:
    ran = weft("packet", folder / "incast.cm", *topo, "--flows")
    assert (ran.code, ran.err) == (0, "")
    for says in (
        "incast.cm: 16 flows, 3.815 MiB, between 32 hosts",
        "leaf-spine.topo; 12 switches, hosts at 100 Gb/s",
        "Transport nscc",
        "completion time",
        "slowdown",
        "trimmed",
        "leaf0 -> host0",
        "8->0 id 1",
    ):
        assert says in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "nan" not in ran.out


def test_the_same_command_prints_the_same(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    def stripped(text: str) -> str:
        return re.sub(r"computed in .*", "", text)

    files = []
    outs = []
    for turn in range(2):
        paths = [tmp_path / f"{turn}{end}" for end in (".svg", ".json", ".prom")]
        args = [f"{flag}={path}" for flag, path in zip(("--plot", "--trace", "--metrics"), paths, strict=True)]
        outs.append(stripped(weft("packet", folder / "permutation.cm", *topo, *args).out))
        files.append([path.read_bytes() for path in paths])
    assert outs[0] == outs[1]
    assert files[0] == files[1]


def test_tables_hold_what_the_answer_sums_up(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    args = ("packet", folder / "incast.cm", *topo, "--tables", tmp_path, "--sample", "2us", "--sample-flows", "--json")
    read = answer(weft(*args))
    flows, ports, samples, windows = (
        pyarrow.parquet.read_table(tmp_path / f"{name}.parquet").to_pydict()
        for name in ("flows", "ports", "samples", "flow_samples")
    )
    assert len(flows["flow"]) == read["flows"]
    assert sum(flows["fct_s"]) / 16 == pytest.approx(read["fct_s"]["mean"])
    assert sum(flows["retransmissions"]) == read["retransmissions"]
    assert sum(ports["trimmed"]) == read["trimmed"] > 0
    assert len(ports["port"]) == 2 * 32 + 2 * 32
    assert len(set(samples["port"])) == 16
    assert samples["port"][0] == "leaf0 -> host0"
    assert max(samples["queued_bytes"]) <= read["transport"]["queue_bytes"] + 4150
    assert set(windows["flow"]) == set(flows["flow"])
    assert min(windows["cwnd_bytes"]) > 0
    assert weft(*args, "--format", "csv").code == 0
    with open(tmp_path / "flows.csv", newline="") as stream:
        assert [row["flow"] for row in csv.DictReader(stream)] == flows["flow"]


def test_a_timeline_has_flows_by_host_and_counters(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.json.gz"
    answer(weft("packet", folder / "incast.cm", *topo, "--trace", path, "--sample-ports", "3", "--json"))
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    groups = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    slices = [event for event in events if event["ph"] == "X"]
    assert {groups[event["pid"]] for event in slices} == {f"host{host}" for host in range(8, 24)}
    assert all(event["args"]["slowdown"] >= 1 for event in slices)
    counters = {(groups[event["pid"]], event["name"]) for event in events if event["ph"] == "C"}
    assert len(counters) == 6
    assert ("queues (bytes)", "leaf0 -> host0") in counters


def test_metrics_are_prometheus_text(
    weft: Weft, folder: Path, topo: Any, tmp_path: Path, prometheus: ModuleType
) -> None:
    path = tmp_path / "weft.prom"
    read = answer(weft("packet", folder / "incast.cm", *topo, "--metrics", path, "--sample", "5us", "--json"))
    metrics = prometheus.parse(path.read_text())
    assert {
        "weft_link_utilization_ratio",
        "weft_queue_depth_bytes",
        "weft_packets_dropped_total",
        "weft_packets_trimmed_total",
        "weft_pause_seconds_total",
        "weft_flow_completion_seconds",
    } <= set(metrics)
    links = metrics["weft_link_utilization_ratio"]["samples"]
    assert len(links) == 128
    labels = ("link", "leaf0 -> host0"), ("source", "leaf0"), ("target", "host0")
    assert 0.9 < links["weft_link_utilization_ratio", labels] <= 1
    assert sum(metrics["weft_packets_trimmed_total"]["samples"].values()) == read["trimmed"]
    fct = metrics["weft_flow_completion_seconds"]
    assert fct["kind"] == "summary"
    assert fct["samples"]["weft_flow_completion_seconds_count", ()] == 16
    assert fct["samples"]["weft_flow_completion_seconds", (("quantile", "0.5"),)] == pytest.approx(read["fct_s"]["p50"])


def test_pictures_are_what_their_names_say(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    ran = weft("packet", folder / "permutation.cm", *topo, "--plot", tmp_path / "p.svg")
    assert ran.err == f"wrote {tmp_path / 'p.svg'}\n"
    assert ElementTree.parse(tmp_path / "p.svg").getroot().tag.endswith("svg")
    assert weft("packet", folder / "permutation.cm", *topo, "--plot", tmp_path / "p.png").code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_seeds_are_run_and_averaged(weft: Weft, folder: Path, topo: Any) -> None:
    three = answer(weft("packet", folder / "permutation.cm", *topo, "--seeds", 3, "--seed", 5, "--json"))
    each = [
        answer(weft("packet", folder / "permutation.cm", *topo, "--seed", seed, "--json"))["fct_s"]
        for seed in (5, 6, 7)
    ]
    assert [run["fct_s"] for run in three["seeds"]] == each
    assert three["fct_s"]["mean"] == pytest.approx(sum(fct["mean"] for fct in each) / 3)
    assert "Means over 2 seeds" in weft("packet", folder / "permutation.cm", *topo, "--seeds", 2).out


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("-receiver_cc_only -paths 128 -linkspeed 100000 -seed 7", "--transport rccc --paths 128 --seed 7"),
        ("-sender_cc -receiver_cc -q 30 -ecn 6 20 -log sink", "--transport both --queue-packets 30 --ecn-packets 6,20"),
        ("-load_balancing_algo reps_legacy -cwnd 20", "--balance recycle --window-packets 20"),
        ("-disable_trim -queue_size_bdp_factor 2 -hop_latency 3", "--queues drop --queue-bdps 2"),
        ("-target_q_delay 9 -sack_threshold 4000", "--target-delay 9us --ack-every 4kB"),
        ("-strat ecmp_ar -failed 1 -tiers 2", "--switch-choice shortest_queue --paths 1 --degraded 1"),
        ("-receiver_cc_only -oversubscribed_cc", "--transport rccc --follow-marks"),
        ("-sender_cc_algo constant -mtu 9000 -end 100000", "--control none --mtu 9000B --until 100ms"),
    ],
)
def test_flags_of_htsim_mean_the_same(weft: Weft, folder: Path, topo: Any, theirs: str, ours: str) -> None:
    args = ("packet", folder / "incast.cm", *topo, "--json")
    read, expected = answer(weft(*args, "--htsim", theirs)), answer(weft(*args, *ours.split()))
    for each in (read, expected):
        each.pop("wall_s", None), each.pop("provenance", None)
    assert read == expected


def test_flags_change_what_they_say(weft: Weft, folder: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.cm"
    one.write_text("Nodes 128\nConnections 1\n0->127 start 2000000 size 100000\n")
    args = (
        "--tiers", 3, "--rate", "400Gb/s", "--hop-latency", "2us", "--switch-latency", "100ns", "--mtu", "9000B",
        "--queue-packets", 50, "--ecn-packets", "10,40", "--window-packets", 20, "--ack-every", "4kB",
        "--balance", "one-path", "--paths", 1, "--switch-choice", "shortest_queue", "--start-unit", "ps",
        "--queues", "drop",
    )  # fmt: skip
    read = answer(weft("packet", one, *args, "--json"))
    t = read["transport"]
    assert (t["mtu_bytes"], t["queue_bytes"], t["window_bytes"]) == (9000, 450_000, 180_000)
    assert (t["ecn_low_bytes"], t["ecn_high_bytes"], t["ack_every_bytes"]) == (90_000, 360_000, 4000)
    assert (t["balance"], t["paths"], t["switch_choice"], t["queues"]) == ("one_path", 1, "shortest_queue", "drop")
    # Six wires, five switches; 100,000 bytes in 12 packets, the first stored five times and the last six
    payload, full, ack = 9000 - 64, 9000 / 5e10, 64 / 5e10
    last = (100_000 - 11 * payload + 64) / 5e10
    way = 6 * 2e-6 + 5 * 100e-9
    expected = 11 * full + 5 * full + last + way + 6 * ack + way
    assert read["fct_s"]["mean"] == pytest.approx(expected, rel=1e-6)
    assert read["simulated_s"] == pytest.approx(2e-6 + expected, rel=1e-6)


def test_degraded_links_make_a_permutation_slower(weft: Weft, folder: Path, topo: Any) -> None:
    whole, slow = (
        answer(weft("packet", folder / "permutation.cm", *topo, "--degraded", n, "--json"))["fct_s"]["mean"]
        for n in (0, 2)
    )
    assert slow > 1.02 * whole


def test_links_that_are_down_carry_nothing(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    text = (folder / "permutation.cm").read_text().replace("Connections 32", "Connections 32\nFailures 1")
    broken = tmp_path / "broken.cm"
    broken.write_text(text + "failure switch_type TOR switch_id 1 link_id 2\n")
    ran = weft("packet", broken, *topo, "--tables", tmp_path / "out", "--format", "csv")
    assert ran.code == 0
    assert "1 cable down" in ran.out
    with open(tmp_path / "out/ports.csv", newline="") as stream:
        sent = {row["port"]: int(row["sent_bytes"]) for row in csv.DictReader(stream)}
    assert sent["leaf1 -> spine2"] == sent["spine2 -> leaf1"] == 0
    assert sent["leaf1 -> spine1"] > 0


def test_a_host_that_is_cut_off_is_an_answer(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    broken = tmp_path / "cut.cm"
    cut = "".join(f"failure switch_type TOR switch_id 0 link_id {link}\n" for link in range(8))
    broken.write_text("Nodes 32\nConnections 2\nFailures 8\n0->1 start 0 size 9\n0->31 start 0 size 9\n" + cut)
    ran = weft("packet", broken, *topo)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: host0 cannot reach host31: with the links that are down the flow has no way\n"


def test_flows_that_do_not_end_are_said(weft: Weft, folder: Path, topo: Any) -> None:
    ran = weft("packet", folder / "ring-all-reduce.cm", *topo, "--until", "100us")
    assert ran.code == 1
    assert "flows: the time was over" in ran.out
    assert "flows: no trigger started it" in ran.out
    read = weft("packet", folder / "ring-all-reduce.cm", *topo, "--until", "1ns", "--json")
    assert read.code == 1
    assert json.loads(read.out)["fct_s"]["mean"] is None
    assert "No flow ended" in weft("packet", folder / "incast.cm", *topo, "--until", "1us").out


def test_pauses_keep_everything(weft: Weft, folder: Path, topo: Any) -> None:
    read = answer(weft("packet", folder / "incast.cm", *topo, "--transport", "roce_dcqcn", "--json"))
    assert read["dropped"] == 0


# --- mistakes


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--transport", "nssc"), "--transport: unknown transport 'nssc'; did you mean 'nscc'?"),
        (("--balance", "mixd"), "--balance: unknown balance 'mixd'; did you mean 'mixed'?"),
        (("--switch-choice", "hash"), "--switch-choice: unknown switch_choice 'hash'; did you mean 'hashed'?"),
        (("--queues", "trims"), "--queues: unknown queues 'trims'; did you mean 'trim'?"),
        (("--paths", 63), "--paths: 63 paths; a power of two"),
        (("--paths", 0), "--paths"),
        (("--queue-packets", 0), "--queue-packets"),
        (("--queue-packets", 1 << 40), "--queue-packets"),
        (("--window-packets", 1 << 40), "--window-packets"),
        (("--ecn-packets", "5"), "--ecn-packets: two whole numbers LOW,HIGH belong here, read '5'"),
        (("--ecn-packets", "9,5"), "--ecn-packets"),
        (("--ecn-packets", "a,b"), "--ecn-packets"),
        (("--mtu", "64B"), "--mtu: a packet of 64 bytes"),
        (("--mtu", "1.5B"), "--mtu: '1.5B' is not a whole number of bytes"),
        (("--mtu", "4k"), "--mtu"),
        (("--ack-every", "0B"), "--ack-every"),
        (("--until", "0s"), "--until"),
        (("--until", "100"), "--until: the duration '100' has no unit"),
        (("--sample", "0us"), "--sample"),
        (("--sample", "1ps"), "--sample: unknown unit 'ps'"),
        (("--sample-ports", "some"), "--sample-ports: a number of ports or all, read 'some'"),
        (("--start-unit", "ns"), "--start-unit: unknown unit 'ns'"),
        (("--format", "xls"), "--format: unknown table format 'xls'"),
        (("--plot", "p.pdf"), "p.pdf: a plot is written as .svg or .png"),
        (("--seeds", 0), "--seeds"),
        (("--seed", -1), "--seed"),
        (("--degraded", -1), "--degraded"),
        (("--rate", "200Gb/s"), "--rate: hosts have 100 Gb/s in"),
        (("--tiers", 3), "--tiers: "),
        (("--gap-packets", -1), "--gap-packets"),
        (("--target-delay", "0s"), "--target-delay: '0s' is out of range"),
        (("--control", "bbr"), "--control: unknown control 'bbr'"),
        (("--htsim", "-path 8"), "--htsim: unknown flag of htsim_uec '-path'; did you mean '-paths'?"),
        (("--htsim", "-paths"), "--htsim: -paths is followed by 1 value"),
        (("--htsim", "-paths eight"), "--htsim: -paths: a number belongs here, read 'eight'"),
        (("--htsim", "-paths 1e99"), "--htsim: -paths: 1e99 is out of range"),
        (("--htsim", "-ecn 1 2.5"), "--htsim: -ecn: a whole number belongs here, read '2.5'"),
        (("--htsim", "-sender_cc_algo dctcp"), "--htsim: -sender_cc_algo dctcp has no counterpart"),
        (("--htsim", "-sleek"), "--htsim: -sleek has no counterpart: --gap-packets N"),
        (("--htsim", "-tm 'a"), "--htsim: cannot be read"),
        (("--htsim", "-paths 8", "--paths", 8), "--paths: is given here and in --htsim"),
        (("--htsim", "-linkspeed 400000"), "--rate: hosts have 100 Gb/s in"),
        (("--hop-latency", "1us"), "--hop-latency: the topology file says this"),
        (("--trace", "absent/t.json"), "absent/t.json: cannot be written"),
        (("--metrics", "absent/m.prom"), "absent/m.prom: cannot be written"),
    ],
)
def test_wrong_flags_are_one_line(weft: Weft, folder: Path, topo: Any, args: tuple[object, ...], says: str) -> None:
    ran = weft("packet", folder / "incast.cm", *topo, *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err
    assert len(ran.err) < 500


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--rate", "0Gb/s"), "--rate: '0Gb/s' is out of range"),
        (("--rate", "100G"), "--rate: '100G' does not say bits or bytes"),
        (("--rate", "-1Gb/s"), "--rate"),
        (("--tiers", 4), "--tiers"),
        (("--hop-latency", "1"), "--hop-latency"),
        (("--switch-latency", "1e9s"), "--switch-latency"),
        (("--tiers", 3), "incast.cm: Nodes: 32 hosts are not k³/4 for an even k"),
    ],
)
def test_wrong_flags_of_a_network_are_one_line(weft: Weft, folder: Path, args: tuple[object, ...], says: str) -> None:
    ran = weft("packet", folder / "incast.cm", *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert says in ran.err


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        ("Nodes 16\nConnections 1\n0->9 start 0 size 1\n", "x.cm: Nodes: the flows are between 16 hosts; "),
        ("Nodes 32\nConnections 1\n0->32 start 0 size 1\n", "x.cm:3: DST: 32 is out of range; 0 to 31"),
        ("Nodes 32\nConnections 1\n0->9 start 0 size 99999999999\n", "x.cm:3: size: 99999999999 is out of range"),
        ("Nodes 32\nConnections 0\n", "there are no flows to simulate"),
        ("Nodes 32\nFailures 1\nfailure switch_type CORE switch_id 0 link_id 0\n", "x.cm:3: failure"),
    ],
)
def test_wrong_files_are_one_line(weft: Weft, topo: Any, tmp_path: Path, matrix: str, says: str) -> None:
    path = tmp_path / "x.cm"
    path.write_text(matrix)
    ran = weft("packet", path, *topo)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert says in ran.err


def test_a_file_that_is_not_there(weft: Weft, folder: Path, topo: Any) -> None:
    assert weft("packet", "absent.cm", *topo).err == "error: absent.cm: cannot be read: No such file or directory\n"
    ran = weft("packet", folder / "incast.cm", "--topo", "absent.topo")
    assert (ran.code, ran.err) == (2, "error: absent.topo: cannot be read: No such file or directory\n")


def test_nothing_is_written_where_input_is_wrong(weft: Weft, folder: Path, topo: Any, tmp_path: Path) -> None:
    ran = weft("packet", folder / "incast.cm", *topo, "--paths", 3, "--tables", tmp_path / "out")
    assert ran.code == 2
    assert not (tmp_path / "out").exists()
