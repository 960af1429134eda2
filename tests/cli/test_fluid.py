"""`weft simulate` and `weft bench` on the fluid engine: every flag, what machines read, and mistakes in one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet
import pytest

Weft = Callable[..., Any]
FOLDER = Path("examples/scenarios")
FLUID = ("--engine", "fluid")


@pytest.fixture
def pair(root: Path) -> tuple[Path, Path]:
    return root / FOLDER / "cluster.yaml", root / FOLDER / "job.yaml"


@pytest.fixture
def ring(root: Path) -> tuple[object, ...]:
    """A ring over hashed paths, which meet on uplinks."""
    cluster = root / FOLDER / "cluster.yaml"
    return (
        "bench",
        "all_reduce",
        cluster,
        "-b",
        "256M",
        "-e",
        "256M",
        "--algorithm",
        "ring",
        "--queue-pairs",
        "1",
        *FLUID,
    )


@pytest.mark.parametrize("name", ["dead-uplink", "neighbour", "others", "slow-host"])
def test_every_scenario_takes_longer_than_an_undisturbed_step(weft: Weft, pair: tuple[Path, Path], name: str) -> None:
    scenario = pair[0].parent / f"scenario-{name}.yaml"
    ran = weft("simulate", *pair, *FLUID, "--scenario", scenario, "--json")
    assert (ran.code, ran.err) == (0, "")
    alone = json.loads(weft("simulate", *pair, *FLUID, "--json").out)
    assert json.loads(ran.out)["step_time_s"] > alone["step_time_s"]


def test_a_step_says_how_links_were_used_and_what_would_help(
    weft: Weft, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    ran = weft(
        "simulate", *pair, *FLUID, "--queue-pairs", 1, "--explain-links", "--links", "--json",
        "--trace", tmp_path / "t.json.gz", "--tables", tmp_path / "out", "--plot", tmp_path / "p.svg",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    assert answer["engine"] == "fluid"
    classes = {each["link_class"]: each for each in answer["links"]["classes"]}
    assert {"leaf-spine up", "leaf-spine down", "nic-leaf up"} <= set(classes)
    for each in classes.values():
        assert 0 < each["utilisation"] <= each["busiest_utilisation"] <= 1 + 1e-9
        assert sum(each["links_by_decile"]) == each["links"]
    held = answer["held_up"]
    worst = held["limits"][0]
    assert worst["limiting_s"] == max(each["limiting_s"] for each in held["limits"])
    assert worst["link_class"].startswith("leaf-spine")
    assert worst["flows"] == sum(each["flows"] for each in worst["shared_by"]) > 1
    assert all(len(pair) == 2 for each in worst["shared_by"] for pair in each["pairs"])
    for tried in held["what_would_help"]:
        assert tried["gain"] == pytest.approx(1 - tried["time_s"] / answer["step_time_s"])

    trace = json.loads(gzip.decompress((tmp_path / "t.json.gz").read_bytes()))["traceEvents"]
    counters = [event for event in trace if event["ph"] == "C"]
    assert {event["name"] for event in counters} == set(classes)
    last = {}
    for event in counters:
        assert 0 <= event["args"]["value"] <= 1
        assert event["ts"] >= last.get(event["name"], 0)
        last[event["name"]] = event["ts"]

    limits = pyarrow.parquet.read_table(tmp_path / "out/links.parquet").to_pydict()
    assert limits["link"][0] == worst["names"][0]
    over_time = pyarrow.parquet.read_table(tmp_path / "out/link_use.parquet").to_pydict()
    assert set(over_time["link_class"]) == set(classes)
    assert ElementTree.parse(tmp_path / "p.svg").getroot().tag.endswith("svg")


def test_the_same_command_writes_the_same_bytes(weft: Weft, ring: tuple[object, ...], tmp_path: Path) -> None:
    pictures = []
    outs = []
    for turn in range(2):
        ran = weft(*ring, "--links", "--plot", tmp_path / f"{turn}.svg")
        outs.append(ran.out)
        pictures.append((tmp_path / f"{turn}.svg").read_bytes())
    assert outs[0] == outs[1]
    assert pictures[0] == pictures[1]


def test_a_png_is_one(weft: Weft, ring: tuple[object, ...], tmp_path: Path) -> None:
    assert weft(*ring, "--plot", tmp_path / "p.png").code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_bench_explains_contention(weft: Weft, ring: tuple[object, ...]) -> None:
    answer = json.loads(weft(*ring, "--json").out)
    assert answer["schema"] == "weft.bench/1"
    (row,), (alone_s,) = answer["rows"], answer["closed_form_time_s"]
    assert {"size_bytes", "time_s", "algbw_Bps", "busbw_Bps", "algorithm", "protocol", "bound"} <= set(row)
    found = answer["bottleneck"]
    assert found["time_s"] == row["time_s"] > 1.02 * alone_s
    assert found["slowdown_x"] == pytest.approx(row["time_s"] / alone_s)
    gains = {each["change"]: each["gain"] for each in found["what_would_help"]}
    # Two flows on one link: with it twice as fast, or evenly spread, they no longer wait for each other.
    assert gains["adaptive routing"] > 0.1
    assert gains["leaf-spine links twice as fast"] > 0.1
    assert [each["gain"] for each in found["what_would_help"]] == sorted(gains.values(), reverse=True)
    text = weft(*ring).out
    assert "What held it up: 256 MiB" in text
    assert "adaptive routing" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_bench_without_contention_says_nothing_of_it(weft: Weft, ring: tuple[object, ...]) -> None:
    ran = weft(*ring, "--routing", "adaptive", "--json")
    answer = json.loads(ran.out)
    assert answer["bottleneck"] is None
    assert answer["rows"][0]["time_s"] == pytest.approx(answer["closed_form_time_s"][0], rel=0.02)


def test_seeds_choose_paths(weft: Weft, ring: tuple[object, ...]) -> None:
    times = {json.loads(weft(*ring, "--seed", seed, "--json").out)["rows"][0]["time_s"] for seed in range(4)}
    assert len(times) > 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faults:\n  - node: leaf99\n", ":2: faults[0]"),
        ("faults:\n  - nod: leaf0\n", "did you mean 'node'?"),
        ("faults:\n  - link: [leaf0, spine0]\n    rate: 2\n", "rate"),
        ("slow:\n  - node: leaf0\n    factor: 2\n", ":2: slow[0].node"),
        ("background:\n  - pattern: shift\n    count: 9999\n", "background[0]"),
        ("first: 120\n", ":1: first"),
        ("jobs:\n  - job: absent.yaml\n    first: 64\n", "absent.yaml: no such file"),
    ],
)
def test_a_wrong_scenario_is_one_line(
    weft: Weft, pair: tuple[Path, Path], tmp_path: Path, text: str, says: str
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    ran = weft("simulate", *pair, *FLUID, "--scenario", wrong)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((*FLUID, "--routing", "ecpm"), "--routing: unknown routing policy 'ecpm'; did you mean 'ecmp'?"),
        ((*FLUID, "--queue-pairs", "0"), "--queue-pairs"),
        ((*FLUID, "--seed", "-1"), "--seed"),
        ((*FLUID, "--plot", "p.pdf"), "p.pdf: a plot is written as .svg or .png"),
        ((*FLUID, "--scenario", "absent.yaml"), "absent.yaml: no such file"),
        (("--engine", "fluit"), "did you mean 'fluid'?"),
        (("--routing", "ecmp"), "fluid"),
        (("--links",), "fluid"),
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


@pytest.mark.parametrize("command", ["simulate", "bench"])
def test_what_is_cut_off_is_said_and_not_waited_for(
    weft: Weft, pair: tuple[Path, Path], tmp_path: Path, command: str
) -> None:
    cut = tmp_path / "cut.yaml"
    cut.write_text("faults:\n  - node: leaf0\n")
    about = pair if command == "simulate" else ("all_reduce", pair[0], "-b", "1M", "-e", "1M", "--algorithm", "ring")
    ran = weft(command, *about, *FLUID, "--scenario", cut)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert "unreachable" in ran.err


def test_a_collective_has_no_hosts_that_compute(weft: Weft, pair: tuple[Path, Path]) -> None:
    ran = weft("bench", "all_reduce", pair[0], *FLUID, "--scenario", pair[0].parent / "scenario-slow-host.yaml")
    assert ran.code == 2
    assert "slow: has no meaning for a collective" in ran.err


def test_folding_changes_nothing(weft: Weft, pair: tuple[Path, Path]) -> None:
    folded, whole = (
        json.loads(weft("simulate", *pair, *FLUID, flag, "--links", "--json").out) for flag in ("--fold", "--no-fold")
    )
    assert folded["step_time_s"] == pytest.approx(whole["step_time_s"], rel=1e-9)
    for ours, theirs in zip(folded["links"]["classes"], whole["links"]["classes"], strict=True):
        assert ours["links"] == theirs["links"]
        assert ours["busiest_utilisation"] <= 1
