"""``weft bench`` and its sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.collectives.sweep import parse_size, sizes
from weft.errors import ConfigError

CLUSTER = """
name: pair
nodes: 2
node: {system: dgx_h100}
scale_out: {topology: rail_optimised}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(CLUSTER)
    return path


@pytest.mark.parametrize(
    ("text", "size"), [("8", 8), ("8K", 8192), ("1M", 2**20), ("8G", 2**33), ("0.5g", 2**29), ("4KiB", 4096)]
)
def test_sizes_are_read_as_nccl_tests_does(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "8X", "-8", "1e3", "0", "0.3", "9999999999T"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_size(text)


def test_steps() -> None:
    assert sizes(8, 64, 2) == [8, 16, 32, 64]
    assert sizes(10, 40, step=10) == [10, 20, 30, 40]
    assert sizes(1, 4, 1.1) == [1, 2, 3, 4]
    for bad in ({"factor": 1.0}, {"factor": 0.5}, {"step": 0}):
        with pytest.raises(ConfigError):
            sizes(8, 64, **bad)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="below the first"):
        sizes(64, 8)
    with pytest.raises(ConfigError, match="more than 10,000 sizes"):
        sizes(1, 2**40, step=1)


def test_json_rows(weft: Callable[..., Any], cluster: Path) -> None:
    ran = weft("bench", "all_reduce", cluster, "-b", "8", "-e", "8G", "-f", "2", "--json")
    answer = json.loads(ran.out)
    assert ran.code == 0
    assert answer["schema"] == "weft.bench/1"
    assert [row["size_bytes"] for row in answer["rows"]] == [2**k for k in range(3, 34)]
    assert {"size_bytes", "time_s", "algbw_Bps", "busbw_Bps", "algorithm"} <= answer["rows"][0].keys()
    for row in answer["rows"]:
        assert row["busbw_Bps"] == pytest.approx(row["algbw_Bps"] * 2 * 15 / 16)
    assert answer["average_busbw_Bps"] == pytest.approx(sum(r["busbw_Bps"] for r in answer["rows"]) / 31)


def test_table_has_the_columns_of_nccl_tests(weft: Callable[..., Any], cluster: Path) -> None:
    ran = weft("bench", "reduce_scatter", cluster, "-b", "1M", "-e", "1G", "-f", "4", "--ranks", "8")
    lines = ran.out.splitlines()
    assert lines[1].split() == ["#", "size", "count", "type", "redop", "root", "time", "algbw", "busbw", "algorithm"]
    assert lines[3].split()[:5] == ["1048576", "32768", "float", "sum", "-1"]
    assert "Avg bus bandwidth" in ran.out
    assert max(len(line) for line in lines) <= 100


def test_a_forced_algorithm_is_used(weft: Callable[..., Any], cluster: Path) -> None:
    ran = weft(
        "bench", "all_reduce", cluster, "-b", "1G", "-e", "1G", "--algorithm", "Ring", "--library", "ideal", "--json"
    )
    assert json.loads(ran.out)["rows"][0]["algorithm"] == "ring"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("all_reduced",), "unknown collective 'all_reduced'; did you mean 'all_reduce'?"),
        (("all_reduce", "--ranks", "17"), "--ranks must be 1 to 16"),
        (("all_reduce", "-b", "1Q"), "expected a size such as"),
        (("all_reduce", "--library", "mpi"), "unknown collective library 'mpi'"),
        (("all_reduce", "--algorithm", "rong"), "unknown algorithm 'rong'; did you mean 'ring'?"),
    ],
)
def test_bad_input_is_one_line(weft: Callable[..., Any], cluster: Path, arguments: tuple[str, ...], says: str) -> None:
    ran = weft("bench", arguments[0], cluster, *arguments[1:])
    assert ran.code == 2
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert ran.out == ""
