"""Two tables, nodes and links, as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from weft.errors import ConfigError


def to_csv(columns: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return one table as CSV with a heading."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue().encode()


def to_parquet(columns: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return one table as Parquet; text columns with few values as dictionaries.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError("Parquet tables need pyarrow: pip install 'weft[tables]', or ask for csv") from None
    table = pyarrow.table({name: pyarrow.array(column) for name, column in columns.items()})
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
