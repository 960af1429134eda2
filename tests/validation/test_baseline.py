"""A baseline fails what is worse and nothing else, and is read back as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.errors import ConfigError
from weft.validation import Prediction, Report
from weft.validation.baseline import compare, packaged_path, read_baseline, write_baseline


def report(errors: dict[str, float | None], kind: str = "toy") -> Report:
    """Predictions of 100 measured, with these errors; None for those that cannot be made."""
    made = [
        Prediction(name, "time_us", None if e is None else 100 * (1 + e), 100.0, "unsupported" if e is None else "ok")
        for name, e in errors.items()
    ]
    return Report(kind, made, 0, {})


BEFORE: dict[str, float | None] = {f"r{i}": 0.01 * i for i in range(1, 11)}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.yaml"
    write_baseline(path, [report(BEFORE)])
    return path


def test_what_is_written_is_read(stored: Path) -> None:
    (suite,) = read_baseline(stored).values()
    assert suite.rows == pytest.approx({f"{name} time_us": error for name, error in BEFORE.items()}, abs=1e-5)
    assert suite.figures == pytest.approx({"median_abs_error": 0.055, "p90_abs_error": 0.091, "bias": 0.055})
    assert compare([report(BEFORE)], read_baseline(stored), whole=True).worse == ()


def test_names_that_yaml_could_mistake_survive(tmp_path: Path) -> None:
    path, odd = tmp_path / "b.yaml", {"a: b": 0.1, "- #1": 0.2, 'say "x"': -0.3, "12": 0.0, "ünï": 0.4}
    write_baseline(path, [report({**odd}, kind="null")])
    assert read_baseline(path)["null"].rows == pytest.approx({f"{name} time_us": e for name, e in odd.items()})


def test_writing_one_suite_keeps_the_others(stored: Path) -> None:
    write_baseline(stored, [report({"x": 0.5}, kind="other")])
    assert read_baseline(stored).keys() == {"other", "toy"}
    assert read_baseline(stored)["toy"].rows["r1 time_us"] == 0.01


@pytest.mark.parametrize(
    ("change", "worse"),
    [
        ({"r3": 0.2}, {"r3 time_us"}),
        ({"r3": -0.2}, {"r3 time_us"}),
        ({"r3": None}, {"r3 time_us"}),
        ({"r3": 0.0}, set()),
        ({"r3": 0.0301}, set()),
        ({"new": 3.0}, set()),
        ({name: (e or 0) + 0.002 for name, e in BEFORE.items()}, {"median_abs_error", "p90_abs_error", "bias"}),
        ({name: -(e or 0) for name, e in BEFORE.items()}, set()),
    ],
)
def test_worse_is_further_off_or_gone(stored: Path, change: dict[str, float | None], worse: set[str]) -> None:
    found = compare([report({**BEFORE, **change})], read_baseline(stored), whole=True)
    assert worse <= {each.what for each in found.worse}
    if not worse:
        assert found.worse == ()
    assert found.new == ("new" in change)


def test_some_rows_are_compared_by_themselves(stored: Path) -> None:
    found = compare([report({"r1": 0.01, "r2": 0.5})], read_baseline(stored), whole=False)
    assert [each.what for each in found.worse] == ["r2 time_us"]
    assert found.figures == ()


@pytest.mark.parametrize(
    "text", ["suites: {}", "rows: []", "suites: {toy: 3}", "suites: {toy: {summary: {}, rows: {a: x}}}"]
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="expected"):
        read_baseline(path)


def test_the_command_fails_what_is_worse(weft: Callable[..., Any], tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    assert weft("validate", "--suite", "topology", "--baseline", kept, "--update-baseline").code == 0
    same = weft("validate", "--suite", "topology", "--baseline", kept, "--json")
    assert same.code == 0
    assert json.loads(same.out)["baseline"]["holds"] is True
    text = kept.read_text()
    assert '"topology-0063 total_nvlinks_used": 0.33333' in text
    kept.write_text(
        text.replace('"topology-0063 total_nvlinks_used": 0.33333', '"topology-0063 total_nvlinks_used": 0.1')
    )
    worse = weft("validate", "--suite", "topology", "--baseline", kept, "--summary")
    assert worse.code == 1
    assert "Predictions are worse" in worse.out
    assert "topology topology-0063 total_nvlinks_used" in worse.out


@pytest.mark.parametrize(
    "options",
    [
        ["--suite", "topologies"],
        ["--suite", "topology", "--only", "x", "--update-baseline"],
        ["--suite", "topology", "--against-baseline", "--update-baseline"],
        ["--suite", "topology", "--baseline", "missing.yaml"],
        ["--rows", "ROWS", "--against-baseline"],
        ["--rows", "ROWS", "--update-baseline"],
        ["--suite", "headlines", "--html", "no/such/folder/report.html"],
    ],
)
def test_bad_input_is_one_line_and_exit_2(weft: Callable[..., Any], tmp_path: Path, options: list[str]) -> None:
    rows = tmp_path / "rows.yaml"
    rows.write_text("file: topology\nrows:\n- {id: mine-1, topology: FT2, measured: {endpoints: 2048}}\n")
    ran = weft("validate", *[rows if each == "ROWS" else each for each in options])
    assert ran.code == 2
    assert ran.out == ""
    assert len(ran.err.strip().splitlines()) == 1


def test_users_rows_have_a_baseline_of_their_own(weft: Callable[..., Any], tmp_path: Path) -> None:
    rows, kept = tmp_path / "rows.yaml", tmp_path / "kept.yaml"
    rows.write_text("file: topology\nrows:\n- {id: mine-1, topology: FT2, measured: {endpoints: 2048}}\n")
    assert weft("validate", "--rows", rows, "--baseline", kept, "--update-baseline").code == 0
    assert weft("validate", "--rows", rows, "--baseline", kept, "--against-baseline").code == 0
    assert read_baseline(kept)["topology"].rows == {"mine-1 endpoints": 0.0}


def test_the_package_has_a_baseline_of_every_suite() -> None:
    baseline = read_baseline(packaged_path())
    assert {name: len(suite.rows) > 20 for name, suite in baseline.items()} == dict.fromkeys(baseline, True)
