"""Result tables on disk: Parquet for DuckDB, Polars and pandas, or CSV."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from weft.errors import ConfigError, UnknownName
from weft.files.writing import write_atomically

FORMATS = ("parquet", "csv")


def write_tables(
    folder: str | os.PathLike[str], tables: Mapping[str, Mapping[str, Iterable[Any]]], *, format: str = "parquet"
) -> list[Path]:
    """Write each table as ``folder/name.parquet`` (or ``.csv``), making the folder; return the files.

    Args:
        folder: where to.
        tables: table name → column name (with its unit) → values, all columns of a table equally long.
        format: ``"parquet"`` or ``"csv"``.

    Raises:
        ConfigError: the folder cannot be made or written, or pyarrow is not installed.
        UnknownName: no such format.
    """
    if format not in FORMATS:
        raise UnknownName("table format", format, FORMATS)
    encode = _parquet if format == "parquet" else _csv
    target = Path(folder)
    encoded = {name: encode(_lists(columns)) for name, columns in tables.items()}
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be made a folder: {error.strerror or error}", file=str(folder)) from None
    written = []
    for name, data in encoded.items():
        path = target / f"{name}.{format}"
        write_atomically(path, data)
        written.append(path)
    return written


def _lists(columns: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    return {name: values.tolist() if hasattr(values, "tolist") else list(values) for name, values in columns.items()}


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError("Parquet tables need pyarrow: pip install 'weft[tables]', or ask for csv") from None
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _csv(columns: dict[str, list[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()
