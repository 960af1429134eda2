"""Rows files: read fast, told apart, and refused by row and line."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from weft.errors import ConfigError
from weft.validation.rows import read_rows

DATA = files("weft.validation") / "data"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def _write(text: str) -> Path:
        path = tmp_path / "rows.yaml"
        path.write_text(text)
        return path

    return _write


@pytest.mark.parametrize(("name", "count"), [("nccl", 2006), ("training", 867), ("topology", 57)])
def test_the_packaged_rows_are_whole(name: str, count: int) -> None:
    begun = time.process_time()
    file = read_rows(str(DATA / f"{name}.yaml"))
    assert time.process_time() - begun < 4  # about 0.3 s on an idle core
    assert file.kind == name
    assert len(file.rows) == count
    assert len({row["id"] for row in file.rows}) == count
    for row in file.rows:
        assert str(row["source"]) in file.sources
        assert row.get("seen") or row.get("recalled")


def test_series_fill_in_beneath_the_row(write: Any) -> None:
    series = "series: {s: {accel: H100, n_nodes: 2}}\n"
    file = read_rows(write(series + "rows:\n- {id: nccl-1, series: s, n_nodes: 4, measured: {busbw_GBps: 1}}\n"))
    conditions = file.conditions(file.rows[0])
    assert (conditions["accel"], conditions["n_nodes"]) == ("H100", 4)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ("[{id: nccl-0001, measured: {x: 1}}]", "nccl"),
        ("[{op: all_reduce, size_B: 8, measured: {time_us: 1}}]", "nccl"),
        ("[{id: mine, model: llama, measured: {mfu_pct: 1}}]", "training"),
        ("[{id: topology-0001, measured: {switches: 1}}]", "topology"),
        ("[{measured: {x: 1}}]", "unnamed"),
    ],
)
def test_recognises_rows_whose_file_names_no_suite(write: Any, rows: str, kind: str) -> None:
    assert read_rows(write(f"rows: {rows}\n")).kind == kind


def test_rows_without_an_id_are_numbered(write: Any) -> None:
    file = read_rows(write("file: nccl\nrows:\n- {measured: {x: 1}}\n- {measured: {x: 1}}\n"))
    assert [row["id"] for row in file.rows] == ["row-1", "row-2"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file: nccl\n", ":1: expected measured rows under 'rows:'"),
        ("nodes: 4\n", "read 'nodes'"),
        ("rows: 5\n", ":1: expected a list"),
        ("file: nccl\nrows: []\n", ":2: expected a list of at least one row"),
        ("rows:\n- {id: a, measured: {x: 1}}\n- words\n", ":3: row 2: expected {id: ..., measured: {...}}"),
        ("rows:\n- {id: a}\n", ":2: row a: needs measured values"),
        ("rows:\n- {id: a, measured: 5}\n", ":2: row a: needs measured values"),
        ("rows:\n- {id: a, series: s, measured: {x: 1}}\n", ":2: row a: its series 's' is not under 'series:'"),
        ("file: [a]\nrows:\n- {id: a, measured: {x: 1}}\n", ":1: expected the suite's name"),
        ("sources: {a: b}\nrows:\n- {id: a, measured: {x: 1}}\n", ":1: a: expected 'name: value' fields"),
    ],
)
def test_refusals_name_line_and_row(write: Any, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rows(write(text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_data_speaks_of_its_sources_only() -> None:
    for name in ("nccl", "training", "topology"):
        text = (DATA / f"{name}.yaml").read_text(encoding="utf-8")
        assert "index id" not in text
        assert "corpus" not in text
