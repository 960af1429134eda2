"""`weft bench` and `weft simulate` on the packet engine: what people and machines read, and mistakes in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet
import pytest

Weft = Callable[..., Any]
PACKET = ("--engine", "packet")


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "examples/packet-fabric"


@pytest.fixture
def ring(folder: Path) -> tuple[object, ...]:
    """A ring whose flows meet on uplinks."""
    return ("bench", "all_reduce", folder / "cluster.yaml", "-b", "1M", "-e", "8M", "-f", "8", "--algorithm", "ring")


@pytest.fixture
def pair(folder: Path) -> tuple[Path, Path]:
    return folder / "cluster.yaml", folder / "job.yaml"


def test_a_bench_tells_of_packets(weft: Weft, ring: tuple[object, ...]) -> None:
    ran = weft(*ring, *PACKET, "--routing", "ecmp", "--json")
    assert (ran.code, ran.err) == (0, "")
    answer = json.loads(ran.out)
    assert (answer["schema"], answer["engine"]) == ("weft.bench/1", "packet")
    assert len(answer["rows"]) == len(answer["closed_form_time_s"]) == len(answer["packet"]["rows"]) == 2
    for row, alone_s, run in zip(answer["rows"], answer["closed_form_time_s"], answer["packet"]["rows"], strict=True):
        assert row["time_s"] >= alone_s
        assert run["packets"] * 4150 > row["size_bytes"]
        assert 1 - 1e-3 <= run["slowdown"]["min"] <= run["slowdown"]["max"]
        assert run["fct_s"]["max"] <= row["time_s"]
        assert {"retransmissions", "marked", "trimmed", "dropped", "pauses", "most_queued_bytes", "disordered"} <= set(
            run
        )
    assert answer["packet"]["transport"]["name"] == "nscc"
    assert answer["packet"]["transport"]["control"] == "nscc"
    assert answer["packet"]["warnings"] == []
    text = weft(*ring, *PACKET, "--routing", "ecmp").out
    for says in ("Transport nscc", "slowdown p99", "Busiest links", "-> spine0", "ring/"):
        assert says in text
    assert max(map(len, text.splitlines())) <= 113


def test_transports_differ_where_flows_meet(weft: Weft, ring: tuple[object, ...]) -> None:
    found = {}
    for name in ("nscc", "rccc", "roce_dcqcn", "infiniband"):
        answer = json.loads(weft(*ring, *PACKET, "--routing", "ecmp", "--transport", name, "--json").out)
        found[name] = answer["packet"]
        assert answer["packet"]["transport"]["name"] == name
    assert found["nscc"]["rows"][1]["trimmed"] > 0
    assert found["roce_dcqcn"]["rows"][1]["trimmed"] == found["roce_dcqcn"]["rows"][1]["dropped"] == 0
    assert found["roce_dcqcn"]["rows"][1]["marked"] > 0
    assert found["infiniband"]["rows"][1]["marked"] == found["infiniband"]["rows"][1]["dropped"] == 0
    assert len({run["rows"][1]["simulated_s"] for run in found.values()}) == 4


def test_seeds_choose_paths_and_the_same_one_gives_the_same_bytes(weft: Weft, ring: tuple[object, ...]) -> None:
    outs = [weft(*ring, *PACKET, "--routing", "ecmp", "--seed", seed, "--json").out for seed in (0, 1, 2, 0)]
    assert len(set(outs)) == 3
    assert outs[0] == outs[3]


def test_go_back_n_on_many_ways_is_warned_of(weft: Weft, ring: tuple[object, ...]) -> None:
    ran = weft(*ring[:6], "1M", *ring[7:], *PACKET, "--transport", "roce_dcqcn", "--routing", "adaptive")
    assert ran.code == 0, ran.err
    assert "warning: packets of a flow take several ways" in ran.out


def test_a_step_tells_of_packets(weft: Weft, pair: tuple[Path, Path], tmp_path: Path) -> None:
    ran = weft("simulate", *pair, *PACKET, "--json", "--tables", tmp_path / "out", "--plot", tmp_path / "p.svg")
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    assert (answer["schema"], answer["engine"]) == ("weft.simulate/1", "packet")
    assert sum(answer["breakdown_s"].values()) == pytest.approx(answer["step_time_s"])
    told = answer["packet"]
    assert told["unfinished"]["flows"] == 0
    assert told["packets"] > 1e5
    flows, ports = (
        pyarrow.parquet.read_table(tmp_path / f"out/{name}.parquet").to_pydict() for name in ("flows", "ports")
    )
    assert len(flows["flow"]) == told["flows"]
    assert sum(flows["packets"]) == told["packets"]
    assert sum(ports["marked"]) == told["marked"]
    assert max(flows["end_s"]) <= answer["step_time_s"]
    assert ElementTree.parse(tmp_path / "p.svg").getroot().tag.endswith("svg")


def test_a_step_is_sampled_over_time(weft: Weft, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out, trace = tmp_path / "out", tmp_path / "t.json"
    sampled = ("--sample", "100us", "--sample-ports", 4, "--tables", out, "--trace", trace)
    ran = weft("simulate", *pair, *PACKET, "--json", *sampled)
    assert ran.code == 0, ran.err
    samples = pyarrow.parquet.read_table(out / "samples.parquet").to_pydict()
    assert len(set(samples["port"])) <= 4
    assert samples["time_s"][4] - samples["time_s"][0] == pytest.approx(100e-6)
    assert max(samples["time_s"]) <= json.loads(ran.out)["step_time_s"]
    assert 0 < max(samples["utilisation"]) <= 1
    counters = [event for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "C"]
    assert max(event["ts"] for event in counters) <= max(samples["time_s"]) * 1e6 + 1
    assert len(counters) >= len(samples["port"])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--sample", "1us"), "--sample: the analytic engine has no packets; add --engine packet"),
        ((*PACKET, "--sample", "soon"), "--sample: "),
        ((*PACKET, "--sample", "1us", "--sample-ports", "none"), "--sample-ports: a number of ports or all"),
    ],
)
def test_wrong_sampling_is_one_line(weft: Weft, pair: tuple[Path, Path], args: tuple[str, ...], says: str) -> None:
    ran = weft("simulate", *pair, *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert says in ran.err


def test_a_step_with_faults_takes_longer(weft: Weft, pair: tuple[Path, Path], folder: Path) -> None:
    fault = ("--scenario", folder / "scenario-flapping-uplink.yaml", "--routing", "ecmp")
    broken, fine = (
        json.loads(weft("simulate", *pair, *PACKET, *extra, "--json").out) for extra in (fault, ("--routing", "ecmp"))
    )
    assert broken["step_time_s"] > fine["step_time_s"]
    assert broken["packet"]["dropped"] > 0 == fine["packet"]["dropped"]
    assert broken["packet"]["unfinished"]["flows"] == 0
    text = weft("simulate", *pair, *PACKET).out
    assert "completion time" in text
    assert "Transport nscc" in text


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((*PACKET, "--transport", "ncc"), "--transport: unknown transport 'ncc'; did you mean"),
        (
            ("--engine", "fluid", "--transport", "nscc"),
            "--transport: the fluid engine has no packets; add --engine packet",
        ),
        (("--transport", "nscc"), "--transport: the analytic engine has no packets"),
        ((*PACKET, "--routing", "static"), "--routing: the packet engine has no static routing; use adaptive"),
        ((*PACKET, "--routing", "ecpm"), "did you mean 'ecmp'?"),
        ((*PACKET, "--links"), "--links: only the fluid engine"),
        ((*PACKET, "--plot", "p.pdf"), "p.pdf: a plot is written as .svg or .png"),
        ((*PACKET, "--scenario", "absent.yaml"), "absent.yaml: no such file"),
        (("--engine", "packed"), "did you mean 'packet'?"),
    ],
)
@pytest.mark.parametrize("command", ["simulate", "bench"])
def test_wrong_flags_are_one_line(
    weft: Weft, pair: tuple[Path, Path], command: str, args: tuple[str, ...], says: str
) -> None:
    about = pair if command == "simulate" else ("all_reduce", pair[0], "-b", "1M", "-e", "1M")
    ran = weft(command, *about, *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert says in ran.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("background:\n  - pattern: shift\n    weight: 2\n", ":3: background[0].weight: packets know no weights"),
        ("faults:\n  - node: leaf99\n", ":2: faults[0]"),
        ("first: 9\n", ":1: first"),
    ],
)
def test_wrong_scenarios_are_one_line(
    weft: Weft, pair: tuple[Path, Path], tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    for about in (("simulate", *pair), ("bench", "all_reduce", pair[0], "-b", "1M", "-e", "1M")):
        ran = weft(*about, *PACKET, "--scenario", tmp_path / "wrong.yaml")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.count("\n") == 1
        assert says in ran.err


def test_what_is_too_large_is_refused_at_once(weft: Weft, root: Path) -> None:
    large = root / "examples/llama3-405b"
    ran = weft("simulate", large / "cluster.yaml", large / "job.yaml", *PACKET)
    assert (ran.code, ran.out) == (2, "")
    assert "too large for the packet engine: it would take at least" in ran.err
    assert "use the fluid engine" in ran.err
    ran = weft("bench", "all_gather", root / "examples/small/cluster.yaml", "-b", "4T", "-e", "4T", *PACKET)
    assert (ran.code, ran.out) == (2, "")
    assert "of computing" in ran.err


def test_what_is_cut_off_is_said(weft: Weft, pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "cut.yaml").write_text("faults:\n  - node: leaf0\n")
    ran = weft("bench", "all_reduce", pair[0], "-b", "1M", "-e", "1M", *PACKET, "--scenario", tmp_path / "cut.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: unreachable: ")
    assert ran.err.count("\n") == 1


def test_from_python(root: Path, folder: Path) -> None:
    import weft as package
    from weft.engines.packet.presets import preset
    from weft.errors import ConfigError

    cluster, job = folder / "cluster.yaml", folder / "job.yaml"
    named = package.simulate(cluster, job, engine="packet", transport="swift")
    given = package.simulate(cluster, job, engine="packet", transport=preset("swift"))
    assert named.packets is not None
    assert given.packets is not None
    assert named.step_time_s == given.step_time_s
    assert named.to_dict()["packet"]["transport"]["name"] == "swift"
    assert given.to_dict()["packet"]["transport"]["control"] == "swift"
    with pytest.raises(ConfigError, match="has no packets"):
        package.simulate(cluster, job, transport="swift")
