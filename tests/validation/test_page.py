"""The page stands by itself, is well formed, and its marks lie where their values say."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from weft.validation import Prediction, Report, run_suite
from weft.validation.baseline import Comparison
from weft.validation.causes import causes, known_cause
from weft.validation.page import page
from weft.validation.scatter import COLOURS, colours_of, scatter

VOID = {"meta", "br", "hr", "img"}


class Nesting(HTMLParser):
    """Every tag that opens closes again, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def made(row: str, predicted: float, measured: float, stack: str = "nccl") -> Prediction:
    return Prediction(row, "busbw_GBps", predicted, measured, stack=stack, source="us")


PREDICTIONS = [
    made("a", 10, 10),
    made("b", 90, 100),
    made("<c>", 1500, 1000, "rccl"),
    Prediction("d", "x", None, 1, "unsupported", "why & why"),
]
REPORT = Report("toy", PREDICTIONS, 0, {"us": {"title": "<b>our</b> log", "seen_kind": "primary_log"}})


def test_it_is_whole_escaped_and_needs_nothing_else() -> None:
    text = page([REPORT], Comparison((), (), (), 1))
    parser = Nesting()
    parser.feed(text)
    assert parser.open == []
    assert parser.seen.count("svg") == 1
    assert "<c>" not in text
    assert "<b>our</b>" not in text
    assert "why &amp; why" in text
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)
    assert "no worse than the baseline" in text


def test_marks_lie_where_their_values_say() -> None:
    found = [p for p in REPORT.predictions if p.relative_error is not None]
    picture = ElementTree.fromstring(scatter("busbw", found, colours_of(["nccl", "rccl"])))
    marks = [(float(m.attrib["cx"]), float(m.attrib["cy"]), m.attrib["fill"]) for m in picture.iter("circle")]
    (x1, y1, c1), (x2, y2, _), (x3, y3, c3) = marks
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    # A decade is as wide as it is high; 10 to 10 is on the diagonal, 1,500 for 1,000 above it.
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert x1 + y1 == pytest.approx(300, abs=0.2)
    assert x3 + y3 < 299
    assert (c1, c3) == COLOURS[:2]
    assert all(46 <= x <= 254 and 46 <= y <= 254 for x, y, _ in marks)
    assert "+50.0%" in ElementTree.tostring(picture, encoding="unicode")


def test_one_value_has_an_axis_too() -> None:
    same = [made(str(i), 5, 5) for i in range(3)]
    assert len(list(ElementTree.fromstring(scatter("x", same, {"nccl": "#000"})).iter("circle"))) == 3


def test_the_command_writes_it(weft: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    ran = weft("validate", "--suite", "headlines", "--summary", "--html", path)
    assert ran.code == 0
    assert f"wrote {path}" in ran.err
    assert "headlines-0027" in path.read_text(encoding="utf-8")


def test_suites_have_other_names_and_rows_are_picked_by_stack(weft: Callable[..., Any]) -> None:
    assert run_suite("collectives", only="nccl-0001").kind == "nccl"
    picked = run_suite("training", only="llama?")
    assert {p.stack for p in picked.predictions if p.stack} == {"llama3"}
    rccl = run_suite("nccl", only="rccl")
    assert {p.stack for p in rccl.predictions if p.status == "ok"} == {"rccl"}
    everything = weft("validate", "--suite", "all", "--only", "*nvls*", "--summary")
    assert everything.code == 0
    assert "headlines" in everything.out


def test_known_causes_are_of_rows_that_are_and_are_printed(weft: Callable[..., Any]) -> None:
    ids = {p.id for name in ("nccl", "topology", "headlines") for p in run_suite(name).predictions}
    for cause in causes():
        assert set(cause.ids) <= ids
    assert known_cause("topology-0001", "cost_MUSD")
    assert not known_cause("topology-0001", "switches")
    out = weft("validate", "--suite", "topology", "--summary").out
    assert "Why, where it is known" in out
    assert "eight A100 have 96 NVLinks" in out
