"""Timelines: what the viewers need to draw every slice."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from weft.report.perfetto import Counter, Slice, trace, write_trace


def test_names_times_and_counters(tmp_path: Path) -> None:
    slices = [
        Slice("rank 0", "compute", "forward", 0.001, 0.002, {"layer": 3}),
        ("rank 0", "TP", "all_reduce", 0.003, 0.001),
    ]
    path = tmp_path / "t.json"
    write_trace(path, slices, [Counter("rank 0", "busy", 0.0, 1.5)], about={"engine": "analytic"})
    read = json.loads(path.read_text())
    events = read["traceEvents"]
    names = {(e["name"], e["args"]["name"]) for e in events if e["ph"] == "M"}
    assert names == {("process_name", "rank 0"), ("thread_name", "compute"), ("thread_name", "TP")}
    forward = next(e for e in events if e["name"] == "forward")
    assert (forward["ts"], forward["dur"], forward["args"]) == (1000.0, 2000.0, {"layer": 3})
    assert next(e for e in events if e["ph"] == "C")["args"] == {"value": 1.5}
    assert read["otherData"] == {"engine": "analytic"}


def test_gzip_is_the_same_trace_and_reproducible(tmp_path: Path) -> None:
    slices = [Slice("g", "t", "n", 0.0, 1.0)]
    for name in ("a.json.gz", "b.json.gz"):
        write_trace(tmp_path / name, slices)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert json.loads(gzip.decompress((tmp_path / "a.json.gz").read_bytes())) == trace(slices)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), max_size=25))
def test_slices_of_one_lane_follow_or_nest(spans: list[tuple[int, int]]) -> None:
    """The viewers drop a slice that overlaps its neighbour without lying inside it."""
    events = trace([Slice("g", "t", str(i), float(a), float(d)) for i, (a, d) in enumerate(spans)])["traceEvents"]
    drawn = [e for e in events if e["ph"] == "X"]
    assert len(drawn) == len(spans)
    lanes = defaultdict(list)
    for e in drawn:
        lanes[e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
    for lane in lanes.values():
        for i, (a, b) in enumerate(lane):
            for c, d in lane[i + 1 :]:
                assert c >= b or d <= a or (a <= c and d <= b) or (c <= a and b <= d)
