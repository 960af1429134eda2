"""Running a suite: one bad row never stops the others, and faults of ours are counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import weft.validation as validation
from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.files import Strict
from weft.validation import Prediction, run_rows, run_suite

ROWS = """file: toy
rows:
- {id: toy-1, slug: a_small, op: all_reduce, size_B: 8, measured: {time_us: 10}, source: me}
- {id: toy-2, slug: a_big, op: all_reduce, size_B: 100000000, measured: {time_us: 20}, source: me}
- {id: toy-3, slug: infeasible, measured: {time_us: 1}}
- {id: toy-4, slug: fault, measured: {time_us: 1}}
- {id: toy-5, slug: zero, measured: {time_us: 0}}
- {id: toy-6, slug: endless, measured: {time_us: 1}}
- {id: toy-7, slug: nothing, measured: {time_us: 1}}
- {id: toy-8, slug: invalid, measured: {time_us: 1}}
"""


def predict(row: dict[str, Any], file: validation.RowFile) -> list[Prediction]:
    if row["slug"] == "infeasible":
        raise InfeasibleError("does not fit")
    if row["slug"] == "invalid":
        Strict.model_validate({"accelerators": 8})
    if row["slug"] == "fault":
        raise ZeroDivisionError("oops")
    if row["slug"] == "nothing":
        return []
    value = float("inf") if row["slug"] == "endless" else 11.0
    return [Prediction(row["id"], "time_us", value, row["measured"]["time_us"], accelerator="h100_sxm")]


@pytest.fixture
def rows_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = ModuleType("toy_suite")
    module.predict = predict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_suite", module)
    monkeypatch.setitem(validation.SUITES, "toy", "toy_suite")
    path = tmp_path / "rows.yaml"
    path.write_text(ROWS)
    return path


def test_every_row_yields_something(rows_file: Path) -> None:
    report = run_rows(rows_file)
    by_id = {p.id: p for p in report.predictions}
    assert len(by_id) == 8
    assert report.internal_errors == 2
    assert by_id["toy-1"].relative_error == pytest.approx(0.1)
    assert (by_id["toy-1"].op, by_id["toy-1"].source, by_id["toy-1"].size_bytes) == ("all_reduce", "me", 8.0)
    assert by_id["toy-3"].reason == "does not fit"
    assert by_id["toy-4"].reason == "internal error: ZeroDivisionError: oops"
    assert "zero" in by_id["toy-5"].reason
    assert "not a finite number" in by_id["toy-6"].reason
    assert by_id["toy-7"].status == "unsupported"
    assert by_id["toy-8"].reason.startswith("accelerators: Extra inputs are not permitted")
    assert (report.summary.n, report.summary.unsupported) == (2, 6)


@pytest.mark.parametrize(
    ("pattern", "ids"), [("small", ["toy-1"]), ("a_*", ["toy-1", "toy-2"]), ("toy-[37]", ["toy-3", "toy-7"])]
)
def test_only(rows_file: Path, pattern: str, ids: list[str]) -> None:
    assert [p.id for p in run_rows(rows_file, only=pattern).predictions] == ids


def test_kinds_without_a_model_say_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text("file: reliability\nrows:\n- {id: reliability-1, measured: {switches: 96}}\n")
    (only,) = run_rows(path).predictions
    assert (only.id, only.status, only.reason) == ("reliability-1", "unsupported", "no model for this suite yet")


def test_unknown_suite() -> None:
    with pytest.raises(UnknownName, match="did you mean 'training'"):
        run_suite("trainings")


def test_progress_sees_every_row(rows_file: Path) -> None:
    seen: list[int] = []

    def count(rows: Any, total: int) -> Any:
        seen.append(total)
        return rows

    run_rows(rows_file, progress=count)
    assert seen == [8]


def test_json_and_exit_codes(rows_file: Path, weft: Callable[..., Any]) -> None:
    ran = weft("validate", "--rows", rows_file, "--json")
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.validate/1"
    first = answer["rows"][0]
    assert {"id", "metric", "predicted", "measured", "relative_error", "status", "reason", "source"} <= first.keys()
    assert set(answer["summary"]) == {"n", "unsupported", "median_abs_error", "p90_abs_error", "bias"}
    assert answer["groups"]["op"]["all_reduce"]["n"] == 2
    assert ran.code == 3  # toy-4 and toy-6 are faults
    assert weft("validate", "--rows", rows_file, "--only", "toy-1").code == 0
    nothing = weft("validate", "--rows", rows_file, "--only", "nope")
    assert (nothing.code, nothing.out) == (2, "")
    assert weft("validate", "--rows", rows_file, "--suite", "nccl").code == 2


def test_text_names_every_row_and_why_not(rows_file: Path, weft: Callable[..., Any]) -> None:
    out = weft("validate", "--rows", rows_file).out
    for words in (
        "toy-1",
        "+10.0%",
        "does not fit",
        "median |error|",
        "Furthest off",
        "cannot be expressed yet because",
    ):
        assert words in out
    assert max(map(len, out.split("\n"))) <= 100
    assert "toy-3" not in weft("validate", "--rows", rows_file, "--summary").out


def test_malformed_rows_are_one_line(tmp_path: Path, weft: Callable[..., Any]) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text("rows:\n- {id: x}\n")
    ran = weft("validate", "--rows", path)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    with pytest.raises(ConfigError):
        run_rows(path)
