"""Measured rows in, predictions out: the two shapes that every validation suite works between.

A rows file is YAML: ``file:`` names the suite, ``sources:`` says what was read, ``series:`` (optional) holds what the
rows of one log share, and ``rows:`` has one mapping a row with its conditions, ``measured`` values and ``source``.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

from weft.errors import ConfigError
from weft.files import Document, read_document

_MAX_BYTES = 20_000_000
_TOP = {"file", "sources", "series", "count", "rows"}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowFile:
    """One file of measured rows.

    Attributes:
        kind: the suite that can predict them: ``"training"``, ``"nccl"`` ...
        sources: source id → what was read.
        series: series id → conditions its rows share.
        rows: the rows as written; each has at least ``id`` and ``measured``.
        path: where the file is.
    """

    kind: str
    sources: dict[str, Any]
    series: dict[str, Any]
    rows: list[Row]
    path: str

    def conditions(self, row: Row) -> Row:
        """Return the row with what its series says filled in beneath."""
        shared = self.series.get(str(row.get("series")), {})
        return {**shared, **row}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What Weft says about one measured value of one row, in the unit that ``metric`` names.

    ``status`` is ``"ok"`` or ``"unsupported"``; then ``reason`` says what cannot be expressed yet. ``cause`` is why
    it is far off, where that is known. The rest are labels that summaries group by.
    """

    id: str
    metric: str
    predicted: float | None
    measured: float | None
    status: str = "ok"
    reason: str = ""
    source: str = ""
    stack: str = ""
    accelerator: str = ""
    op: str = ""
    size_bytes: float | None = None
    cause: str = ""

    @property
    def relative_error(self) -> float | None:
        """``predicted / measured - 1``, or None where one is missing or the measured value is zero."""
        if self.status != "ok" or self.predicted is None or not self.measured:
            return None
        error = self.predicted / self.measured - 1
        return error if math.isfinite(error) else None


def unsupported(
    row: Row,
    reason: str,
    *,
    metric: str = "",
    measured: float | None = None,
    stack: str = "",
    accelerator: str = "",
) -> Prediction:
    """Return the prediction that says why there is none."""
    return Prediction(
        str(row.get("id", "")),
        metric or next(iter(row.get("measured") or {}), ""),
        None,
        measured,
        status="unsupported",
        reason=reason,
        source=str(row.get("source", "")),
        stack=stack,
        accelerator=accelerator,
    )


def read_rows(path: str | os.PathLike[str]) -> RowFile:
    """Read a rows file.

    Raises:
        ConfigError: not such a file, or a row that is malformed; the message names file, line and row.
    """
    document = read_document(path, max_bytes=_MAX_BYTES)
    top = document.value
    if "rows" not in top:
        unknown = next((key for key in top if key not in _TOP), None)
        hint = f", read {unknown!r}" if unknown else ""
        raise ConfigError(f"expected measured rows under 'rows:'{hint}", file=document.path, line=1)
    rows = top["rows"]
    if not isinstance(rows, list) or not rows:
        raise _wrong(document, ("rows",), "expected a list of at least one row")
    for field in ("sources", "series"):
        _check_shared(document, top.get(field), field)
    checked = [_checked(document, index, row) for index, row in enumerate(rows)]
    kind = top.get("file") or _recognise(checked)
    if not isinstance(kind, str):
        raise _wrong(document, ("file",), f"expected the suite's name, such as nccl or training, read {kind!r}")
    return RowFile(kind, top.get("sources") or {}, top.get("series") or {}, checked, document.path)


def _check_shared(document: Document, value: Any, field: str) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise _wrong(document, (field,), f"expected {field} by name, read {str(value)[:40]!r}")
    for name, entry in value.items():
        if not isinstance(entry, dict):
            raise _wrong(document, (field, name), f"{name}: expected 'name: value' fields")


def _checked(document: Document, index: int, row: Any) -> Row:
    place = ("rows", index)
    if not isinstance(row, dict):
        raise _wrong(
            document, place, f"row {index + 1}: expected {{id: ..., measured: {{...}}}}, read {str(row)[:40]!r}"
        )
    name = str(row.get("id") or f"row-{index + 1}")
    measured = row.get("measured")
    if not isinstance(measured, dict) or not measured:
        raise _wrong(document, place, f"row {name}: needs measured values, such as measured: {{busbw_GBps: 480}}")
    series = row.get("series")
    if series is not None and str(series) not in (document.value.get("series") or {}):
        raise _wrong(document, place, f"row {name}: its series {str(series)[:60]!r} is not under 'series:'")
    return row if row.get("id") == name else {**row, "id": name}


def _recognise(rows: list[Row]) -> str:
    """Tell the suite of rows whose file does not name it, by their ids or their fields."""
    prefix = rows[0]["id"].rpartition("-")[0]
    if prefix and prefix != "row" and all(row["id"].startswith(prefix + "-") for row in rows):
        return str(prefix)
    if any("op" in row and "size_B" in row for row in rows):
        return "nccl"
    return "training" if any("model" in row for row in rows) else "unnamed"


def _wrong(document: Document, place: tuple[Any, ...], message: str) -> ConfigError:
    return ConfigError(message, file=document.path, line=document.line(place))
