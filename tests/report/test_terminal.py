"""Tables keep their width, and colour stays out of pipes."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.report.terminal import Column, coloured, number, pairs, percent, style, table


def test_aligns_and_marks_numbers() -> None:
    text = table([Column("part"), Column("W", right=True)], [("switch", 1200), ("nic", None)])
    assert text.split("\n") == ["part       W", "switch  1200", "nic"]


@given(st.lists(st.tuples(st.text("abc ", max_size=90), st.text("xyz", max_size=200)), max_size=5))
def test_shrinking_columns_keep_within_the_limit(rows: list[tuple[str, str]]) -> None:
    text = table([Column("left", shrinks=True), Column("right", shrinks=True)], rows, limit=40)
    assert max(map(len, text.split("\n"))) <= 40
    assert len(text.split("\n")) == len(rows) + 1


def test_no_colour_in_pipes_or_where_the_user_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    assert style("x", "bold") == "x"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured()
    assert style("x", "bold", "red") == "\x1b[1;31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert style("x", "bold") == "x"


def test_numbers_are_short() -> None:
    assert [number(value) for value in (None, 0.0, 480.123, 12345.6, 1e-9, 2.5e12)] == [
        "-",
        "0",
        "480.1",
        "12350",
        "1.000e-09",
        "2.500e+12",
    ]
    assert percent(0.0312) == "3.1%"
    assert percent(-0.5, signed=True) == "-50.0%"
    assert percent(None) == "-"


def test_pairs_align() -> None:
    assert pairs([("a", "1"), ("long", "2")]) == "a     1\nlong  2"
