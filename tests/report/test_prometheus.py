"""Metrics in text, read back by a small parser of the exposition format."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.report.prometheus import Metric, exposition, write_metrics

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)')


def parse(text: str) -> dict[str, dict[str, object]]:
    """Read an exposition: {metric: {kind, help, samples: {(name, labels): value}}}; raise where it is malformed."""
    assert text.endswith("\n")
    metrics: dict[str, dict[str, object]] = {}
    current = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current, help_text = line[7:].split(" ", 1)
            assert re.fullmatch(_NAME, current)
            assert current not in metrics, "a metric's lines stand together"
            metrics[current] = {"help": help_text, "samples": {}}
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == current
            assert kind in ("gauge", "counter", "summary")
            assert "kind" not in metrics[name]
            metrics[name]["kind"] = kind
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            name, inside, value = match[1], match[2] or "", match[3]
            kind = metrics[current]["kind"]
            assert name == current or (kind == "summary" and name in (f"{current}_sum", f"{current}_count"))
            labels, place = {}, 0
            while place < len(inside):
                label = _LABEL.match(inside, place)
                assert label, inside
                labels[label[1]] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), label[2])
                place = label.end()
            key = name, tuple(sorted(labels.items()))
            samples = metrics[current]["samples"]
            assert isinstance(samples, dict)
            assert key not in samples, "the same labels stand twice"
            samples[key] = float(value)
            if kind == "counter":
                assert name.endswith("_total")
                assert float(value) >= 0
    return metrics


@given(text=st.text(max_size=20), value=st.floats())
def test_what_is_written_is_read(text: str, value: float) -> None:
    metric = Metric("weft_thing_bytes", "gauge", "What it is.", [({"link": text}, value)])
    (read,) = parse(exposition([metric]))["weft_thing_bytes"]["samples"].items()  # type: ignore[attr-defined]
    assert read[0] == ("weft_thing_bytes", (("link", text),))
    assert read[1] == value or (math.isnan(read[1]) and math.isnan(value))


def test_help_is_one_line() -> None:
    read = parse(exposition([Metric("a", "gauge", "one\ntwo \\ three", [({}, 1)])]))
    assert read["a"]["help"] == "one\\ntwo \\\\ three"


def test_a_summary_has_quantiles_a_sum_and_a_count() -> None:
    metric = Metric("t_seconds", "summary", "T.", [({"quantile": "0.5"}, 2.0)], total=6.0, count=3)
    assert exposition([metric]) == (
        "# HELP t_seconds T.\n# TYPE t_seconds summary\n"
        't_seconds{quantile="0.5"} 2\nt_seconds_sum 6\nt_seconds_count 3\n'
    )


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_metrics(tmp_path / "absent" / "m.prom", [])
