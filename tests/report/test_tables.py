"""Result tables read back equal, by other tools' readers."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from weft.errors import ConfigError, UnknownName
from weft.report.tables import write_tables

TABLES = {"operations": {"name": ["a", "b"], "start_s": np.array([0.0, 1.5]), "rank": [0, 1]}, "empty": {"x": []}}


def test_parquet_reads_back(tmp_path: Path) -> None:
    written = write_tables(tmp_path / "new" / "folder", TABLES)
    assert [path.name for path in written] == ["operations.parquet", "empty.parquet"]
    read = pyarrow.parquet.read_table(written[0]).to_pydict()
    assert read == {"name": ["a", "b"], "start_s": [0.0, 1.5], "rank": [0, 1]}


def test_csv_reads_back(tmp_path: Path) -> None:
    written = write_tables(tmp_path, TABLES, format="csv")
    with written[0].open() as stream:
        assert list(csv.reader(stream)) == [["name", "start_s", "rank"], ["a", "0.0", "0"], ["b", "1.5", "1"]]
    assert written[1].read_text() == "x\n"


def test_says_how_to_get_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'weft\[tables\]'"):
        write_tables(tmp_path, TABLES)


def test_bad_format_and_place(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'parquet'"):
        write_tables(tmp_path, TABLES, format="parket")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made a folder"):
        write_tables(tmp_path / "file", TABLES, format="csv")
