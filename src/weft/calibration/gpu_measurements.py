"""Kernel times measured on one accelerator, as a table: one row a shape, in CSV or Parquet.

The table holds what was measured and nothing that was worked out from it, so that it can be fitted again later, by a
newer model or by hand.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from weft.errors import ConfigError, UnknownName
from weft.report.tables import write_tables

OPERATIONS = ("gemm", "sustained_gemm", "copy", "elementwise", "cast", "attention")
PRECISIONS = ("bf16", "fp16", "fp8")
KERNELS = ("flash2", "flash3")
_MAX_BYTES = 100_000_000
_WIDTHS = (64, 128)
# Sizes that an operation needs; the others of its row are 0.
_NEEDS = {
    "gemm": ("m", "n", "k"),
    "sustained_gemm": ("m", "n", "k"),
    "copy": ("moved_bytes",),
    "elementwise": ("moved_bytes",),
    "cast": ("m", "k"),
    "attention": ("batch", "heads", "head_dim", "sequence"),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """The time of one kernel at one shape.

    Attributes:
        operation: one of `OPERATIONS`. ``sustained_gemm``: each of many products run back to back, once the clock has
            settled. ``cast``: greatest value of a 16-bit operand, then the operand in FP8. ``attention``: causal.
        precision: of the operands, one of `PRECISIONS`; ``attention``, ``copy`` and ``elementwise`` run in 16 bits.
        m, n, k: of a product (m×k) by (k×n); of a cast, m×k elements.
        moved_bytes: read and written together, of ``copy`` and ``elementwise``.
        kernel: of ``attention``, the catalog's id of what ran.
        batch, heads, head_dim, sequence: of ``attention``; queries, keys and values have as many heads.
        median_us: over the repeats.
        backward_us: of ``attention``, the backward kernel's median.
        low_us, high_us: first and third quartile (of ``attention``, forward).
        repeats: how often it was timed.
        device: name as the driver gives it.
        multiprocessors: of the device.
        software: what ran it.
    """

    operation: str
    precision: str
    m: int = 0
    n: int = 0
    k: int = 0
    moved_bytes: int = 0
    kernel: str = ""
    batch: int = 0
    heads: int = 0
    head_dim: int = 0
    sequence: int = 0
    median_us: float = 0.0
    backward_us: float = 0.0
    low_us: float = 0.0
    high_us: float = 0.0
    repeats: int = 1
    device: str = ""
    multiprocessors: int = 0
    software: str = ""


_FIELDS = {field.name: field.type for field in fields(Measurement)}


def write_measurements(folder: str | os.PathLike[str], rows: Sequence[Measurement], *, format: str = "csv") -> Path:
    """Write ``folder/measurements.csv`` (or ``.parquet``); return the file.

    Raises:
        ConfigError: it cannot be written, or pyarrow is missing.
    """
    table = {name: [getattr(row, name) for row in rows] for name in _FIELDS}
    return write_tables(folder, {"measurements": table}, format=format)[0]


def read_measurements(path: str | os.PathLike[str]) -> tuple[Measurement, ...]:
    """Read a table of measurements, CSV or (by its ending) Parquet.

    Raises:
        ConfigError: it cannot be read, is of several devices, or a row says nothing that can be fitted; located.
    """
    file = os.fspath(path)
    try:
        if Path(file).stat().st_size > _MAX_BYTES:
            raise ConfigError(f"is larger than {_MAX_BYTES // 10**6} MB, too large for measurements", file=file)
        records = _parquet(file) if file.endswith(".parquet") else _csv(file)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=file) from None
    rows = tuple(_row(record, file, line) for line, record in records)
    if not rows:
        raise ConfigError("has no measurements", file=file)
    if len(devices := sorted({row.device for row in rows})) > 1:
        raise ConfigError(
            f"is of several devices ({', '.join(devices[:3])}); give each a file of its own", file=file, field="device"
        )
    return rows


def _csv(file: str) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(reader.fieldnames or (), file)
            return [(reader.line_num, dict(record)) for record in reader]
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError("is no CSV file; expected what weft calibrate gpu writes", file=file) from None


def _parquet(file: str) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError("Parquet tables need pyarrow: pip install 'weft[tables]'", file=file) from None
    try:
        table = pyarrow.parquet.read_table(file)
    except pyarrow.ArrowInvalid:
        raise ConfigError("is no Parquet file", file=file) from None
    _check_columns(table.column_names, file)
    return list(enumerate(table.to_pylist(), 1))


def _check_columns(names: Iterable[str], file: str) -> None:
    found = set(names)
    for name in ("operation", "precision", "median_us"):
        if name not in found:
            raise ConfigError(
                f"has no column {name}; expected what weft calibrate gpu writes", file=file, line=1, field=name
            )
    for name in sorted(found - {*_FIELDS}):
        raise UnknownName("column", str(name), _FIELDS, file=file, line=1)


def _row(record: dict[str, Any], file: str, line: int) -> Measurement:
    values: dict[str, Any] = {}
    for name, value in record.items():
        if name is None or value is None:
            raise ConfigError("the row should have as many values as the table has columns", file=file, line=line)
        if value != "":
            values[name] = value if _FIELDS[name] == "str" else _number(value, name, file, line)
    for name, known in (("operation", OPERATIONS), ("precision", PRECISIONS)):
        if values.get(name) not in known:
            raise UnknownName(name, str(values.get(name, "")), known, file=file, line=line, field=name)
    operation = values["operation"]
    needs = ("median_us", *_NEEDS[operation], *(("backward_us",) if operation == "attention" else ()))
    for name in needs:
        if not values.get(name, 0) > 0:
            raise ConfigError(f"{operation} needs a number above 0", file=file, line=line, field=name)
    if operation == "attention":
        if values.get("kernel") not in KERNELS:
            raise UnknownName("kernel", str(values.get("kernel", "")), KERNELS, file=file, line=line, field="kernel")
        if values["head_dim"] not in _WIDTHS:
            raise ConfigError("expected 64 or 128", file=file, line=line, field="head_dim")
    return Measurement(**values)


def _number(value: Any, name: str, file: str, line: int) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    whole = _FIELDS[name] == "int"
    if not 0 <= number < 1e15 or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"expected {kind} from 0 up, read {str(value)[:20]!r}", file=file, line=line, field=name)
    return int(number) if whole else number
